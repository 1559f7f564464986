"""Husk for a user without any privilege and without an account's subordinate identifiers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from peers.husk import ROOT, Husk
from peers.kernel import Kernel
from peers.processes import place_of
from peers.users import Users
from peers.wire import Client

pytestmark = pytest.mark.husk


@pytest.fixture(scope="module")
def user(users: Users) -> tuple[Husk, Path]:
    """Husk as an ordinary user, and that user's folder."""
    return users.get("ordinary")


@pytest.fixture(scope="module")
def user_kernel(user: tuple[Husk, Path]) -> Iterator[Kernel]:
    """A kernel of that user's."""
    with Kernel.husk(*user) as kernel:
        yield kernel


@pytest.fixture
def user_client(user_kernel: Kernel) -> Iterator[Client]:
    """A client of that kernel."""
    client = user_kernel.client()
    yield client
    client.close()


def test_server_has_no_privilege(user_kernel: Kernel, user_client: Client) -> None:
    """The tests would show nothing if it had."""
    status = Path(f"/proc/{user_kernel.process.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert fields["Uid"].split()[0] != "0"
    assert fields["CapEff"] == "0" * 16


def test_cells(user_client: Client) -> None:
    """Cells run, with the same identity as for root."""
    done = user_client.run_ok("import os; print(os.getuid(), os.environ['HOME'], os.getpid() > 1)")
    assert done.stdout == "1000 /home/user True\n"


def test_streams_open_by_name(user_client: Client) -> None:
    """As for root, whose sandboxes have other users than their pipes."""
    done = user_client.run_ok("with open('/dev/stderr', 'w') as stream: print(1, file=stream)")
    assert done.stderr == "1\n"


def test_packages(user_client: Client) -> None:
    """The environment's packages are there."""
    done = user_client.run_ok("import numpy, pandas; print(numpy.arange(3).sum())")
    assert done.stdout == "3\n"


def test_files_belong_to_the_user(user: tuple[Husk, Path], user_client: Client) -> None:
    """What a cell writes beside its notebook is the user's."""
    _, folder = user
    user_client.run_ok("open('made', 'w').write('x')")
    assert (folder / "made").stat().st_uid == folder.stat().st_uid


def test_walls(user_client: Client) -> None:
    """The sandbox is as closed as root's."""
    done = user_client.run_ok(
        "import os, socket\n"
        "print([name for _, name in socket.if_nameindex()])\n"
        "print(len([p for p in os.listdir('/proc') if p.isdigit()]) <= 3)\n"
        f"print(os.path.exists({str(ROOT / 'Package.swift')!r}), os.path.exists('/root/.bashrc'))\n"
        "try: open('/usr/bin/planted', 'w')\n"
        "except OSError as error: print('refused')"
    )
    assert done.stdout == "['lo']\nTrue\nFalse False\nrefused\n"


def test_interrupt(user_client: Client) -> None:
    """Within a second, variables intact."""
    user_client.run_ok("import time; kept = 41")
    request = user_client.start("print('armed', flush=True); time.sleep(30)")
    user_client.stream_holding(request, "armed")
    start = time.monotonic()
    user_client.interrupt()
    assert user_client.finish(request).reply["ename"] == "KeyboardInterrupt"
    assert time.monotonic() - start < 1
    assert user_client.run_ok("print(kept + 1)").stdout == "42\n"


def test_replay(user: tuple[Husk, Path]) -> None:
    """`husk run` replays a notebook, silent on standard error."""
    husk, folder = user
    notebook = folder / "async.ipynb"
    notebook.write_bytes((ROOT / "Notebooks/async.ipynb").read_bytes())
    done = husk.run("run", notebook, "--python", husk.python, "--check", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["status"] == "ok"


def test_doctor(user: tuple[Husk, Path]) -> None:
    """Says what this machine offers such a user."""
    husk, folder = user
    done = husk.run("doctor", "--json", "--python", husk.python, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)


def test_durable(user: tuple[Husk, Path]) -> None:
    """A killed server's kernel goes on."""
    husk, folder = user
    with Kernel.husk(husk, folder, "--lease", "durable") as kernel:
        client = kernel.client()
        client.run_ok("kept = 5")
        # setpriv has become husk: the process is the server.
        kernel.kill()
        kernel.process.wait()
        kernel.restart_server("--attach")
        assert kernel.client().run_ok("print(kept)").stdout == "5\n"


def test_end_leaves_nothing(user: tuple[Husk, Path]) -> None:
    """No process of the sandbox stays."""
    kernel = Kernel.husk(*user)
    place = place_of(kernel.client())
    kernel.stop()
    assert place.processes == {}


@pytest.mark.skipif(os.getuid() != 0, reason="removes another user's permission")
def test_unreadable_connection_file(user: tuple[Husk, Path]) -> None:
    """One line that names the file, exit status 2."""
    husk, folder = user
    file = folder / "unreadable.json"
    file.write_text("{}")
    file.chmod(0)
    done = husk.run("kernel", "-f", file, cwd=folder)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert str(file) in done.stderr


def test_programs_are_not_writable(user_client: Client) -> None:
    """The user owns Husk's programs perhaps; a cell cannot write to them through /proc."""
    done = user_client.run_ok(
        "import os\n"
        "descriptor = os.open('/proc/self/exe', os.O_RDONLY)\n"
        "try: os.open(f'/proc/self/fd/{descriptor}', os.O_WRONLY)\n"
        "except OSError as error: print(error.errno in (1, 13, 26, 30))\n"
        "os.close(descriptor)"
    )
    assert done.stdout == "True\n"


@pytest.mark.skipif(os.getuid() != 0, reason="gives a user subordinate ids")
def test_subordinate_ids(user: tuple[Husk, Path], tmp_path: Path) -> None:
    """With newuidmap there is a root inside, who owns PID 1, and who is nobody here."""
    husk, folder = user
    uid = next(w.partition("=")[2] for w in husk.prefix if w.startswith("--reuid="))
    lines = {
        "passwd": f"tester:x:{uid}:{uid}::/nonexistent:/bin/sh\n",
        "subuid": "tester:300000:65536\n",
        "subgid": "tester:400000:65536\n",
    }
    mounts = []
    for name, line in lines.items():
        source, target = tmp_path / name, Path("/etc") / name
        source.write_text((target.read_text() if name == "passwd" else "") + line)
        # The user reads it, whatever this process's umask is.
        source.chmod(0o644)
        target.touch()
        mounts.append(f"mount --bind {source} {target}")
    inside = ("unshare", "--mount", "sh", "-ec", " && ".join([*mounts, 'exec "$@"']), "sh")
    state = folder / "subordinate"
    own = replace(husk, prefix=(*inside, *husk.prefix), state=state)
    with Kernel.husk(own, folder) as kernel:
        client = kernel.client()
        done = client.run_ok(
            "import os\n"
            "print(os.getuid(), os.stat('/proc/1').st_uid, os.stat('.').st_uid)\n"
            "print(*open('/proc/self/uid_map').read().split())\n"
            "open('made-inside', 'w').close()\n"
            "try: os.kill(1, 9)\n"
            "except PermissionError: print('refused')"
        )
        assert done.stdout.splitlines() == [
            "1000 0 1000",
            f"0 300000 1000 1000 {uid} 1 1001 301000 64535",
            "refused",
        ]
        first = place_of(client).first
        assert os.stat(f"/proc/{first}").st_uid in (0, 300000)
    assert (folder / "made-inside").stat().st_uid == int(uid)


@pytest.mark.skipif(os.getuid() != 0, reason="the user of the tests may have control groups")
@pytest.mark.parametrize("limit", [("--memory", "256M"), ("--cpus", "0.5")])
def test_limit_that_cannot_be_had(user: tuple[Husk, Path], limit: tuple[str, str]) -> None:
    """Code does not run without a limit that was asked for: one line names it."""
    husk, folder = user
    (folder / "one.py").write_text("print(1)")
    done = husk.run("run", "one.py", "--python", husk.python, *limit, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert limit[0] in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="makes folders of two users")
@pytest.mark.parametrize("kind", ["another user's", "writable by all", "a link"])
def test_state_directory_of_somebody_else(user: tuple[Husk, Path], kind: str) -> None:
    """Nobody can lie in wait where a keeper's socket is to be."""
    husk, folder = user
    state = folder / f"planted-{len(kind)}"
    state.mkdir()
    state.chmod(0o777)
    if kind == "writable by all":
        os.chown(state, folder.stat().st_uid, folder.stat().st_gid)
    elif kind == "a link":
        state = state.rename(folder / "target")
        state = folder / "link"
        state.symlink_to(folder / "target")
    (folder / "one.py").write_text("print(1)")
    done = husk.with_state(state).run("run", "one.py", "--python", husk.python, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert str(state) in done.stderr
