"""What may become of the files of a state directory, and how a server is after it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .husk import PYTHON, Husk, one_line
from .processes import end_keeper
from .server import Server, text

GARBAGE = bytes(range(7, 251)) * 20

RECORDS = 64
"""Where the records of a journal's file begin."""


@pytest.fixture
def damaged_server(husk: Husk, base: Path, tmp_path: Path) -> Iterator[Server]:
    """A server with a state directory of its own, which a test may damage."""
    own = husk.with_state(Path(tempfile.mkdtemp(prefix="damage-", dir=base)))
    server = Server(own, tmp_path)
    yield server
    server.kill()
    end_keeper(own.state)
    assert "Fatal error" not in server.log
    assert "Program crashed" not in server.log


@pytest.fixture
def kept_kernel(server: Server) -> str:
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


def states(server: Server) -> list[str]:
    """States of all kernels."""
    return [model["execution_state"] for model in server.get("/api/kernels").json()]


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


# ---- Files of any kind, and journals
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


# ---- Databases
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
