"""Connection files that leave ports to the kernel, which writes them down."""

from __future__ import annotations

import json
import stat
import uuid
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from conftest import StartKernel
from peers.husk import Husk
from peers.kernel import CHANNELS, Kernel, connection_info, curve_keys

pytestmark = pytest.mark.husk

FIELDS = [f"{channel}_port" for channel in CHANNELS]


def connection_without(*fields: str) -> dict[str, Any]:
    """A connection that leaves these ports to the kernel."""
    return connection_info() | dict.fromkeys(fields, 0)


def run_with_jupyter_client(file: Path) -> str:
    """Runs a cell as a client does that has nothing but the file."""
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels()
    texts: list[str] = []
    try:
        client.wait_for_ready(timeout=30)
        client.execute_interactive(
            "print('heard')",
            timeout=30,
            output_hook=lambda message: texts.append(message["content"].get("text", "")),
        )
    finally:
        client.stop_channels()
    return "".join(texts)


def test_all_ports(start_kernel: StartKernel) -> None:
    """The file has them, for its owner alone, and keeps what else the client wrote."""
    before = connection_without(*FIELDS) | {"jupyter_session": "a.ipynb", "kernel_name": "n"}
    kernel = start_kernel(connection=before)
    kernel.learn_ports()
    assert len({kernel.connection[field] for field in FIELDS}) == len(FIELDS)
    assert {k: v for k, v in kernel.connection.items() if k not in FIELDS} == {
        k: v for k, v in before.items() if k not in FIELDS
    }
    assert stat.S_IMODE(kernel.file.stat().st_mode) == 0o600
    assert sorted(kernel.folder.glob(f"{kernel.file.name}*")) == [kernel.file]
    assert run_with_jupyter_client(kernel.file) == "heard\n"
    client = kernel.client()
    reply, _ = client.request("connect_request")
    assert {field: reply.content[field] for field in FIELDS} == {
        field: kernel.connection[field] for field in FIELDS
    }


@pytest.mark.parametrize("field", FIELDS)
def test_one_port(start_kernel: StartKernel, field: str) -> None:
    """The others stay as they were given."""
    before = connection_without(field)
    kernel = start_kernel(connection=before)
    kernel.learn_ports()
    assert kernel.connection | {field: 0} == before
    assert kernel.client().run_ok("print('heard')").stdout == "heard\n"


def test_given_ports_leave_the_file_alone(start_kernel: StartKernel) -> None:
    """A file that says all is the client's."""
    kernel = start_kernel()
    before = kernel.file.stat()
    kernel.client()
    after = kernel.file.stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


def test_socket_files(start_kernel: StartKernel, base: Path) -> None:
    """With ipc, numbers that no file has."""
    prefix = base / f"ipc-{uuid.uuid4().hex[:8]}"
    Path(f"{prefix}-1").touch()
    before = connection_without(*FIELDS) | {"transport": "ipc", "ip": str(prefix), "shell_port": 3}
    kernel = start_kernel(connection=before)
    kernel.learn_ports()
    numbers = [kernel.connection[field] for field in FIELDS]
    assert sorted(numbers) == [2, 3, 4, 5, 6]
    assert kernel.connection["shell_port"] == 3
    assert run_with_jupyter_client(kernel.file) == "heard\n"


def test_curve_keys_are_kept(start_kernel: StartKernel) -> None:
    """Clients need them as well as the ports."""
    keys = curve_keys()
    kernel = start_kernel(connection=connection_without(*FIELDS) | keys)
    kernel.learn_ports()
    assert kernel.connection.items() >= keys.items()
    assert run_with_jupyter_client(kernel.file) == "heard\n"


def test_link_to_the_file(start_kernel: StartKernel, kernel_command: list[str]) -> None:
    """The file behind a link is written, and the link stays."""
    kernel = start_kernel(connection=connection_without(*FIELDS))
    kernel.learn_ports()
    kernel.stop()
    kernel.file.write_text(json.dumps(connection_without(*FIELDS)))
    link = kernel.folder / "link.json"
    link.symlink_to(kernel.file)
    kernel.command = [part.replace("{connection_file}", str(link)) for part in kernel_command]
    kernel.restart_server()
    kernel.learn_ports()
    assert link.is_symlink()
    assert kernel.client().run_ok("print('heard')").stdout == "heard\n"


def test_take_over(husk: Husk, tmp_path: Path) -> None:
    """The next server of a durable kernel finds the ports in the file, and they are the same."""
    connection = connection_without(*FIELDS)
    with Kernel.husk(husk, tmp_path, "--lease", "durable", connection=connection) as kernel:
        kernel.learn_ports()
        before = kernel.connection
        client = kernel.client()
        client.run_ok("kept = 41")
        kernel.kill()
        kernel.wait()
        kernel.restart_server("--attach")
        assert kernel.client().run_ok("print(kept + 1)").stdout == "42\n"
        # The first client's sockets come back by themselves.
        client.wait_for("iopub", lambda m: m.type == "iopub_welcome", 10, "welcome")
        assert client.run_ok("print(kept)").stdout == "41\n"
        assert json.loads(kernel.file.read_text()) == before


def test_many_kernels_at_once(start_kernel: StartKernel) -> None:
    """None takes another's port, as kernels do whose clients guess (jupyter_client, issue 487)."""
    kernels = [start_kernel(connection=connection_without(*FIELDS)) for _ in range(8)]
    for kernel in kernels:
        kernel.learn_ports()
    ports = [kernel.connection[field] for kernel in kernels for field in FIELDS]
    assert len(set(ports)) == len(ports)
    for number, kernel in enumerate(kernels):
        assert kernel.client().run_ok(f"print({number})").stdout == f"{number}\n"
