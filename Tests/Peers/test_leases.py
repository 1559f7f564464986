"""`husk kernel` where a server runs: the kernel is the server's, and the process owns it."""

from __future__ import annotations

import json
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from peers.husk import PYTHON, Husk
from peers.kernel import Kernel
from peers.processes import end_keeper
from peers.server import Server, is_idle, text
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

Own = Callable[..., Kernel]


@pytest.fixture
def own(server: Server, tmp_path: Path) -> Iterator[Own]:
    """Starts a kernel as a Jupyter client does, where the server runs."""
    owned: list[Kernel] = []

    def start(*options: str, **settings: Any) -> Kernel:  # noqa: ANN401
        kernel = Kernel.husk(server.husk, tmp_path, *options, **settings)
        owned.append(kernel)
        return kernel

    yield start
    for kernel in owned:
        kernel.stop()
    wait_until(lambda: listed(server) == [], 10, "the end of the kernels")


def listed(server: Server) -> list[dict[str, Any]]:
    """The kernels of the server."""
    kernels = server.get("/api/kernels").json()
    assert isinstance(kernels, list)
    return kernels


def only(server: Server) -> str:
    """The id of the server's only kernel."""
    (kernel,) = listed(server)
    return str(kernel["id"])


def test_both_see_one_kernel(server: Server, own: Own) -> None:
    """What one client does, those of the server's API see."""
    client = own().client()
    client.run_ok("x = 6")
    (model,) = listed(server)
    assert model["connections"] == 1
    other = server.channels(model["id"])
    # It is told at once how the kernel is, and from then on everything.
    other.receive()
    request = client.start("print(x * 7)")
    assert text(list(other.until(is_idle(request)))) == "42\n"
    other.close()


def test_id_of_the_client(server: Server, own: Own) -> None:
    """A connection file that is named as Jupyter names it gives the kernel its id."""
    identifier = str(uuid.uuid4())
    kernel = own(name=f"kernel-{identifier}.json")
    kernel.client()
    assert only(server) == identifier


@pytest.mark.parametrize("ended", ["kill", "terminate"])
def test_end_of_the_owner(server: Server, own: Own, ended: str) -> None:
    """The kernel ends with its owner, however that ends."""
    kernel = own()
    kernel.client()
    getattr(kernel.process, ended)()
    assert kernel.process.wait(10) == (0 if ended == "terminate" else -signal.SIGKILL)
    wait_until(lambda: listed(server) == [], 2, "the end of the kernel")


def test_same_ports_again(server: Server, own: Own) -> None:
    """Who kills an owner and starts it again gets the same ports at once."""
    kernel = own()
    kernel.client().close()
    for _ in range(10):
        before = only(server)
        kernel.process.kill()
        kernel.process.wait()
        kernel.restart_server()
        wait_until(lambda old=before: [k["id"] != old for k in listed(server)] == [True], 10, "it")
        assert kernel.client().run_ok("print(1)").stdout == "1\n"


def test_interrupt(own: Own) -> None:
    """SIGINT reaches what runs."""
    kernel = own()
    client = kernel.client()
    request = client.start("import time; print('on'); time.sleep(60)")
    client.stream_holding(request, "on")
    kernel.process.send_signal(signal.SIGINT)
    assert client.finish(request).reply["ename"] == "KeyboardInterrupt"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(3)", "exit status 3"),
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
    ],
)
def test_death(server: Server, own: Own, code: str, reason: str) -> None:
    """The owner learns why its kernel has ended, and ends, so that the client can start another."""
    kernel = own()
    kernel.client().start(code)
    assert kernel.process.wait(10) == 1
    assert reason in kernel.stderr
    wait_until(lambda: listed(server) == [], 2, "the end of the kernel")


def test_ended_by_the_server(server: Server, own: Own) -> None:
    """A kernel that a client of the API deletes is one that ends as it should."""
    kernel = own()
    kernel.client()
    assert server.delete(f"/api/kernels/{only(server)}").status_code == 204
    assert kernel.process.wait(10) == 0
    assert kernel.stderr == ""


def test_restarted_by_the_server(server: Server, own: Own) -> None:
    """Clients stay connected, files stay, variables do not; the owner goes on."""
    kernel = own()
    client = kernel.client()
    client.run_ok("x = 1; open('/tmp/kept', 'w').write('kept')")
    assert server.post(f"/api/kernels/{only(server)}/restart").status_code == 200
    assert client.run("x").reply["ename"] == "NameError"
    assert client.run_ok("print(open('/tmp/kept').read())").stdout == "kept\n"
    assert kernel.process.poll() is None


def test_options(server: Server, own: Own, tmp_path: Path) -> None:
    """The kernel has its owner's options, and not the server's."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("here")
    mount = f"--mount={tmp_path}/data:/mnt/data"
    kernel = own(mount, "--env=OWN=1", "--output-limit=1M", "--history=:memory:")
    code = "import os; print(open('/mnt/data/file').read(), os.environ['OWN'], os.getcwd())"
    client = kernel.client()
    assert client.run_ok(code).stdout == f"here 1 {tmp_path}\n"
    run = client.run("while True: print('x' * 10000)")
    assert run.reply["ename"] == "KeyboardInterrupt"


def test_wrong_options(server: Server, own: Own) -> None:
    """What is wrong is said as where there is no server."""
    kernel = own("--python=/bin/true")
    assert kernel.process.wait(10) != 0
    assert "/bin/true" in kernel.stderr
    assert listed(server) == []


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_server_away(server: Server, own: Own, stop: signal.Signals) -> None:
    """A client that knows nothing of the server has its reply, and its variables."""
    kernel = own()
    client = BlockingKernelClient()
    client.load_connection_info(kernel.connection)
    client.start_channels()
    client.wait_for_ready(timeout=30)
    client.execute_interactive("x = 1", timeout=10)
    code = "import time; time.sleep(1); x += 1; open('ended', 'w').close()"
    request = client.execute(code)
    identifier = only(server)
    wait_until(lambda: listed(server)[0]["execution_state"] == "busy", 5, "the cell")
    server.process.send_signal(stop)
    server.process.wait()
    # The cell ends while nobody serves it.
    wait_until((kernel.folder / "ended").exists, 10, "the end of the cell")
    assert kernel.process.poll() is None
    server.start_again()
    reply = client.get_shell_msg(timeout=20)
    while reply["parent_header"]["msg_id"] != request:
        reply = client.get_shell_msg(timeout=20)
    assert reply["content"]["status"] == "ok"
    assert client.execute_interactive("assert x == 2", timeout=10)["content"]["status"] == "ok"
    assert only(server) == identifier
    # The lease goes on.
    client.stop_channels()
    kernel.process.kill()
    wait_until(lambda: listed(server) == [], 2, "the end of the kernel")


def test_interrupt_while_the_server_is_away(server: Server, own: Own) -> None:
    """It comes when there is a server again."""
    kernel = own()
    client = kernel.client()
    request = client.start("import time; print('on'); time.sleep(60)")
    client.stream_holding(request, "on")
    server.kill()
    wait_until(lambda: "has gone" in kernel.stderr, 5, "the owner to notice")
    kernel.process.send_signal(signal.SIGINT)
    server.start_again()
    assert client.finish(request).reply["ename"] == "KeyboardInterrupt"


def test_end_while_the_server_is_away(server: Server, own: Own) -> None:
    """An owner that is ended takes its kernel with it, and one that is killed does so later."""
    first, second = own(), own("--server-timeout=2s")
    for kernel in (first, second):
        kernel.client()
    server.kill()
    first.process.terminate()
    assert first.process.wait(5) == 0
    second.process.kill()
    server.start_again()
    wait_until(lambda: listed(server) == [], 10, "the end of the kernels")


def test_server_that_stays_away(server: Server, own: Own) -> None:
    """The owner says so and ends, and the kernel with it."""
    kernel = own("--server-timeout=2s")
    kernel.client()
    identifier = only(server)
    server.kill()
    assert kernel.process.wait(10) == 1
    assert "not come back" in kernel.stderr
    wait_until(lambda: identifier not in server.husk.run("ps").stdout, 5, "the kernel's end")
    server.start_again()


@pytest.mark.parametrize("option", ["--lease=durable", "ipc"])
def test_without_the_server(server: Server, own: Own, tmp_path: Path, option: str) -> None:
    """Some kernels are the process's own."""
    if option == "ipc":
        sockets = {"transport": "ipc", "ip": str(tmp_path / "k")}
        sockets |= {f"{name}_port": n for n, name in enumerate(("shell", "iopub", "stdin"), 1)}
        sockets |= {"control_port": 4, "hb_port": 5, "key": "k", "signature_scheme": "hmac-sha256"}
        kernel = own(connection=sockets)
    else:
        kernel = own(option)
    assert kernel.client().run_ok("print(1)").stdout == "1\n"
    assert listed(server) == []


def test_server_that_is_stopped(server: Server, tmp_path: Path) -> None:
    """One that gives no answer is none: the process serves the kernel itself."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        with Kernel.husk(server.husk, tmp_path) as kernel:
            assert kernel.client(timeout=60).run_ok("print(1)").stdout == "1\n"
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert listed(server) == []


def test_server_out_of_descriptors(server: Server, own: Own) -> None:
    """It rests instead of being woken for ever, and goes on when it has some again."""
    process = psutil.Process(server.process.pid)
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    waiting = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    taken = {int(path.name) for path in Path(f"/proc/{process.pid}/fd").iterdir()}
    free = next(number for number in range(len(taken) + 1) if number not in taken)
    process.rlimit(psutil.RLIMIT_NOFILE, (free, before[1]))
    try:
        waiting.connect(str(server.husk.state / "server.sock"))
        used = process.cpu_times()
        # What is measured is what it does in this time.
        time.sleep(2)
        after = process.cpu_times()
        assert after.user + after.system - used.user - used.system < 0.5
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, before)
    assert own().client().run_ok("print(1)").stdout == "1\n"
    waiting.close()


def test_after_a_server_that_was_killed(husk: Husk, base: Path, tmp_path: Path) -> None:
    """What a dead server has left is not taken for one."""
    lone = husk.with_state(base / "lone")
    server = Server(lone, tmp_path)
    server.kill()
    with Kernel.husk(lone, tmp_path) as kernel:
        assert kernel.client().run_ok("print(1)").stdout == "1\n"
    end_keeper(lone.state)


def test_manager(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jupyter's own kernel manager restarts, interrupts and ends such a kernel."""
    prefix = tmp_path / "prefix"
    server.husk.run("install", "--prefix", prefix, "--name", "owned", "--python", PYTHON)
    for name, value in server.husk.environment.items():
        monkeypatch.setenv(name, value)
    specs = KernelSpecManager(kernel_dirs=[str(prefix / "share/jupyter/kernels")])
    manager = KernelManager(kernel_name="owned", kernel_spec_manager=specs)
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    assert only(server)
    for now in (False, True):
        client.execute_interactive("x = 1", timeout=10)
        manager.restart_kernel(now=now)
        client.wait_for_ready(timeout=30)
        reply = client.execute_interactive("x", timeout=10, output_hook=lambda message: None)
        assert reply["content"]["ename"] == "NameError"
    client.stop_channels()
    manager.shutdown_kernel()
    assert listed(server) == []


def test_nbclient(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook runs."""
    prefix = tmp_path / "prefix"
    server.husk.run("install", "--prefix", prefix, "--name", "owned", "--python", PYTHON)
    for name, value in server.husk.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JUPYTER_PATH", str(prefix / "share/jupyter"))
    book = new_notebook(cells=[new_code_cell("x = 20"), new_code_cell("x + 1")])
    NotebookClient(book, kernel_name="owned", resources={"metadata": {"path": tmp_path}}).execute()
    assert json.dumps(book.cells[1].outputs[0].data) == '{"text/plain": "21"}'


def test_strangers(server: Server) -> None:
    """What is no owner's talk ends the connection, and nothing else."""
    path = str(server.husk.state / "server.sock")
    for data in (b"", b"\xff" * 100, b"\x00\x01\x00\x00\x00", b"\x01" + b"\xff" * 40, b"\x03" * 7):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
            stranger.settimeout(5)
            stranger.connect(path)
            stranger.send(data)
            assert stranger.recv(100) == b""
    assert requests.get(f"{server.url}/api", timeout=5).ok
