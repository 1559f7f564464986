"""Limits: each binds where it says, says so before and after, and each death has its name."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from conftest import StartKernel
from peers.controllers import ROOT, unified, versions
from peers.husk import Husk, one_line
from peers.kernel import Kernel
from peers.processes import place_of
from peers.users import Users
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = pytest.mark.husk

MEMORY = pytest.mark.skipif(not versions("memory"), reason="no memory controller can be written")
CPU = pytest.mark.skipif(not versions("cpu"), reason="no cpu controller can be written")
MIB = 1 << 20


def listed(husk: Husk, client: Client) -> dict[str, Any]:
    """What `husk ps` says of a client's kernel."""
    pid = place_of(client).interpreter
    done = husk.run("ps", "--json")
    assert done.returncode == 0, done.stderr
    return next(kernel for kernel in json.loads(done.stdout) if kernel["pid"] == pid)


# ---- Memory


@MEMORY
def test_memory(start_kernel: StartKernel) -> None:
    """It binds within five parts of a hundred, and the death is typed."""
    limit = 256 * MIB
    kernel = start_kernel("--memory", "256M")
    client = kernel.client()
    request = client.start(
        "kept = []\n"
        "while True:\n"
        "    kept.append(bytearray(1 << 20))\n"
        "    print(len(kept), flush=True)"
    )
    messages = list(client.published(request))
    text = "".join(m.content["text"] for m in messages if m.type == "stream")
    error = next(m for m in messages if m.type == "error")
    assert error.content["ename"] == "KernelDied"
    assert "memory limit" in error.content["evalue"]
    assert kernel.wait(10) == 1
    assert "memory limit" in kernel.stderr
    # The interpreter's own few MiB are in it too.
    assert 0.95 * limit - 6 * MIB < int(text.split()[-1]) * MIB <= limit


@MEMORY
def test_memory_of_a_child(start_kernel: StartKernel) -> None:
    """The child is killed, the kernel lives, and what was held is there again."""
    client = start_kernel("--memory", "256M").client()
    done = client.run_ok(
        "import subprocess, sys\n"
        "print(subprocess.run([sys.executable, '-c', 'x = bytearray(400 << 20)']).returncode)"
    )
    assert done.stdout == "-9\n"
    assert client.run_ok("x = bytearray(100 << 20); print(len(x) >> 20)").stdout == "100\n"


@MEMORY
def test_files_run_out_before_memory(start_kernel: StartKernel) -> None:
    """What is written outside the mounts is memory; the error says which of the two ran out."""
    client = start_kernel("--memory", "256M").client()
    done = client.run("with open('/tmp/big', 'wb') as f:\n    while True: f.write(bytes(1 << 20))")
    assert done.reply["ename"] == "OSError"
    assert done.refusal == "disk_full"
    size = int(client.run_ok("import os; print(os.path.getsize('/tmp/big'))").stdout)
    assert 0.95 * 128 * MIB < size <= 128 * MIB


# ---- Processors


@CPU
@pytest.mark.parametrize("share", [0.5, 0.25])
def test_cpus(start_kernel: StartKernel, share: float) -> None:
    """Four seconds on half a processor are two of work."""
    client = start_kernel("--cpus", str(share)).client()
    done = client.run_ok(
        "import time\nend = time.monotonic() + 4\nwhile time.monotonic() < end: pass"
    )
    used = done.used["cpu_user_seconds"] + done.used["cpu_system_seconds"]
    assert used == pytest.approx(done.used["wall_seconds"] * share, rel=0.05)


def shares(client: Client) -> Path:
    """The file with the share of a client's sandbox: of v1, or of v2."""
    lines = Path(f"/proc/{place_of(client).interpreter}/cgroup").read_text().splitlines()
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if "cpu" in controllers.split(","):
            return ROOT / "cpu" / group.strip("/") / "cpu.shares"
    group = next(line.split(":", 2)[2] for line in lines if line.startswith("0::"))
    tree = unified()
    assert tree is not None
    return tree / group.strip("/") / "cpu.weight"


@CPU
def test_share_of_who_does_not_rest(start_kernel: StartKernel) -> None:
    """It drops to the lowest, and is given back with the first rest, without being asked for."""
    client = start_kernel("--cpu-weight", "200").client()
    file = shares(client)
    normal = file.read_text()
    assert normal in ("2048\n", "200\n")
    request = client.start(
        "import os\n"
        "children = []\n"
        "for _ in range(50):\n"
        "    if (pid := os.fork()) == 0:\n"
        "        while True: pass\n"
        "    children.append(pid)\n"
        "print('burning', flush=True)\n"
        "while True: pass"
    )
    client.stream_holding(request, "burning\n")
    wait_until(lambda: file.read_text() != normal, 15, "the lowest share")
    client.interrupt()
    assert client.finish(request).reply["ename"] == "KeyboardInterrupt"
    client.run_ok("import signal\nfor pid in children: os.kill(pid, signal.SIGKILL)")
    wait_until(lambda: file.read_text() == normal, 15, "the share given back")


# ---- What each process carries


def test_processes(start_kernel: StartKernel) -> None:
    """Threads and processes together, to the last one."""
    client = start_kernel("--pids", "40").client()
    done = client.run(
        "import os, threading\n"
        "wait, started = threading.Event(), 0\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "while True:\n"
        "    threading.Thread(target=wait.wait, daemon=True).start()\n"
        "    started += 1"
    )
    assert done.reply["ename"] == "RuntimeError"
    assert done.refusal == "processes"
    assert client.run_ok("print(before + started)").stdout == "40\n"
    done = client.run("if os.fork() == 0: os._exit(0)")
    assert done.reply["ename"] == "BlockingIOError"
    assert done.refusal == "processes"
    client.run_ok("wait.set()")
    wait_until(
        lambda: client.run("print(os.system('exit 7') >> 8)").stdout == "7\n", 5, "room for one"
    )


def test_open_files(start_kernel: StartKernel) -> None:
    """To the last descriptor."""
    client = start_kernel("--open-files", "64").client()
    done = client.run("kept = []\nwhile True: kept.append(open('/dev/null'))")
    assert done.reply["ename"] == "OSError"
    assert done.refusal == "open_files"
    done = client.run_ok("highest = kept[-1].fileno()\ndel kept\nprint(highest)")
    assert done.stdout == "63\n"


def test_file_size(start_kernel: StartKernel) -> None:
    """To the last byte."""
    client = start_kernel("--file-size", "1M").client()
    done = client.run(
        "with open('big', 'wb', buffering=0) as f:\n    while True: f.write(bytes(65537))"
    )
    assert done.reply["ename"] == "OSError"
    assert done.refusal == "file_size"
    assert client.run_ok("import os; print(os.path.getsize('big'))").stdout == f"{MIB}\n"


def test_disk(start_kernel: StartKernel) -> None:
    """One limit over the temporary folders, the home, shared memory and the environment's layer."""
    client = start_kernel("--disk", "32M").client()
    done = client.run(
        "import itertools, os, sys\n"
        "folders = ['/tmp', '/var/tmp', os.path.expanduser('~'), '/dev/shm', sys.prefix]\n"
        "for n, folder in enumerate(itertools.cycle(folders)):\n"
        "    with open(f'{folder}/{n}', 'wb', buffering=0) as file: file.write(bytes(100_000))"
    )
    assert done.reply["ename"] == "OSError"
    assert done.refusal == "disk_full"
    done = client.run_ok("facts = os.statvfs('/tmp')\nprint(facts.f_bavail, n * 100_000)")
    free, written = map(int, done.stdout.split())
    assert free == 0
    assert 0.95 * 32 * MIB < written <= 32 * MIB
    client.run_ok("for m in range(n + 1): os.unlink(f'{folders[m % 5]}/{m}')")
    assert client.run_ok("print(open('/tmp/new', 'w').write('room'))").stdout == "4\n"


def test_files_without_content(start_kernel: StartKernel) -> None:
    """They are counted too: each takes some of the machine's memory."""
    client = start_kernel("--disk", "32M").client()
    done = client.run(
        "n = 0\nwhile True:\n    open(f'/tmp/{n}', 'w').close()\n    n += 1", timeout=60
    )
    assert done.refusal == "disk_full"
    assert int(client.run_ok("print(n)").stdout) < 20_000


# ---- Time


def test_time_of_a_cell(start_kernel: StartKernel) -> None:
    """It is interrupted, says why, and leaves everything as it was."""
    client = start_kernel("--cell-timeout", "500ms").client()
    client.run_ok("x = 1")
    done = client.run("while True: pass")
    assert done.reply["ename"] == "KeyboardInterrupt"
    assert done.refusal == "deadline"
    assert "--cell-timeout" in done.stderr
    done = client.run_ok("print(x)")
    assert (done.stdout, done.refusal) == ("1\n", None)


def test_cell_that_does_not_heed_the_deadline(start_kernel: StartKernel) -> None:
    """The kernel ends, and says why."""
    kernel = start_kernel("--cell-timeout", "300ms")
    client = kernel.client()
    request = client.start(
        "def spin():\n    while True: pass\n"
        "while True:\n    try: spin()\n    except BaseException: pass"
    )
    assert "longer than it may" in client.death(request)["evalue"]
    assert kernel.wait(5) == 1
    assert "--cell-timeout" in one_line(kernel.stderr)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [("--lifetime", "longer than it may"), ("--idle-timeout", "Nobody has used")],
)
def test_time_of_a_kernel(start_kernel: StartKernel, option: str, sentence: str) -> None:
    """Its clients hear of its end, and why is said."""
    kernel = start_kernel(option, "1500ms")
    client = kernel.client()
    client.run_ok("x = 1")
    client.wait_for("iopub", lambda m: m.content.get("execution_state") == "dead", 10, "death")
    assert kernel.wait(5) == 1
    assert sentence in one_line(kernel.stderr)


def test_a_kernel_that_is_used_is_not_idle(start_kernel: StartKernel) -> None:
    """Neither while a cell runs, nor soon after it."""
    client = start_kernel("--idle-timeout", "1s").client()
    assert client.run_ok("import time; time.sleep(1.5); print('here')").stdout == "here\n"
    assert client.run_ok("print('still here')").stdout == "still here\n"


# ---- Output


def test_output_of_a_cell(start_kernel: StartKernel) -> None:
    """It is interrupted, the rest is dropped, and the next cell may say as much again."""
    client = start_kernel("--output-limit", "1M").client()
    done = client.run("while True: print('x' * 99)")
    assert done.reply["ename"] == "KeyboardInterrupt"
    assert done.refusal == "output_limit"
    assert "--output-limit" in done.stderr
    assert 0.9 * MIB < len(done.stdout) <= MIB
    done = client.run_ok("print('y' * 999_999)")
    assert len(done.stdout) == 1_000_000
    assert done.refusal is None


def test_output_of_nobody(start_kernel: StartKernel, tmp_path: Path) -> None:
    """What a thread says behind the end of its cell has the same limit."""
    client = start_kernel("--output-limit", "100K").client()
    client.run_ok(
        "import threading\n"
        "def talk():\n"
        "    for _ in range(50_000): print('x' * 99)\n"
        "    open('talked', 'w').close()\n"
        "threading.Timer(0.5, talk).start()"
    )
    wait_until((tmp_path / "talked").exists, 30, "end of the talk")
    done = client.run_ok("print('through')")
    heard = sum(len(m.content["text"]) for m in client.take_all("iopub") if m.type == "stream")
    assert 0 < heard < 150_000
    assert done.stdout == "through\n"


def test_cell_that_does_not_stop_talking(start_kernel: StartKernel) -> None:
    """The kernel ends, and says why."""
    kernel = start_kernel("--output-limit", "1M")
    client = kernel.client()
    request = client.start(
        "while True:\n    try:\n        while True: print('x' * 99)\n    except BaseException: pass"
    )
    assert "said more than it may" in client.death(request)["evalue"]
    assert kernel.wait(5) == 1


# ---- Kernels


@pytest.fixture
def apart(husk: Husk, base: Path, tmp_path: Path) -> tuple[Husk, Path]:
    """Husk with a state directory in which nobody else has a kernel."""
    return husk.with_state(base / f"apart-{tmp_path.name[-20:]}"), tmp_path


def test_number_of_kernels(apart: tuple[Husk, Path]) -> None:
    """One more is refused, in a line, and is welcome once another one has ended."""
    husk, folder = apart
    with Kernel.husk(husk, folder, "--max-kernels", "1") as first:
        first.client().run_ok("x = 1")
        with Kernel.husk(husk, folder, "--max-kernels", "1") as second:
            assert second.wait(10) == 1
            assert "--max-kernels" in one_line(second.stderr)
    with Kernel.husk(husk, folder, "--max-kernels", "1") as third:
        third.client().run_ok("x = 1")


def test_an_operator_ends_a_kernel(apart: tuple[Husk, Path]) -> None:
    """Its client hears who did."""
    husk, folder = apart
    with Kernel.husk(husk, folder) as kernel:
        client = kernel.client()
        request = client.start("import time; time.sleep(60)")
        client.wait_for("iopub", lambda m: m.type == "execute_input", 10, "start of the cell")
        name = json.loads(husk.run("ps", "--json").stdout)[0]["kernel"]
        done = husk.run("stop", name)
        assert (done.returncode, done.stderr) == (0, "")
        assert client.death(request)["evalue"] == "An operator stopped the kernel."
        assert kernel.wait(5) == 1
    done = husk.run("stop", name)
    assert done.returncode == 1
    assert name in one_line(done.stderr)
    assert husk.run("ps").stdout == "There is no kernel.\n"


def test_forbidden_call(start_kernel: StartKernel) -> None:
    """The entry of another architecture kills, and the death has a name of its own."""
    kernel = start_kernel()
    client = kernel.client()
    code = (
        "import ctypes, mmap\n"
        "page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        # mov eax, getpid; int 0x80; ret
        "page.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()"
    )
    if os.uname().machine != "x86_64":
        pytest.skip("the instructions are x86's")
    assert "SIGSYS" in client.death(client.start(code))["evalue"]
    assert kernel.wait(5) == 1


# ---- What is said


def test_limits_in_force(start_kernel: StartKernel, husk: Husk) -> None:
    """`husk ps` and `husk doctor` say which limits hold for this very sandbox."""
    client = start_kernel("--pids", "50", "--disk", "64M", "--file-size", "2M").client()
    facts = listed(husk, client)
    said = ", ".join(facts["limits"])
    for phrase in ("50 processes", "64 MiB of disk", "2 MiB a file", "65536 open files"):
        assert phrase in said
    assert facts["state"] == "attached"
    reply, _ = client.request("kernel_info_request")
    assert said in reply.content["banner"]
    done = husk.run(
        "doctor", "--json", "--python", husk.python, "--pids", "50", "--cell-timeout", "2s"
    )
    finding = next(f for f in json.loads(done.stdout)["findings"] if f["name"] == "limits")
    assert "50 processes" in finding["text"]
    assert "2.0 seconds a cell" in finding["text"]


@pytest.mark.skipif(os.getuid() != 0, reason="the user of the tests may have control groups")
def test_best_effort(users: Users, tmp_path: Path) -> None:
    """Without control groups the next best thing holds, where that is enough, and is said."""
    husk, folder = users.get("ordinary")
    options = ("--memory", "256M", "--cpus", "0.5", "--best-effort-limits")
    with Kernel.husk(husk, folder, *options) as kernel:
        client = kernel.client()
        said = ", ".join(json.loads(husk.run("ps", "--json").stdout)[0]["limits"])
        assert "best effort" in said
        assert "no limit of CPUs" in said
        done = client.run("x = bytearray(400 << 20)")
        assert done.reply["ename"] == "MemoryError"
        assert done.refusal == "out_of_memory"
        # Together they hold too much, none of them alone.
        request = client.start(
            "import os, time\n"
            "for _ in range(4):\n"
            "    if os.fork() == 0:\n"
            "        x = bytearray(100 << 20)\n"
            "        time.sleep(60)\n"
            "time.sleep(60)"
        )
        assert "memory limit" in client.death(request)["evalue"]
