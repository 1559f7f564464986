"""`husk serve` in a state directory with what is not its own, or that is not its alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from peers.damage import (
    GARBAGE,
    assert_set_aside,
    assert_usable,
    content,
    damaged_server,
    journal_of,
    kept_kernel,
    refusal,
    replace,
    started_again,
    state_of,
    take_away,
)
from peers.husk import PYTHON, Husk, one_line
from peers.processes import end_keeper, keeper_of
from peers.server import Server, text
from peers.users import Users
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

server = damaged_server
kernel = kept_kernel


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
