"""Registration files: the kernel chooses its ports and tells them to its launcher (JEP 66)."""

from __future__ import annotations

import json
import signal
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import StartKernel
from peers.husk import Husk, one_line
from peers.kernel import CHANNELS, Kernel, curve_keys
from peers.launcher import Launcher, Supervisor
from peers.wire import DELIMITER, JSON, Client

pytestmark = pytest.mark.husk

FIELDS = [f"{channel}_port" for channel in CHANNELS]


@pytest.fixture(params=[Launcher, Supervisor])
def launcher(request: pytest.FixtureRequest) -> Iterator[Launcher]:
    """A launcher of either kind."""
    with request.param() as launcher:
        yield launcher


def connection(launcher: Launcher, ports: JSON, **more: str) -> JSON:
    """What a client knows once the kernel has been registered."""
    known = {"ip": "127.0.0.1", "transport": "tcp", "key": launcher.key} | more
    return known | {field: int(ports[field]) for field in FIELDS}


def test_registration(launcher: Launcher, start_kernel: StartKernel) -> None:
    """A cell runs over the ports that were told, and others find them in the file."""
    file = launcher.file
    kernel = start_kernel(connection=file)
    content = launcher.register()
    kind = int if isinstance(launcher, Supervisor) else str
    assert {type(content[field]) for field in FIELDS} == {kind}
    assert content.keys() - FIELDS == file.keys() & {"kernel_id"}
    assert content.get("kernel_id") == file.get("kernel_id")
    kernel.connection = connection(launcher, content)
    assert len({kernel.connection[field] for field in FIELDS}) == len(FIELDS)
    assert kernel.client().run_ok("print('heard')").stdout == "heard\n"
    written = json.loads(kernel.file.read_text())
    assert written.items() >= kernel.connection.items()
    # What a restart needs is still there.
    assert written.items() >= file.items()
    assert stat.S_IMODE(kernel.file.stat().st_mode) == 0o600
    assert kernel.stderr == ""


def test_clients_connect_before_the_kernel_runs(start_kernel: StartKernel) -> None:
    """Ports that were told are open: nobody else can take them, and nobody need try again."""
    with Launcher() as launcher:
        kernel = start_kernel(connection=launcher.file)
        identities, content = launcher.hear()
        with Client(connection(launcher, content)) as early:
            request = early.send("shell", "kernel_info_request")
            assert early.beats()
            assert early.is_silent("shell", 0.1)
            launcher.acknowledge(identities)
            assert early.reply(request).content["status"] == "ok"
        kernel.connection = connection(launcher, content)


def test_launcher_that_closes_its_socket(launcher: Launcher, start_kernel: StartKernel) -> None:
    """The kernel needs it no more."""
    kernel = start_kernel(connection=launcher.file)
    kernel.connection = connection(launcher, launcher.register())
    client = kernel.client()
    launcher.close()
    assert client.run_ok("print('heard')").stdout == "heard\n"


def test_many_kernels_of_one_launcher(start_kernel: StartKernel) -> None:
    """One socket and one key serve them all; the identifier tells them apart."""
    with Launcher() as launcher:
        kernels: dict[str, Kernel] = {}
        for _ in range(4):
            file = launcher.file
            kernels[file["kernel_id"]] = start_kernel(connection=file)
        for _ in range(len(kernels)):
            content = launcher.register()
            kernels[content["kernel_id"]].connection = connection(launcher, content)
        for name, kernel in kernels.items():
            assert kernel.client().run_ok(f"name = {name!r}").reply["status"] == "ok"
        for name, kernel in kernels.items():
            assert kernel.client().run_ok("print(name)").stdout == f"{name}\n"


def test_restart(launcher: Launcher, start_kernel: StartKernel) -> None:
    """The file that the kernel has written makes the next one register again."""
    kernel = start_kernel(connection=launcher.file)
    kernel.connection = connection(launcher, launcher.register())
    kernel.client().shut_down(restart=True)
    kernel.wait()
    kernel.restart_server()
    kernel.connection = connection(launcher, launcher.register())
    assert kernel.client().run_ok("print('heard')").stdout == "heard\n"


def test_take_over(launcher: Launcher, husk: Husk, tmp_path: Path) -> None:
    """A server that takes a kernel over has its ports, and registers nothing."""
    with Kernel.husk(husk, tmp_path, "--lease", "durable", connection=launcher.file) as kernel:
        kernel.connection = connection(launcher, launcher.register())
        kernel.client().run_ok("kept = 41")
        kernel.kill()
        kernel.wait()
        kernel.restart_server("--attach")
        assert kernel.client().run_ok("print(kept + 1)").stdout == "42\n"
        assert launcher.is_silent(0.2)


def test_curve_keys(start_kernel: StartKernel) -> None:
    """They are for the kernel's sockets; the launcher hears the ports in plain text."""
    with Launcher() as launcher:
        keys = curve_keys()
        kernel = start_kernel(connection=launcher.file | keys)
        ports = launcher.register()
        assert not ports.keys() & keys.keys()
        kernel.connection = connection(launcher, ports, **keys)
        assert kernel.client().run_ok("print('heard')").stdout == "heard\n"
        assert json.loads(kernel.file.read_text()).items() >= keys.items()


def test_socket_files(start_kernel: StartKernel, base: Path) -> None:
    """With ipc, the launcher's socket and the kernel's have one prefix."""
    prefix = str(base / f"ipc-{uuid.uuid4().hex[:8]}")
    with Launcher() as launcher:
        launcher._socket.bind(f"ipc://{prefix}-7")
        local = {"transport": "ipc", "registration_ip": prefix, "registration_port": "7"}
        kernel = start_kernel(connection=launcher.file | local)
        ports = launcher.register()
        kernel.connection = connection(launcher, ports, transport="ipc", ip=prefix)
        client = kernel.client(ready=False)
        client.wait_for("iopub", lambda m: m.type == "iopub_welcome", 10, "welcome")
        assert client.run_ok("print('heard')").stdout == "heard\n"


# ---- Without an acknowledgement


def failed(kernel: Kernel, launcher: Launcher, file: JSON, timeout: float = 5) -> str:
    """Waits for the end of a kernel that was not registered; returns the line that says why."""
    assert kernel.wait(timeout) == 1
    line = one_line(kernel.stderr)
    assert f"tcp://127.0.0.1:{launcher.port}" in line
    assert launcher.key not in line
    # No ports that nobody serves.
    assert json.loads(kernel.file.read_text()) == file
    return line


def test_no_acknowledgement(launcher: Launcher, start_kernel: StartKernel) -> None:
    """The kernel ends after ten seconds."""
    file = launcher.file
    kernel = start_kernel(connection=file)
    launcher.hear()
    assert "not acknowledged" in failed(kernel, launcher, file, 20)


def test_no_launcher(start_kernel: StartKernel) -> None:
    """Likewise."""
    with Launcher() as launcher:
        file = launcher.file
    kernel = start_kernel(connection=file)
    assert "not acknowledged" in failed(kernel, launcher, file, 20)


def test_wrong_signature(launcher: Launcher, start_kernel: StartKernel) -> None:
    """Somebody at the launcher's port who does not have the key."""
    file = launcher.file
    kernel = start_kernel(connection=file)
    identities, _ = launcher.hear()
    launcher.key, right = "another", launcher.key
    launcher.acknowledge(identities)
    launcher.key = right
    assert "wrong signature" in failed(kernel, launcher, file)


@pytest.mark.parametrize(
    "answer",
    [
        [b"ACK"],
        [DELIMITER],
        [DELIMITER, b"x"],
        [DELIMITER, b"", b"ACK"],
        [DELIMITER, b"0" * 64, b""],
    ],
)
def test_malformed_acknowledgement(
    launcher: Launcher, start_kernel: StartKernel, answer: list[bytes]
) -> None:
    """It is no acknowledgement."""
    file = launcher.file
    kernel = start_kernel(connection=file)
    identities, _ = launcher.hear()
    launcher.send(*identities, *answer)
    failed(kernel, launcher, file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"status":"error","error":"no room"}', "no room"),
        (b'{"status":"error"}', "error"),
        (b"[]", "cannot be read"),
        (b"\xff", "cannot be read"),
    ],
)
def test_refusal(start_kernel: StartKernel, content: bytes, reason: str) -> None:
    """The reason is passed on."""
    with Supervisor() as supervisor:
        file = supervisor.file
        kernel = start_kernel(connection=file)
        identities, _ = supervisor.hear()
        supervisor.acknowledge(identities, content)
        assert reason in failed(kernel, supervisor, file)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_end_while_it_waits(start_kernel: StartKernel, number: int) -> None:
    """A launcher that changes its mind need not wait; an interrupt is none."""
    with Launcher() as launcher:
        file = launcher.file
        kernel = start_kernel(connection=file)
        launcher.hear()
        kernel.kill(signal.SIGINT)
        kernel.kill(number)
        assert "was ended" in failed(kernel, launcher, file)


def test_interrupt_while_it_waits(start_kernel: StartKernel) -> None:
    """There is nothing to interrupt, and the kernel comes up."""
    with Launcher() as launcher:
        kernel = start_kernel(connection=launcher.file)
        identities, content = launcher.hear()
        kernel.kill(signal.SIGINT)
        launcher.acknowledge(identities)
        kernel.connection = connection(launcher, content)
        assert kernel.client().run_ok("print('heard')").stdout == "heard\n"
