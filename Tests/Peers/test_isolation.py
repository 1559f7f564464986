"""What a cell can see and do: nothing of the machine beyond what it was given."""

from __future__ import annotations

import ast
import errno
import json
import os
import socket
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import StartKernel
from peers.husk import ROOT, Husk
from peers.kernel import Kernel
from peers.processes import end_keeper, husk_processes, place_of
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = pytest.mark.husk

ATTEMPT = """
import errno, os
def attempt(action, *arguments, **options):
    try:
        action(*arguments, **options)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    return 'allowed'
"""


@pytest.fixture
def inside(shared: Client) -> Client:
    """A client whose kernel has what the cells need."""
    shared.run_ok(ATTEMPT)
    return shared


def outcomes(client: Client, *expressions: str) -> list[str]:
    """What attempting each of these gives: an errno's name, or `allowed`."""
    code = "\n".join(f"print(attempt({expression}))" for expression in expressions)
    return client.run_ok(code).stdout.splitlines()


# ---- Files


def test_host_files_are_not_there(inside: Client, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither in temporary folders, nor in homes, nor in a source tree."""
    name = f"canary-{uuid.uuid4().hex}"
    folders = [
        tmp_path_factory.mktemp("elsewhere"),
        Path("/tmp"),
        Path("/var/tmp"),
        Path("/dev/shm"),
    ]
    canaries = [folder / name for folder in folders]
    for canary in canaries:
        canary.touch()
    try:
        hidden = [*canaries, ROOT / "Package.swift", ROOT / ".git", Path("/etc/shadow")]
        paths = [str(path) for path in hidden]
        assert all(os.path.lexists(path) for path in paths)
        done = inside.run_ok(f"print([p for p in {paths!r} if os.path.lexists(p)])")
        assert done.stdout == "[]\n"
        walk = (
            "print([os.path.join(root, f) for root, _, files in os.walk('/') for f in files"
            f" if f == {name!r}])"
        )
        assert inside.run_ok(walk).stdout == "[]\n"
    finally:
        for canary in canaries:
            canary.unlink()


def test_other_homes_are_empty_or_absent(inside: Client) -> None:
    """What /root and /home hold on the machine is not inside."""
    done = inside.run_ok(
        "def entries(p):\n    try: return os.listdir(p)\n    except OSError: return []\n"
        "print(entries('/root'), entries('/home'))"
    )
    assert done.stdout == "[] ['user']\n"


def test_system_directories_are_read_only(inside: Client) -> None:
    """Nothing of the machine's can be changed."""
    refused = outcomes(
        inside,
        "open, '/usr/bin/planted', 'w'",
        "open, '/lib/planted', 'w'",
        "open, '/etc/passwd', 'w'",
        "open, '/opt/husk/python/husk_kernel/__init__.py', 'a'",
        "open, '/opt/husk/lib/libhusk-channel.so', 'r+b'",
        "os.mkdir, '/planted'",
        "open, '/proc/sys/kernel/hostname', 'w'",
        "open, '/proc/sysrq-trigger', 'w'",
    )
    assert all(outcome in ("EROFS", "EACCES", "EPERM", "ENOENT") for outcome in refused), refused


def test_own_folders_can_be_written(inside: Client) -> None:
    """Home, /tmp and /dev/shm are the cell's own."""
    paths = ["/home/user/a", "/tmp/a", "/dev/shm/a"]
    assert outcomes(inside, *(f"open, {path!r}, 'w'" for path in paths)) == ["allowed"] * 3
    assert not any(os.path.lexists(path) for path in paths)


def test_workdir(kernel: Kernel, tmp_path: Path) -> None:
    """The folder that the kernel is started in is there, at the same path, as the caller's."""
    (tmp_path / "data.txt").write_text("beside the notebook")
    client = kernel.client()
    done = client.run_ok(
        "import os; print(os.getcwd()); print(open('data.txt').read())\n"
        "open('result', 'w').write('x')"
    )
    assert done.stdout == f"{tmp_path}\nbeside the notebook\n"
    made = (tmp_path / "result").stat()
    assert (made.st_uid, made.st_gid) == (os.getuid(), os.getgid())


def test_workdir_read_only_or_none(start_kernel: StartKernel, tmp_path: Path) -> None:
    """As the options say."""
    (tmp_path / "data.txt").write_text("x")
    client = start_kernel("--workdir", "ro").client()
    client.run_ok(ATTEMPT)
    assert outcomes(client, "open, 'data.txt'", "open, 'new', 'w'") == ["allowed", "EROFS"]
    client = start_kernel("--workdir", "none").client()
    client.run_ok(ATTEMPT)
    assert outcomes(client, f"open, {str(tmp_path / 'data.txt')!r}") == ["ENOENT"]


def test_workdir_that_would_show_too_much(start_kernel: StartKernel, tmp_path: Path) -> None:
    """The home, or a folder that holds it, is not shown, and this is said."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret").touch()
    for cwd in (home, tmp_path):
        kernel = start_kernel(env={"HOME": str(home)}, cwd=cwd)
        client = kernel.client(ready=False)
        info = client.wait_ready()
        client.run_ok(ATTEMPT)
        assert outcomes(client, f"open, {str(home / 'secret')!r}") == ["ENOENT"]
        assert str(cwd) in info.content["banner"] + kernel.stderr


def test_mounts(start_kernel: StartKernel, tmp_path: Path) -> None:
    """Folders appear where they are asked for, also over the private /tmp."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "file").write_text("from outside")
    client = start_kernel(
        "--workdir", "none", "--mount", f"{data}:/tmp/data", "--mount", f"{data}:/data:ro"
    ).client()
    client.run_ok(ATTEMPT)
    done = client.run_ok("print(open('/tmp/data/file').read(), open('/data/file').read())")
    assert done.stdout == "from outside from outside\n"
    tried = outcomes(client, "open, '/tmp/data/new', 'w'", "open, '/data/newer', 'w'")
    assert tried == ["allowed", "EROFS"]
    assert (data / "new").stat().st_uid == os.getuid()


def test_set_uid_bits_cannot_be_made(inside: Client, shared_kernel: Kernel) -> None:
    """In a writable folder of the host's they would be the host's."""
    folder = shared_kernel.cwd
    outcomes(
        inside,
        "open, 'bits', 'w'",
        "os.chmod, 'bits', 0o4755",
        "os.chmod, 'bits', 0o2755",
        "os.open, 'made', os.O_CREAT | os.O_WRONLY, 0o4755",
        "os.mknod, 'node', 0o104755",
        "os.mkdir, 'folder', 0o6755",
    )
    for made in folder.iterdir():
        assert not made.stat().st_mode & (stat.S_ISUID | stat.S_ISGID), made


# ---- Environment, processes, privileges


def test_environment(start_kernel: StartKernel) -> None:
    """Only what is listed, and what was asked for."""
    secrets = {"AWS_SECRET_ACCESS_KEY": "s", "GITHUB_TOKEN": "t", "PYTHONHOME": "/nonexistent"}
    passed = {"LC_TIME": "C", "TZ": "UTC", "FORCE_COLOR": "1", "PYTHONUTF8": "1"}
    kernel = start_kernel(
        "--env", "GIVEN=yes", "--env", "COPIED", env=secrets | passed | {"COPIED": "c"}
    )
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    seen = json.loads(kernel.client().run_ok(code).stdout)
    assert not secrets.keys() & seen.keys()
    assert passed.items() <= seen.items()
    assert (seen["GIVEN"], seen["COPIED"]) == ("yes", "c")
    assert seen["HOME"] == "/home/user"
    unexplained = {name for name in seen if "HUSK" in name or "JUPYTER" in name or "SSH" in name}
    assert unexplained == set()


def test_processes(inside: Client) -> None:
    """The cell sees PID 1 and itself, and can signal nobody else."""
    done = inside.run_ok("print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))")
    seen = ast.literal_eval(done.stdout)
    assert 1 in seen
    assert len(seen) <= 3
    assert outcomes(inside, "os.kill, 1, 9", f"os.kill, {os.getpid()}, 0") == ["EPERM", "ESRCH"]
    assert inside.run_ok("print('alive')").stdout == "alive\n"


def test_privileges(inside: Client) -> None:
    """No capability, none to be had, and a filter."""
    done = inside.run_ok(
        "fields = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "names = ['Uid', 'Gid', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb',"
        " 'NoNewPrivs', 'Seccomp']\n"
        "print([fields[n].split()[0] for n in names])"
    )
    zero = "0" * 16
    assert ast.literal_eval(done.stdout) == ["1000", "1000", *[zero] * 5, "1", "2"]


def test_descriptors(inside: Client) -> None:
    """The interpreter has its channel, its pipes, and nothing of the server's."""
    done = inside.run_ok(
        "for n in sorted(map(int, os.listdir('/proc/self/fd'))):\n"
        "    try: print(n, os.readlink(f'/proc/self/fd/{n}'))\n"
        "    except OSError: pass"
    )
    listed = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    allowed = ("pipe:", "anon_inode:", "/memfd:", "/dev/null", "/proc/", "socket:")
    assert {target for target in listed.values() if not target.startswith(allowed)} == set()


def test_forbidden_calls(inside: Client) -> None:
    """Calls that make more of a process than it is."""
    inside.run_ok(
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def call(number, *arguments):\n"
        "    ctypes.set_errno(0)\n"
        "    if libc.syscall(number, *map(ctypes.c_long, arguments)) == -1:\n"
        "        raise OSError(ctypes.get_errno(), '')"
    )
    calls = {
        "ptrace": "101, 16, 1, 0, 0",
        "mount": "165, 0, 0, 0, 0, 0",
        "unshare of a user namespace": "272, 0x10000000",
        "bpf": "321, 0, 0, 0",
        "perf_event_open": "298, 0, 0, -1, -1, 0",
        "keyctl": "250, 0, 0, 0, 0, 0",
        "init_module": "175, 0, 0, 0",
        "kexec_load": "246, 0, 0, 0, 0",
        "io_uring_setup": "425, 1, 0",
        "userfaultfd": "323, 0",
        "open_by_handle_at": "304, -1, 0, 0",
        "reboot": "169, 0, 0, 0, 0",
        "setns": "308, 0, 0",
        "pivot_root": "155, 0, 0",
    }
    refused = outcomes(inside, *(f"call, {arguments}" for arguments in calls.values()))
    assert {
        name: outcome
        for name, outcome in zip(calls, refused, strict=True)
        if outcome not in ("EPERM", "ENOSYS", "EACCES")
    } == {}


# ---- Network and neighbours


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of this machine's that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_no_network(inside: Client, listener: int) -> None:
    """Loopback is the sandbox's own; there is nothing else."""
    inside.run_ok("import socket")
    assert outcomes(
        inside,
        f"socket.create_connection, ('127.0.0.1', {listener}), 2",
        "socket.create_connection, ('192.0.2.1', 80), 2",
    ) == ["ECONNREFUSED", "ENETUNREACH"]
    done = inside.run_ok("print([name for _, name in socket.if_nameindex()])")
    assert done.stdout == "['lo']\n"


def test_own_loopback_works(inside: Client) -> None:
    """A cell can serve and ask itself."""
    done = inside.run_ok(
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "near = socket.create_connection(server.getsockname(), 2)\n"
        "far, _ = server.accept()\n"
        "near.sendall(b'hello'); print(far.recv(5))"
    )
    assert done.stdout == "b'hello'\n"


def test_abstract_sockets_of_the_host(inside: Client) -> None:
    """They have no path, so only a network namespace hides them."""
    name = f"husk-canary-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        inside.run_ok("import socket")
        tried = outcomes(inside, f"socket.socket(socket.AF_UNIX).connect, '\\0{name}'")
        assert tried == ["ECONNREFUSED"]


def test_network_of_the_host(start_kernel: StartKernel, listener: int) -> None:
    """Only when it is asked for, and then it is named."""
    kernel = start_kernel("--network", "host")
    client = kernel.client(ready=False)
    info = client.wait_ready()
    client.run_ok(ATTEMPT + "import socket")
    reached = outcomes(client, f"socket.create_connection, ('127.0.0.1', {listener}), 2")
    assert reached == ["allowed"]
    assert "network" in (info.content["banner"] + kernel.stderr).lower()


def test_names_of_host_folders(inside: Client, husk: Husk) -> None:
    """The interpreter's own command line tells nothing of where Husk is."""
    lines = inside.run_ok(
        "import os\n"
        "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    print(open(f'/proc/{pid}/comm').read().strip(), open(f'/proc/{pid}/cmdline').read())"
    ).stdout
    assert str(ROOT) not in lines
    assert str(husk.state) not in lines
    assert "python3" in lines
    stack = inside.run_ok("import traceback; traceback.print_stack()").stderr
    assert "/opt/husk/python/husk_kernel/kernel.py" in stack
    assert str(ROOT / "Kernels") not in stack


def test_other_kernels(start_kernel: StartKernel, inside: Client) -> None:
    """Another kernel's files and processes are not visible."""
    other = start_kernel().client()
    other.run_ok("open('/tmp/mine', 'w').close(); open('/dev/shm/mine', 'w').close()")
    assert outcomes(inside, "open, '/tmp/mine'", "open, '/dev/shm/mine'") == ["ENOENT"] * 2
    assert place_of(other).namespace != place_of(inside).namespace


def test_message_queues_of_others(start_kernel: StartKernel, inside: Client) -> None:
    """Those of the machine and of another kernel are not there."""
    opened = (
        "import ctypes, os\nc = ctypes.CDLL(None, use_errno=True)\n"
        "def opened(flags): return c.mq_open(b'/husk-test', flags | os.O_RDWR, 0o600, None)\n"
    )
    here: dict[str, Any] = {}
    exec(opened, here)
    assert here["opened"](os.O_CREAT) >= 0
    try:
        start_kernel().client().run_ok(opened + "assert opened(os.O_CREAT) >= 0")
        done = inside.run_ok(opened + "print(opened(0), ctypes.get_errno())")
        assert done.stdout.split() == ["-1", str(errno.ENOENT)]
    finally:
        here["c"].mq_unlink(b"/husk-test")


# ---- Limits


def test_limit_of_processes(start_kernel: StartKernel) -> None:
    """A fork bomb hits its own wall; the kernel goes on."""
    client = start_kernel("--pids", "40").client()
    done = client.run_ok(
        "import os, signal, time\n"
        "children = []\n"
        "try:\n"
        "    for n in range(200):\n"
        "        pid = os.fork()\n"
        "        if pid == 0:\n"
        "            signal.pause(); os._exit(0)\n"
        "        children.append(pid)\n"
        "except OSError as error:\n"
        "    print(error.errno == 11, len(children) < 40)\n"
        "for pid in children: os.kill(pid, 9)\n"
        "for pid in children: os.waitpid(pid, 0)"
    )
    assert done.stdout == "True True\n"
    assert client.run_ok("print('goes on')").stdout == "goes on\n"


def test_names_that_the_host_obeys(husk: Husk, tmp_path: Path) -> None:
    """What is new among them is said when the sandbox has ended; what was there is not writable."""
    (tmp_path / ".envrc").write_text("export A=1")
    (tmp_path / "plant.py").write_text(
        "import os, subprocess\n"
        "try: open('.envrc', 'a')\n"
        "except OSError as error: print(error.errno)\n"
        "subprocess.run(['git', 'init', '-q', '.'])\n"
        "os.makedirs('.git/hooks', exist_ok=True); os.makedirs('.vscode')"
    )
    done = husk.run("run", "plant.py", "--python", husk.python, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "13" in done.stdout or "30" in done.stdout
    told = done.stderr.splitlines()
    assert len(told) == 2
    assert told[0].endswith("/.git: look at it before a program of yours obeys it.")
    assert "/.vscode" in told[1]
    assert ".envrc" not in done.stderr
    assert (tmp_path / ".envrc").read_text() == "export A=1"


# ---- The way out through the program itself


def outcome_of_writing(descriptor: int) -> int:
    """The error that stops a write to the file that is open for reading; 0 when nothing does."""
    try:
        writable = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
    except OSError as error:
        return error.errno or 0
    try:
        os.pwrite(writable, b"x", 0)
    except OSError as error:
        return error.errno or 0
    finally:
        os.close(writable)
    return 0


@pytest.mark.skipif(os.getuid() != 0, reason="keeps descriptors of other users' programs")
def test_program_cannot_be_written_through_a_kept_descriptor(
    husk: Husk, base: Path, tmp_path: Path
) -> None:
    """Even by root, and even when nobody runs it any more."""

    own = husk.with_state(base / "exe")
    kernel = Kernel.husk(own, tmp_path)
    place = place_of(kernel.client())
    programs = [place.interpreter, place.first]
    kept = [os.open(f"/proc/{pid}/exe", os.O_RDONLY) for pid in programs]
    running = {pid for pid, what in husk_processes().items() if str(own.state) in what}
    kernel.stop()
    end_keeper(own.state)
    # A program that runs is busy, and the keeper's undertaker runs the same one.
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in running.union(programs)),
        5,
        "end of all who run it",
    )
    try:
        for descriptor in kept:
            assert outcome_of_writing(descriptor) in (errno.EROFS, errno.EPERM)
    finally:
        for descriptor in kept:
            os.close(descriptor)
