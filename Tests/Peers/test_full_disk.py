"""`husk serve` on a full disk."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.damage import (
    assert_usable,
    content,
    damaged_server,
    journal_of,
    kept_kernel,
    refusal,
    scribble,
    started_again,
    state_of,
    states,
)
from peers.husk import Husk
from peers.processes import end_keeper
from peers.server import Server, text
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

server = damaged_server
kernel = kept_kernel


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
