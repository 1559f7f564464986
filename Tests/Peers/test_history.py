"""What was run is remembered by the server, for kernels that come later too."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from conftest import StartKernel
from peers.husk import Husk
from peers.kernel import Kernel
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = pytest.mark.husk


def ask(client: Client, access: str, **options: object) -> list[list[Any]]:
    """The history that a client is given."""
    content = {"output": False, "raw": True, "hist_access_type": access} | options
    reply, _ = client.request("history_request", content)
    assert reply.content["status"] == "ok"
    return list(reply.content["history"])


def test_ends_of_consoles_are_not_remembered(client: Client) -> None:
    """The last line of a console is nothing to come back to, as with IPython."""
    client.run_ok("kept = 1")
    client.run("exit ")
    client.run_ok("exit_code = 2")
    assert [line for *_, line in ask(client, "tail", n=9)][-2:] == ["kept = 1", "exit_code = 2"]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database that no kernel has used."""
    return tmp_path / "history.sqlite"


def test_outlives_the_kernel(start_kernel: StartKernel, database: Path) -> None:
    """A restarted kernel begins a session of its own, and finds the one before."""
    first = start_kernel("--history", str(database))
    client = first.client()
    client.run_ok("kept = 1")
    client.run_ok("'é🐚' * 2")
    client.run_ok("unseen = 1", store_history=False)
    client.run_ok("unseen = 2", silent=True)
    assert ask(client, "tail", n=9) == [[1, 1, "kept = 1"], [1, 2, "'é🐚' * 2"]]
    first.stop()
    second = start_kernel("--history", str(database)).client()
    second.run_ok("kept = 2")
    assert ask(second, "tail", n=2) == [[1, 2, "'é🐚' * 2"], [2, 1, "kept = 2"]]
    assert ask(second, "range", session=-1, start=2, stop=3, output=True) == [
        [1, 2, ["'é🐚' * 2", "'é🐚é🐚'"]]
    ]
    assert ask(second, "range", session=0, start=1) == [[0, 1, "kept = 2"]]
    found = ask(second, "search", pattern="kept*", n=5, unique=False)
    assert found == [[1, 1, "kept = 1"], [2, 1, "kept = 2"]]


def test_two_kernels_at_once(start_kernel: StartKernel, database: Path) -> None:
    """Each has its own session, and sees the other's cells."""
    one = start_kernel("--history", str(database)).client()
    two = start_kernel("--history", str(database)).client()
    for n in range(20):
        one.run_ok(f"one = {n}")
        two.run_ok(f"two = {n}")
    wait_until(lambda: len(ask(two, "tail", n=100)) == 40, 5, "all cells")
    assert len(ask(one, "search", pattern="two = *", n=100)) == 20


@pytest.mark.parametrize("options", [["--history", ":memory:"], None])
def test_in_memory(start_kernel: StartKernel, options: list[str] | None, tmp_path: Path) -> None:
    """A client that wants no trace leaves none; it can say so in IPython's words."""
    given = options or ["--HistoryManager.hist_file=:memory:"]
    data = {"XDG_DATA_HOME": str(tmp_path / "data")}
    client = start_kernel(*given, env=data).client()
    client.run_ok("secret = 1")
    assert ask(client, "tail", n=5) == [[1, 1, "secret = 1"]]
    assert not list((tmp_path / "data").rglob("*.sqlite*"))


def test_default_file(start_kernel: StartKernel, tmp_path: Path) -> None:
    """It is the user's alone, and has IPython's tables."""
    client = start_kernel(env={"XDG_DATA_HOME": str(tmp_path / "data")}).client()
    client.run_ok("kept = 1")
    assert ask(client, "tail", n=1) == [[1, 1, "kept = 1"]]
    file = tmp_path / "data/husk/history.sqlite"
    assert file.parent.stat().st_mode & 0o077 == 0
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT session, line, source_raw FROM history").fetchall()
    assert rows == [(1, 1, "kept = 1")]


def test_broken_file(start_kernel: StartKernel, database: Path) -> None:
    """The kernel works without the past, and says what is wrong."""
    database.write_bytes(b"no database" * 1000)
    kernel = start_kernel("--history", str(database))
    client = kernel.client()
    client.run_ok("kept = 1")
    assert ask(client, "tail", n=5) == [[1, 1, "kept = 1"]]
    assert "history" in kernel.stderr
    assert database.read_bytes().startswith(b"no database")


@pytest.mark.parametrize("history", ["file", ":memory:"])
def test_survives_the_server(husk: Husk, tmp_path: Path, database: Path, history: str) -> None:
    """A killed server's successor goes on with the session; nothing is there twice."""
    where = str(database) if history == "file" else history
    with Kernel.husk(husk, tmp_path, "--lease", "durable", "--history", where) as kernel:
        client = kernel.client()
        expected = []
        for n in range(1, 6):
            client.run_ok(f"{n} + {n}")
            expected.append([1, n, [f"{n} + {n}", str(2 * n)]])
        kernel.kill()
        kernel.process.wait()
        kernel.restart_server("--attach")
        after = kernel.client()
        assert ask(after, "tail", n=9, output=True) == expected
