"""Beginnings and ends: whoever dies, nothing of a kernel stays."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import KernelManager

from conftest import StartKernel
from peers.husk import SEED, Husk
from peers.kernel import Kernel
from peers.processes import descendants, keeper_of, namespace, place_of, program
from peers.traces import Traces
from peers.waiting import wait_until

pytestmark = pytest.mark.husk


# ---- Owners


@contextmanager
def owner() -> Iterator[subprocess.Popen[bytes]]:
    """A process to own a kernel."""
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process
        finally:
            process.kill()


def test_kernel_ends_with_its_owner(start_kernel: StartKernel) -> None:
    """Within a second of the death of the process that `JPY_PARENT_PID` names."""
    with owner() as process:
        kernel = start_kernel(env={"JPY_PARENT_PID": str(process.pid)})
        client = kernel.client()
        place = place_of(client)
        client.start("import time; time.sleep(60)")
        client.wait_for("iopub", lambda m: m.type == "execute_input", 10, "start of the cell")
        process.kill()
        took = wait_until(lambda: not place.processes, 1, "end of the sandbox")
        assert took < 1
        kernel.wait(1)


def test_owner_that_never_was(start_kernel: StartKernel) -> None:
    """It is ignored: the number may be one of another namespace."""
    absent = next(pid for pid in range(4_000_000, 1_000_000, -1) if not psutil.pid_exists(pid))
    kernel = start_kernel(env={"JPY_PARENT_PID": str(absent)})
    client = kernel.client()
    assert client.run_ok("import time; time.sleep(1.5); print('here')").stdout == "here\n"
    assert kernel.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_sandbox_ends_with_its_server(start_kernel: StartKernel, number: int) -> None:
    """An attached sandbox is gone within a second."""
    kernel = start_kernel()
    place = place_of(kernel.client())
    assert len(place.processes) >= 2
    kernel.kill(number)
    wait_until(lambda: not place.processes, 1, "end of the sandbox")
    kernel.wait(1)


def test_children_of_a_cell_end_with_it(start_kernel: StartKernel) -> None:
    """Also those that have left its session and ignore signals."""
    kernel = start_kernel()
    client = kernel.client()
    place = place_of(client)
    client.run_ok(
        "import subprocess\n"
        "for n in range(3):\n"
        "    subprocess.Popen(['sh', '-c', \"trap '' TERM HUP INT; sleep 600\"],"
        " start_new_session=True)"
    )
    assert len(place.processes) >= 5
    client.shut_down()
    kernel.wait(5)
    wait_until(lambda: not place.processes, 1, "end of the sandbox")


def test_children_that_are_nobody_s(start_kernel: StartKernel) -> None:
    """A cell cannot make a child of the keeper's, which would keep the sandbox from ending."""
    client = start_kernel().client()
    done = client.run_ok(
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "CLONE_PARENT, SIGCHLD, clone = 0x8000, 17, 56\n"
        "print(libc.syscall(clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0), ctypes.get_errno())"
    )
    assert done.stdout == "-1 1\n"


def test_sandbox_ends_when_the_warm_host_is_lost(start_kernel: StartKernel, husk: Husk) -> None:
    """Whatever a killed host had forked, every sandbox ends."""
    kernels = [start_kernel() for _ in range(3)]
    places = [place_of(kernel.client()) for kernel in kernels]
    for host in warm_hosts(husk):
        host.kill()
    for kernel in kernels:
        kernel.stop()
    wait_until(lambda: not any(place.processes for place in places), 5, "end of the sandboxes")


def test_kernels_start_although_warm_hosts_are_lost(start_kernel: StartKernel, husk: Husk) -> None:
    """Who waits for a host that dies gets the next one."""
    start_kernel().client().run_ok("pass")
    with ThreadPoolExecutor(8) as pool:
        starts = [pool.submit(start_kernel) for _ in range(8)]
        for _ in range(2):
            # One that is lost when all have started is not missed, and none follows.
            wait_until(
                lambda: warm_hosts(husk) or all(start.done() for start in starts), 30, "a warm host"
            )
            for host in warm_hosts(husk):
                host.kill()
        for kernel in [start.result() for start in starts]:
            assert kernel.client().run_ok("print(6 * 7)").stdout == "42\n"


def warm_hosts(husk: Husk) -> list[psutil.Process]:
    """What interpreters are forked from: children of the keeper in its own namespaces."""
    keeper = keeper_of(husk.state)
    assert keeper is not None
    return [
        child
        for child in psutil.Process(keeper).children()
        if namespace(child.pid) == namespace(keeper) and "husk-host" in program(child.pid)
    ]


# ---- Clients


@pytest.fixture
def manager(kernel_name: str, jupyter_environment: dict[str, str]) -> Iterator[KernelManager]:
    """A kernel of jupyter_client's own."""
    manager = KernelManager(kernel_name=kernel_name)
    manager.start_kernel()
    yield manager
    if manager.is_alive():
        manager.shutdown_kernel(now=True)


def test_jupyter_client(manager: KernelManager) -> None:
    """Start, run, interrupt, restart and shutdown, as every Jupyter front end does them."""
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)

    def run(code: str) -> dict[str, object]:
        return client.execute_interactive(code, timeout=30, output_hook=lambda _: None)["content"]

    assert run("x = 1")["status"] == "ok"
    request = client.execute("import time; time.sleep(30)")
    message: dict[str, object] = {}
    while message.get("msg_type") != "execute_input":
        message = client.get_iopub_msg(timeout=10)
    time.sleep(0.3)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=5)
    while reply["parent_header"].get("msg_id") != request:
        reply = client.get_shell_msg(timeout=5)
    assert reply["content"]["ename"] == "KeyboardInterrupt"

    ports = manager.ports
    manager.restart_kernel(now=False)
    assert manager.ports == ports
    client.wait_for_ready(timeout=60)
    assert run("x")["ename"] == "NameError"
    assert run("1")["execution_count"] == 2

    start = time.monotonic()
    manager.shutdown_kernel()
    assert time.monotonic() - start < 5
    assert not manager.is_alive()
    client.stop_channels()


def test_restart_is_a_new_session(start_kernel: StartKernel) -> None:
    """On the same ports, with another session, and the first state is `starting`."""
    first = start_kernel()
    client = first.client()
    old = client.run_ok("1").messages[0].header["session"]
    client.shut_down(restart=True)
    assert first.wait(5) == 0
    client.close()
    again = start_kernel(connection=first.connection)
    client = again.client(ready=False)
    welcome = client.any_message("iopub", 30)
    assert welcome.type == "iopub_welcome"
    client.wait_ready()
    done = client.run_ok("1")
    assert done.messages[0].header["session"] != old
    assert done.reply["execution_count"] == 1


# ---- What is left


class Lane(threading.Thread):
    """Starts and ends kernels one after another, in a state directory of its own.

    A keeper is shared by the kernels of its state directory, and its death is theirs: so each lane
    has its own.
    """

    def __init__(self, husk: Husk, folder: Path, number: int, count: int) -> None:
        super().__init__(name=f"lane {number}")
        self.husk = husk.with_state(husk.state.parent / f"lane-{number}")
        self.folder = folder / f"lane-{number}"
        self.folder.mkdir()
        self.count = count
        self.chance = random.Random(SEED * 1000 + number)
        self.killed: list[str] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Starts and ends all of them; keeps what goes wrong for the test."""
        try:
            # Half of them, in an order that nobody chose.
            kills = [True] * (self.count // 2) + [False] * (self.count - self.count // 2)
            self.chance.shuffle(kills)
            for kill in kills:
                self.one(kill)
        except BaseException as error:
            self.failure = error

    def one(self, kill: bool) -> None:
        """Starts a kernel, uses it, and ends it."""
        kernel = Kernel.husk(self.husk, self.folder)
        try:
            client = kernel.client()
            client.run_ok("open('/tmp/file', 'w').write('x'); print(1)")
            if kill:
                self.kill_one_of(kernel)
            else:
                client.shut_down()
                assert kernel.wait(10) == 0
        finally:
            kernel.stop()

    def kill_one_of(self, kernel: Kernel) -> None:
        """Kills any one of the kernel's processes, and waits until the server has ended."""
        keeper = keeper_of(self.husk.state)
        assert keeper is not None
        victims = [psutil.Process(kernel.process.pid), psutil.Process(keeper), *descendants(keeper)]
        # Its parent is the undertaker, as long as nobody has killed that one.
        parent = psutil.Process(keeper).parent()
        if parent is not None and parent.name() == "husk-undertaker":
            victims.append(parent)
        victim = self.chance.choice(victims)
        name = victim.name()
        self.killed.append(name)
        victim.kill()
        # A warm host and an undertaker are nobody's kernel: it goes on without them.
        try:
            kernel.wait(3)
        except subprocess.TimeoutExpired:
            client = kernel.client()
            assert client.run_ok("print(2)").stdout == "2\n", name
            client.shut_down()
            kernel.wait(10)


@pytest.mark.timeout(600)
def test_two_hundred_kernels(husk: Husk, base: Path, tmp_path: Path) -> None:
    """Half of them by the death of any of their processes: 2 s later the machine is as it was."""
    before = Traces()
    lanes = [Lane(husk, tmp_path, number, 50) for number in range(4)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    for lane in lanes:
        if lane.failure:
            raise AssertionError(f"{lane.name} after {lane.killed[-3:]}") from lane.failure
    before.check_nothing_is_left(2)
    states = [lane.husk.state for lane in lanes]
    assert [state for state in states if state.exists()] == []
    killed = {name for lane in lanes for name in lane.killed}
    assert {"husk", "husk-keeper"} <= killed


def test_descriptors_of_the_keeper(start_kernel: StartKernel, husk: Husk) -> None:
    """A keeper holds no more after twenty kernels than after one."""

    def held() -> int:
        keeper = keeper_of(husk.state)
        assert keeper is not None
        return len(os.listdir(f"/proc/{keeper}/fd"))

    staying = start_kernel()
    staying.client()
    before = held()
    for _ in range(20):
        kernel = start_kernel()
        kernel.client().run_ok("1")
        kernel.stop()
    wait_until(lambda: held() <= before, 2, "descriptors given back")
    assert staying.client().run_ok("print(1)").stdout == "1\n"


@pytest.mark.skipif(
    os.getuid() != 0, reason="the memory of an undumpable process is root's to read"
)
def test_memory_of_what_waits(start_kernel: StartKernel, husk: Husk) -> None:
    """A keeper and a sandbox's PID 1 that have nothing to do take less than 2 MB together."""
    first = place_of(start_kernel().client()).first
    keeper = keeper_of(husk.state)
    assert keeper is not None

    def kilobytes() -> float:
        return sum(psutil.Process(pid).memory_full_info().pss for pid in (keeper, first)) / 1024

    wait_until(lambda: kilobytes() < 2048, 10, "rest of both")
