"""`husk serve` in a damaged state directory: it says so, keeps what is whole, deletes nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from peers.husk import PYTHON, Husk, one_line
from peers.processes import end_keeper, keeper_of
from peers.server import V1, Server, is_idle, text
from peers.users import Users
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

GARBAGE = bytes(range(7, 251)) * 20

RECORDS = 64
"""Where the records of a journal's file begin."""


@pytest.fixture
def server(husk: Husk, base: Path, tmp_path: Path) -> Iterator[Server]:
    """A server with a state directory of its own, which a test may damage."""
    own = husk.with_state(Path(tempfile.mkdtemp(prefix="damage-", dir=base)))
    server = Server(own, tmp_path)
    yield server
    server.kill()
    end_keeper(own.state)
    assert "Fatal error" not in server.log
    assert "Program crashed" not in server.log


@pytest.fixture
def kernel(server: Server) -> str:
    """A kernel that remembers something."""
    identifier = server.start_kernel()
    channels = server.channels(identifier)
    channels.run("kept = 42")
    channels.close()
    return identifier


def state_of(server: Server) -> Path:
    """The state directory of a server."""
    return server.husk.state


def journal_of(server: Server, kernel: str) -> Path:
    """The first file of a kernel's journal."""
    return state_of(server) / "kernels" / f"{kernel}-1" / "1.journal"


def content(path: Path) -> object:
    """What is there, of whatever kind; None for nothing."""
    if path.is_symlink():
        return path.readlink()
    if path.is_dir():
        return {child.name: content(child) for child in path.iterdir()}
    return path.read_bytes() if path.exists() else None


def assert_set_aside(path: Path, before: object) -> None:
    """What was there is still there, under another name."""
    assert before is None or content(path.with_name(f"{path.name}.damaged-1")) == before


def started_again(server: Server) -> str:
    """What a server says that is started again."""
    before = len(server.log)
    server.start_again()
    return server.log[before:]


def refusal(server: Server) -> str:
    """The line with which a start is refused."""
    done = server.husk.run(
        *("serve", "--port", "0", "--token", "x", "--root", server.root, "--python", PYTHON)
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    return one_line(done.stderr)


def assert_usable(server: Server, kernel: str, code: str = "print(kept)") -> None:
    """The kernel is there, and its variables are."""
    assert kernel in [model["id"] for model in server.get("/api/kernels").json()]
    channels = server.channels(kernel)
    assert text(channels.run(code)) == "42\n"
    # A server after this one has it, too, and finds nothing to say of it.
    channels.close()
    server.kill()
    assert "is damaged" not in started_again(server)
    channels = server.channels(kernel)
    assert text(channels.run(code)) == "42\n"
    channels.close()


# ---- Journals


def end_of_records(journal: Path) -> int:
    """Where the records of a file end."""
    data = journal.read_bytes()
    return len(data.rstrip(b"\0"))


def cut(path: Path) -> None:
    """Cuts a journal off within a record."""
    os.truncate(path, (RECORDS + end_of_records(path)) // 2 | 1)


def empty(path: Path) -> None:
    """Cuts a file off at its beginning."""
    os.truncate(path, 0)


def scribble(path: Path) -> None:
    """Writes garbage over the middle of what a file holds."""
    with path.open("r+b") as file:
        file.seek((RECORDS + end_of_records(path)) // 2)
        file.write(GARBAGE[:100])


def scribble_first(path: Path) -> None:
    """Writes garbage over the beginning of a file."""
    with path.open("r+b") as file:
        file.write(GARBAGE[:200])


def scribble_last(path: Path) -> None:
    """Writes garbage over the end of the last record."""
    with path.open("r+b") as file:
        file.seek(end_of_records(path) - 8)
        file.write(GARBAGE[:100])


def wipe(path: Path) -> None:
    """Writes zeros over the middle of what a file holds."""
    with path.open("r+b") as file:
        file.seek((RECORDS + end_of_records(path)) // 2)
        file.write(bytes(512))


def prolong(path: Path) -> None:
    """Appends garbage to a file."""
    with path.open("ab") as file:
        file.write(GARBAGE)


def replace(path: Path) -> None:
    """Puts garbage in the place of a file."""
    path.write_bytes(GARBAGE)


def take_away(path: Path) -> None:
    """Takes a file away, out of the state directory."""
    # The third folder of the path goes away with the tests.
    path.rename(path.parents[len(path.parts) - 4] / f"{path.name}.taken")


def become_folder(path: Path) -> None:
    """Puts a folder in the place of a file."""
    take_away(path)
    path.mkdir()
    (path / "note").write_text("somebody's")


def become_link(path: Path) -> None:
    """Puts a link in the place of a file."""
    take_away(path)
    path.symlink_to("/etc/hostname")


JOURNAL = [
    *(cut, empty, scribble, scribble_first, scribble_last, wipe, prolong, replace, take_away),
    *(become_folder, become_link),
]


@pytest.mark.parametrize("damage", JOURNAL)
def test_journal(server: Server, kernel: str, damage: Callable[[Path], None]) -> None:
    """A kernel lives on, whatever becomes of its journal."""
    journal = journal_of(server, kernel)
    server.kill()
    damage(journal)
    before = content(journal)
    said = started_again(server)
    assert f"{journal} is damaged" in said or f"{journal.parent} holds no journal" in said
    assert_set_aside(journal, before)
    assert_usable(server, kernel)


@pytest.mark.parametrize("damage", [cut, empty, scribble_last, take_away])
def test_journal_while_a_cell_runs(
    server: Server, kernel: str, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    """What runs goes on, and what comes behind it is run."""
    gate = server.root / "gate"
    channels = server.channels(kernel)
    code = "import os, time\nprint('begun', flush=True)\n"
    code += "while not os.path.exists('gate'): time.sleep(0.01)\ncame = 42"
    request = channels.execute(code)
    for message in channels.until(lambda m: m["header"]["msg_type"] == "stream"):
        assert message["content"].get("text", "begun\n") == "begun\n"
    server.kill()
    damage(journal_of(server, kernel))
    assert str(journal_of(server, kernel).parent) in started_again(server)
    gate.write_text("")
    assert_usable(server, kernel, "print(came)")
    assert request


def states(server: Server) -> list[str]:
    """States of all kernels."""
    return [model["execution_state"] for model in server.get("/api/kernels").json()]


@pytest.fixture
def long_kernel(server: Server) -> tuple[str, Path]:
    """A kernel whose journal has several files, and its folder."""
    identifier = server.start_kernel()
    channels = server.channels(identifier, framing=V1)
    channels.run("kept = 42")
    # Each file has eight megabytes, but for the first. Nobody reads them now.
    channels.execute("for n in range(500): print('x' * 50_000)")
    channels.drop()
    folder = journal_of(server, identifier).parent
    wait_until(lambda: len(list(folder.glob("*.journal"))) == 4, 30, "four files")
    wait_until(lambda: states(server) == ["idle"], 30, "the cell is through")
    return identifier, folder


@pytest.mark.parametrize(
    ("damage", "number"),
    [(take_away, 1), (take_away, 2), (take_away, 4), (scribble, 3), (scribble, 4)],
)
def test_files_of_a_journal(
    server: Server, long_kernel: tuple[str, Path], damage: Callable[[Path], None], number: int
) -> None:
    """One of several files costs what was in it, and nothing else."""
    kernel, folder = long_kernel
    server.kill()
    damage(folder / f"{number}.journal")
    before = content(folder / f"{number}.journal")
    said = started_again(server)
    assert f"{folder}/{number}.journal is {'missing' if damage is take_away else 'damaged'}" in said
    assert_set_aside(folder / f"{number}.journal", before)
    channels = server.channels(kernel, since=0)
    request = channels.execute("print(kept)")
    messages = list(channels.until(is_idle(request)))
    channels.close()
    own = [m for m in messages if m["parent_header"].get("msg_id") == request]
    assert text(own) == "42\n"
    # What is whole is still told: three files hold at least sixteen megabytes.
    assert len(text(messages)) > 15_000_000
    sequences = [m["metadata"]["husk"]["seq"] for m in messages if "husk" in m["metadata"]]
    assert sequences == sorted(set(sequences))


@pytest.mark.parametrize("name", ["session", "position", "hello"])
@pytest.mark.parametrize("damage", [empty, replace, take_away, become_folder, become_link])
def test_small_files(
    server: Server, kernel: str, name: str, damage: Callable[[Path], None]
) -> None:
    """What stands beside the journal can be had anew."""
    server.post(f"/api/kernels/{kernel}/connect")
    server.kill()
    path = journal_of(server, kernel).with_name(name)
    damage(path)
    said = started_again(server)
    if not (name == "position" and damage is empty) and not (
        name != "session" and damage is take_away
    ):
        assert f"{path} is " in said
    assert_usable(server, kernel)


@pytest.mark.parametrize("damage", [empty, replace, become_folder, become_link])
def test_connection_file(server: Server, kernel: str, damage: Callable[[Path], None]) -> None:
    """A kernel without one gets new sockets when somebody asks."""
    assert server.post(f"/api/kernels/{kernel}/connect").ok
    server.kill()
    path = state_of(server) / f"{kernel}.connection.json"
    damage(path)
    before = content(path)
    assert f"the sockets of the kernel {kernel} are lost" in started_again(server)
    assert_set_aside(path, before)
    with Client(server.post(f"/api/kernels/{kernel}/connect").json()) as client:
        client.wait_ready()
        assert client.run_ok("print(kept)").stdout == "42\n"
    assert_usable(server, kernel)


def test_the_folder_of_kernels(server: Server, kernel: str) -> None:
    """It can be missing as a whole, and is made anew for what lives."""
    server.kill()
    folder = state_of(server) / "kernels"
    folder.rename(folder.with_name("taken"))
    assert f"{folder}/{kernel}-1 is missing" in started_again(server)
    assert_usable(server, kernel)


# ---- The register


def register_of(server: Server) -> Path:
    """The register of a server."""
    return state_of(server) / "server.sqlite"


def forget_log(path: Path) -> None:
    """Takes away what has not come into the database itself."""
    take_away(path.with_name(f"{path.name}-wal"))


def scribble_log(path: Path) -> None:
    """Writes garbage over the beginning of what has not come into the database itself."""
    replace(path.with_name(f"{path.name}-wal"))


def log_as_folder(path: Path) -> None:
    """Puts a folder in the place of what has not come into the database itself."""
    become_folder(path.with_name(f"{path.name}-wal"))


def cut_page(path: Path) -> None:
    """Cuts a database off within its second page."""
    checkpoint(path)
    os.truncate(path, 5000)


def scribble_page(path: Path) -> None:
    """Writes garbage over the second page of a database."""
    checkpoint(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(GARBAGE[:2000])


def replace_all(path: Path) -> None:
    """Puts garbage in the place of a database that needs no log."""
    checkpoint(path)
    replace(path)


def become_another(path: Path) -> None:
    """Puts another program's database in the place of a database."""
    for suffix in ("", "-wal", "-shm"):
        take_away(path.with_name(f"{path.name}{suffix}"))
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE kernels (x)")
        database.execute("INSERT INTO kernels VALUES ('somebody''s')")
    database.close()


def checkpoint(path: Path) -> None:
    """Brings everything into the database itself."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


DATABASE = [
    *(empty, replace_all, cut_page, scribble_page, take_away, become_folder, become_link),
    *(become_another, scribble_log, log_as_folder),
]


@pytest.mark.parametrize("damage", [*DATABASE, forget_log])
def test_register(server: Server, kernel: str, damage: Callable[[Path], None]) -> None:
    """Kernels are found without it, and what it holds is not written over."""
    server.kill()
    path = register_of(server)
    damage(path)
    of_log = "_log" in damage.__name__ or "log_" in damage.__name__
    file = path.with_name(f"{path.name}-wal") if of_log else path
    before = content(file)
    said = started_again(server)
    if damage is not forget_log:
        assert f"{file} is damaged: " in said
        assert_set_aside(file, before)
    else:
        assert f"the register does not name the kernel {kernel}" in said
    assert_usable(server, kernel)


@pytest.mark.parametrize("damage", DATABASE)
def test_sessions(server: Server, damage: Callable[[Path], None]) -> None:
    """Kernels live on without them, and what the file holds is not written over."""
    session = {"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {}}
    made = server.post("/api/sessions", session)
    assert made.status_code == 201, made.text
    kernel = made.json()["kernel"]["id"]
    server.kill()
    path = state_of(server) / "sessions.sqlite"
    damage(path)
    of_log = damage in (scribble_log, log_as_folder)
    file = path.with_name(f"{path.name}-wal") if of_log else path
    before = content(file)
    assert f"{file} is damaged: " in started_again(server)
    assert_set_aside(file, before)
    assert [model["id"] for model in server.get("/api/kernels").json()] == [kernel]
    assert server.post("/api/sessions", session).status_code == 201


def test_what_can_be_read_of_a_register(server: Server) -> None:
    """It is put into the new one: folders, and results of executions."""
    folder = server.root / "below"
    folder.mkdir()
    kernel = server.start_kernel(path="below")
    path = f"/api/kernels/{kernel}"
    answer = server.post(f"{path}/execute", {"code": "6 * 7"}, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 202, answer.text
    place = answer.headers["Location"]
    wait_until(lambda: server.get(place).status_code == 200, 20, "the result")
    result = server.get(place).json()
    server.kill()
    register = register_of(server)
    checkpoint(register)
    with sqlite3.connect(register) as database:
        # A page that no table needs any more, and that is damaged.
        database.execute("CREATE TABLE more AS SELECT hex(randomblob(9000)) AS x")
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'more'"
        ).fetchone()
    database.close()
    checkpoint(register)
    with register.open("r+b") as file:
        file.seek(4096 * (page - 1))
        file.write(GARBAGE[:100])
    said = started_again(server)
    assert f"{register} is damaged: " in said
    assert "does not name" not in said
    assert server.get(place).json() == result
    channels = server.channels(kernel)
    assert text(channels.run("import os; print(os.path.basename(os.getcwd()))")) == "below\n"
    channels.close()
    assert server.post(f"{path}/restart").status_code == 200
    channels = server.channels(kernel)
    assert text(channels.run("import os; print(os.path.basename(os.getcwd()))")) == "below\n"
    channels.close()


def test_a_restart_that_the_register_has_lost(server: Server, kernel: str) -> None:
    """The interpreter that lives is taken over, and not looked for under an earlier one's name."""
    server.kill()
    register = register_of(server)
    checkpoint(register)
    before = register.read_bytes()
    server.start_again()
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    channels = server.channels(kernel)
    channels.run("kept = 42")
    channels.close()
    server.kill()
    for suffix in ("-wal", "-shm"):
        take_away(register.with_name(f"{register.name}{suffix}"))
    register.write_bytes(before)
    said = started_again(server)
    assert f"does not know of the latest restart of the kernel {kernel}" in said
    assert_usable(server, kernel)


def note_phase(server: Server, kernel: str, phase: int) -> None:
    """Leaves a register as a server does that is killed while it starts or ends a kernel."""
    with sqlite3.connect(register_of(server)) as database:
        database.execute("UPDATE kernels SET phase = ? WHERE id = ?", (phase, kernel))
    database.close()


def test_a_kernel_that_was_being_started(server: Server) -> None:
    """One whose interpreter runs is there with what it was to have; of another one nobody knows."""
    (server.root / "below").mkdir()
    kernel = server.start_kernel(path="below")
    unborn = server.start_kernel()
    server.kill()
    for identifier in (kernel, unborn):
        note_phase(server, identifier, 0)
    stopped = server.husk.run("stop", unborn)
    assert stopped.returncode == 0, stopped.stderr
    said = started_again(server)
    assert kernel not in said
    assert unborn not in said
    (model,) = server.get("/api/kernels").json()
    assert model["id"] == kernel
    channels = server.channels(kernel)
    assert text(channels.run("import os; print(os.path.basename(os.getcwd()))")) == "below\n"
    channels.close()
    # It lives like any other one now.
    server.kill()
    assert server.husk.run("stop", kernel).returncode == 0
    server.start_again()
    (model,) = server.get("/api/kernels").json()
    assert model["execution_state"] == "dead"


def test_a_kernel_that_was_being_ended(server: Server, kernel: str) -> None:
    """It ends, as somebody has asked for, whether or not it had ended before the server."""
    gone = server.start_kernel()
    server.kill()
    for identifier in (kernel, gone):
        note_phase(server, identifier, 2)
    assert server.husk.run("stop", gone).returncode == 0
    server.start_again()
    assert server.get("/api/kernels").json() == []
    assert kernel not in server.husk.run("ps").stdout
    server.kill()
    server.start_again()
    assert server.get("/api/kernels").json() == []


def test_a_later_register(server: Server, kernel: str) -> None:
    """It is left alone, and the server does not start."""
    server.kill()
    register = register_of(server)
    with sqlite3.connect(register) as database:
        database.execute("INSERT INTO grdb_migrations VALUES ('of tomorrow')")
    database.close()
    checkpoint(register)
    before = register.read_bytes()
    assert f"{register} was written by a later version of Husk" in refusal(server)
    assert register.read_bytes() == before
    with sqlite3.connect(register) as database:
        database.execute("DELETE FROM grdb_migrations WHERE identifier = 'of tomorrow'")
    database.close()
    server.start_again()
    assert_usable(server, kernel)


@pytest.mark.parametrize("version", [1, 2])
def test_an_earlier_register(server: Server, kernel: str, version: int) -> None:
    """It is brought to today's schema, and its kernels are there. Steps were counted then."""
    server.kill()
    with sqlite3.connect(register_of(server)) as database:
        database.execute("ALTER TABLE kernels DROP COLUMN terms")
        database.execute("ALTER TABLE kernels DROP COLUMN phase")
        database.execute("ALTER TABLE executions DROP COLUMN size")
        if version == 1:
            database.execute("DROP TABLE executions")
        database.execute("DROP TABLE grdb_migrations")
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    server.start_again()
    assert_usable(server, kernel)


def test_a_register_that_cannot_be_written(server: Server, kernel: str) -> None:
    """The server does not start, and says what to do."""
    server.kill()
    register = register_of(server)
    checkpoint(register)
    subprocess.run(["mount", "--bind", register, register], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", register], check=True)
    try:
        said = refusal(server)
    finally:
        subprocess.run(["umount", register], check=True)
    assert f"{register} cannot be used: " in said
    assert "may write to the file" in said
    server.start_again()
    assert_usable(server, kernel)


# ---- Histories and the ledger


@pytest.mark.parametrize("damage", DATABASE)
def test_history(server: Server, kernel: str, damage: Callable[[Path], None]) -> None:
    """A kernel whose past is damaged remembers what comes."""
    path = state_of(server) / f"{kernel}.history.sqlite"
    wait_until(lambda: b"kept = 42" in whole(path), 10, "the history is written")
    server.kill()
    damage(path)
    of_log = damage in (scribble_log, log_as_folder)
    file = path.with_name(f"{path.name}-wal") if of_log else path
    before = content(file)
    said = started_again(server)
    if damage is not become_another:
        assert f"{file} is damaged: " in said
        assert_set_aside(file, before)
    assert_usable(server, kernel)
    channels = server.channels(kernel)
    channels.run("later = 1")
    request = channels.send(
        "history_request",
        {"hist_access_type": "tail", "n": 1, "output": False, "raw": True},
    )
    (reply,) = [
        m for m in channels.until(is_idle(request)) if m["header"]["msg_type"] == "history_reply"
    ]
    assert reply["content"]["history"][0][2] == "later = 1"
    channels.close()


def whole(path: Path) -> bytes:
    """What a database and its log hold."""
    files = [path, path.with_name(f"{path.name}-wal")]
    return b"".join(file.read_bytes() for file in files if file.exists())


@pytest.mark.parametrize("damage", [replace_all, empty, become_folder, scribble_log])
def test_ledger(husk: Husk, base: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Use is put down in a new ledger, and what the old one holds is kept."""
    state = Path(tempfile.mkdtemp(prefix="damage-", dir=base))
    own = husk.with_state(state).with_env(XDG_DATA_HOME=str(tmp_path / "data"))
    server = Server(own, tmp_path)
    try:
        path = tmp_path / "data/husk/usage.sqlite"
        kernel = server.start_kernel()
        channels = server.channels(kernel)
        channels.run("kept = 42")
        channels.close()
        wait_until(lambda: kernel.encode() in whole(path), 10, "the ledger is written")
        server.kill()
        damage(path)
        file = path.with_name(f"{path.name}-wal") if damage is scribble_log else path
        before = content(file)
        assert f"{file} is damaged: " in started_again(server)
        assert_set_aside(file, before)
        assert_usable(server, kernel)
        assert server.get("/api/usage").status_code == 200
    finally:
        server.kill()
        end_keeper(state)


# ---- What is not Husk's, and what is none of a kind


def plant(folder: Path) -> list[Path]:
    """Puts things of somebody's into a folder and those below it."""
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for each in folders:
        (each / "notes.txt").write_text("somebody's")
        (each / "notes.journal").write_text("somebody's")
        (each / "notes.sqlite").write_text("somebody's")
        (each / "somebody").mkdir()
        (each / "somebody" / "data").write_text("somebody's")
        (each / "elsewhere").symlink_to(folder.parent)
    return [each / name for each in folders for name in PLANTED]


PLANTED = ("notes.txt", "notes.journal", "notes.sqlite", "somebody/data", "elsewhere")


def test_what_is_somebody_elses(server: Server, kernel: str) -> None:
    """It is left alone, by the server and the keeper, at a start and when everything has ended."""
    server.kill()
    state = state_of(server)
    planted = plant(state)
    before = [content(path) for path in planted]
    server.start_again()
    assert_usable(server, kernel)
    assert [content(path) for path in planted] == before
    assert server.stop() == 0
    wait_until(lambda: keeper_of(state) is None, 20, "the end of the keeper")
    assert [content(path) for path in planted] == before
    server.start_again()
    other = server.start_kernel()
    server.kill()
    end_keeper(state)
    wait_until(lambda: not journal_of(server, other).exists(), 20, "the clean-up")
    assert [content(path) for path in planted] == before
    said = started_again(server)
    assert f"the kernel {other} is gone" in said
    assert [content(path) for path in planted] == before


WRONG_KIND = ["kernels", "groups", "keeper.lock", "keeper.sock", "server.lock", "server.json"]


@pytest.mark.parametrize("name", WRONG_KIND)
@pytest.mark.parametrize("is_folder", [False, True])
def test_of_the_wrong_kind(server: Server, name: str, is_folder: bool) -> None:
    """What stands in the place of something of Husk's makes way, and is kept."""
    assert server.stop() == 0
    state = state_of(server)
    wait_until(lambda: keeper_of(state) is None, 20, "the end of the keeper")
    path = state / name
    path.unlink(missing_ok=True)
    if is_folder and name not in ("kernels", "groups"):
        path.mkdir()
        (path / "note").write_text("somebody's")
    elif is_folder:
        (state / "somebody").mkdir()
        (state / "somebody" / "note").write_text("somebody's")
        path.symlink_to(state / "somebody")
    else:
        path.write_text("somebody's")
    before = content(path)
    said = started_again(server)
    kernel = server.start_kernel()
    channels = server.channels(kernel)
    assert text(channels.run("print(6 * 7)")) == "42\n"
    channels.close()
    if name.endswith((".lock", ".json")) and not is_folder:
        return  # What a lock holds is of no interest, and an address is of one server.
    if name == "server.json":
        assert "will not find this server" in said
        assert content(path) == before
    else:
        assert str(path) in server.log
        assert_set_aside(path, before)


@pytest.mark.parametrize("damage", [take_away, replace])
def test_the_socket_of_a_keeper_that_lives(
    server: Server, kernel: str, damage: Callable[[Path], None]
) -> None:
    """It makes a new one, so that its kernels are found."""
    server.kill()
    path = state_of(server) / "keeper.sock"
    path.rename(path.with_name("taken"))
    if damage is replace:
        replace(path)
    server.start_again()
    assert_usable(server, kernel)
    assert damage is take_away or content(path.with_name("keeper.sock.damaged-1")) == GARBAGE


def test_an_address_of_a_server_that_is_gone(server: Server, kernel: str) -> None:
    """Commands say so, and the next server writes its own."""
    server.kill()
    notice = state_of(server) / "server.json"
    stale = notice.read_bytes()
    said = one_line(server.husk.run("logs", kernel).stderr)
    assert "husk logs: " in said
    notice.write_bytes(GARBAGE)
    assert "husk logs: " in one_line(server.husk.run("logs", kernel).stderr)
    notice.write_bytes(stale.replace(str(server.port).encode(), b"1"))
    server.start_again()
    assert json.loads(notice.read_text())["url"] == server.url
    assert server.husk.run("logs", kernel).returncode == 0


# ---- Two servers


def test_two_servers(server: Server, kernel: str) -> None:
    """The second is refused, and the first does not notice."""
    notice = (state_of(server) / "server.json").read_bytes()
    said = refusal(server)
    assert f"another server runs in {state_of(server)}" in said
    assert (state_of(server) / "server.json").read_bytes() == notice
    channels = server.channels(kernel)
    assert text(channels.run("print(kept)")) == "42\n"
    channels.close()


def test_servers_at_once(server: Server, kernel: str) -> None:
    """Of many that start together one serves, and the others are refused."""
    server.kill()
    command = server.husk.command(
        *("serve", "--port", "0", "--token", server.token, "--root", server.root),
        *("--python", PYTHON),
    )
    started = [
        subprocess.Popen(
            command,
            env=server.husk.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(5)
    ]
    try:
        wait_until(lambda: sum(one.poll() is None for one in started) == 1, 30, "one serves")
        (serving,) = [one for one in started if one.poll() is None]
        for one in started:
            if one is not serving:
                assert one.returncode == 1
                assert one.stderr is not None
                assert "another server runs in" in one_line(one.stderr.read().decode())
        notice = state_of(server) / "server.json"
        wait_until(notice.exists, 20, "its address")
        wait_until(lambda: json.loads(notice.read_text())["pid"] == serving.pid, 20, "its address")
        url = json.loads(notice.read_text())["url"]
        headers = {"Authorization": f"token {server.token}"}
        models = requests.get(f"{url}/api/kernels", headers=headers, timeout=10).json()
        assert [model["id"] for model in models] == [kernel]
    finally:
        for one in started:
            if one.poll() is None:
                one.send_signal(signal.SIGTERM)
            one.wait(20)
            assert one.stderr is not None
            one.stderr.close()


# ---- Rights


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_may_write_to(server: Server, kernel: str, mode: int) -> None:
    """It is not used: they could stand in for a keeper."""
    server.kill()
    state = state_of(server)
    state.chmod(mode)
    assert "others may write to it" in refusal(server)
    state.chmod(0o700)
    server.start_again()
    assert_usable(server, kernel)


RIGHTS = {"server.lock": 0o000, "server.sqlite": 0o400, "": 0o500}


@pytest.mark.parametrize("name", RIGHTS)
def test_what_its_user_may_not_write(husk: Husk, users: Users, name: str) -> None:
    """A server that could write nothing down does not start, and says which file it is."""
    own, folder = users.get("ordinary")
    if not (own.binaries / "husk-server").exists():
        shutil.copy2(husk.binaries / "husk-server", own.binaries)
    state = Path(tempfile.mkdtemp(prefix="rights-", dir=folder))
    root = state.with_name(f"{state.name}-root")
    root.mkdir()
    path = state / name if name else state
    if name:
        path.touch()
    for each in {state, path, root}:
        os.chown(each, folder.stat().st_uid, folder.stat().st_gid)
    path.chmod(RIGHTS[name])
    done = own.with_state(state).run(
        *("serve", "--port", "0", "--token", "x", "--root", root, "--python", own.python)
    )
    assert done.returncode == 1
    said = one_line(done.stderr)
    assert str(path) in said
    assert "Permission denied" in said or "may write to the file" in said


# ---- A full disk


@pytest.fixture
def small_disk(husk: Husk, base: Path, tmp_path: Path) -> Iterator[Server]:
    """A server whose state directory is a file system of sixteen megabytes."""
    state = Path(tempfile.mkdtemp(prefix="damage-", dir=base))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "none", state], check=True)
    server = Server(husk.with_state(state), tmp_path)
    try:
        yield server
        assert "Fatal error" not in server.log
        assert "Program crashed" not in server.log
    finally:
        server.kill()
        end_keeper(state)
        subprocess.run(["umount", "--lazy", state], check=True)


def fill(folder: Path) -> Path:
    """Leaves no room on a file system. Returns what takes it."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return path


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_full_disk_before_a_start(small_disk: Server, is_killed: bool) -> None:
    """What lives goes on to be served, if the register can be read, and is left alone if not."""
    server = small_disk
    kernel = server.start_kernel()
    channels = server.channels(kernel)
    channels.run("kept = 42")
    channels.close()
    server.process.send_signal(signal.SIGKILL if is_killed else signal.SIGTERM)
    server.process.wait(20)
    filler = fill(state_of(server))
    if is_killed:
        assert "husk connect and husk logs will not find this server" in started_again(server)
        channels = server.channels(kernel)
        for _ in range(20):
            assert text(channels.run("print(kept)")) == "42\n"
        channels.close()
        server.kill()
    else:
        # What SQLite needs beside its file is gone after an end in order.
        assert "See whether the disk is full" in refusal(server)
    filler.unlink()
    server.start_again()
    assert_usable(server, kernel)


def test_a_damaged_journal_and_a_full_disk(small_disk: Server) -> None:
    """A kernel that cannot be taken over without room is left as it is, for the next start."""
    server = small_disk
    kernel = server.start_kernel()
    channels = server.channels(kernel)
    channels.run("kept = 42")
    channels.close()
    server.kill()
    journal = journal_of(server, kernel)
    scribble(journal)
    before = content(journal)
    filler = fill(state_of(server))
    said = started_again(server)
    assert f"the kernel {kernel} cannot be taken over: there is no room on the disk" in said
    assert content(journal) == before
    assert server.get("/api/kernels").json() == []
    server.kill()
    filler.unlink()
    assert f"{journal} is damaged" in started_again(server)
    assert_usable(server, kernel)


def test_a_full_disk_while_cells_run(small_disk: Server) -> None:
    """New kernels are refused with a reason, the old one runs cells, and the server lives."""
    server = small_disk
    kernel = server.start_kernel()
    channels = server.channels(kernel)
    channels.run("kept = 42")
    filler = fill(state_of(server))
    refused = server.post("/api/kernels")
    assert refused.status_code == 501
    assert "room" in refused.text or "disk" in refused.text or "space" in refused.text
    for _ in range(20):
        assert text(channels.run("print(kept)")) == "42\n"
    assert server.get("/api/kernels").json()[0]["execution_state"] == "idle"
    filler.unlink()
    assert server.delete(f"/api/kernels/{server.start_kernel()}").status_code == 204
    assert text(channels.run("print(kept)")) == "42\n"
    channels.close()


def test_a_journal_without_room(small_disk: Server) -> None:
    """A kernel whose output finds no room any more ends, says why, and no other one does."""
    server = small_disk
    one, other = server.start_kernel(), server.start_kernel()
    fill(state_of(server))
    channels = server.channels(one)
    channels.execute("for n in range(100): print('x' * 50_000)")
    wait_until(lambda: states(server)[0] == "dead", 30, "its end")
    model = server.get(f"/api/kernels/{one}").json()
    assert "no room on the disk" in model["message"]
    channels.drop()
    channels = server.channels(other)
    assert text(channels.run("print(6 * 7)")) == "42\n"
    channels.close()
    assert server.delete(f"/api/kernels/{one}").status_code == 204
