"""`husk serve` with a damaged journal, or another damaged file of a kernel: it lives on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from peers.damage import (
    JOURNAL,
    assert_set_aside,
    assert_usable,
    become_folder,
    become_link,
    content,
    cut,
    damaged_server,
    empty,
    journal_of,
    kept_kernel,
    replace,
    scribble,
    scribble_last,
    started_again,
    state_of,
    states,
    take_away,
)
from peers.server import V1, Server, is_idle, text
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

server = damaged_server
kernel = kept_kernel


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
