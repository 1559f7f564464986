"""`husk serve` with damaged databases: it says so, keeps what is whole, deletes nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from peers.damage import (
    DATABASE,
    GARBAGE,
    assert_set_aside,
    assert_usable,
    become_another,
    become_folder,
    checkpoint,
    content,
    damaged_server,
    empty,
    forget_log,
    kept_kernel,
    log_as_folder,
    refusal,
    register_of,
    replace_all,
    scribble_log,
    started_again,
    state_of,
    take_away,
)
from peers.husk import Husk
from peers.processes import end_keeper
from peers.server import Server, is_idle, text
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

server = damaged_server
kernel = kept_kernel


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
        for column in ("terms", "phase", "session", "death"):
            database.execute(f"ALTER TABLE kernels DROP COLUMN {column}")
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
