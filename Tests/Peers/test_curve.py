"""Connection files with CurveZMQ keys: who does not know the kernel's key gets nothing."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from conftest import StartKernel
from peers.husk import Husk
from peers.kernel import CHANNELS, Kernel, connection_info, curve_keys
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = pytest.mark.husk


def without_keys(connection: dict[str, object]) -> dict[str, object]:
    """What a client has that leaves the keys out."""
    return {name: value for name, value in connection.items() if not name.startswith("curve_")}


@contextmanager
def encrypted_manager(folder: Path) -> Iterator[KernelManager]:
    """jupyter_client's kernel manager, told to accept nothing but encryption."""
    manager = KernelManager(
        kernel_name="husk-python",
        transport_encryption="required",
        connection_file=str(folder / "kernel.json"),
    )
    manager.start_kernel(cwd=str(folder))
    try:
        yield manager
    finally:
        manager.shutdown_kernel(now=True)


def test_kernelspec_offers_curve(jupyter_environment: dict[str, str]) -> None:
    """Clients ask for encryption only where the kernelspec says so."""
    spec = KernelSpecManager().get_kernel_spec("husk-python")
    assert spec.metadata["supported_encryption"] == ["curve"]
    assert spec.kernel_protocol_version == "5.5"


def test_jupyter_client_that_requires_encryption(
    jupyter_environment: dict[str, str], tmp_path: Path
) -> None:
    """A cell runs, after a restart too, with the keys that jupyter_client has made."""
    with encrypted_manager(tmp_path) as manager:
        assert len(json.loads((tmp_path / "kernel.json").read_text())["curve_secretkey"]) == 40
        client = manager.blocking_client()
        client.start_channels()
        try:
            for _ in range(2):
                client.wait_for_ready(timeout=30)
                assert client.hb_channel.is_alive()
                texts: list[str] = []
                client.execute_interactive(
                    "print('encrypted')",
                    timeout=30,
                    output_hook=lambda message, texts=texts: texts.append(
                        message["content"].get("text", "")
                    ),
                )
                assert "".join(texts) == "encrypted\n"
                wait_until(client.hb_channel.is_beating, 10, "heartbeat")
                manager.restart_kernel(now=True)
        finally:
            client.stop_channels()


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_plain_clients_get_nothing(start_kernel: StartKernel, base: Path, transport: str) -> None:
    """Not on any socket, though their messages are signed; a client with the keys works."""
    connection = connection_info() | curve_keys()
    if transport == "ipc":
        prefix = str(base / f"ipc-{uuid.uuid4().hex[:8]}")
        connection |= {"transport": "ipc", "ip": prefix}
        connection |= {f"{channel}_port": n for n, channel in enumerate(CHANNELS, 1)}
    kernel = start_kernel(connection=connection)
    client = kernel.client(ready=transport == "tcp")
    if transport == "ipc":
        client.wait_for("iopub", lambda m: m.type == "iopub_welcome", 10, "welcome")
    with Client(without_keys(connection)) as plain:
        plain.send("shell", "execute_request", {"code": "planted = 1"})
        plain.send("control", "shutdown_request", {"restart": False})
        plain.socket("hb").send(b"ping")
        assert client.run_ok("print('heard')").stdout == "heard\n"
        assert client.run("planted").reply["ename"] == "NameError"
        for channel in ("shell", "control", "iopub"):
            assert plain.is_silent(channel, 0.2)
        assert not plain.socket("hb").poll(200)
    assert client.beat() < 5


def test_wrong_server_key(start_kernel: StartKernel) -> None:
    """A client that expects another kernel does not talk to this one."""
    kernel = start_kernel(connection=connection_info() | curve_keys())
    client = kernel.client()
    with Client(kernel.connection | curve_keys()) as stranger:
        stranger.send("shell", "kernel_info_request")
        assert client.run_ok("print('heard')").stdout == "heard\n"
        assert stranger.is_silent("shell", 0.3)


def test_nothing_readable_on_the_wire(start_kernel: StartKernel) -> None:
    """The greeting names CURVE, so that nothing that follows is in plain text (ZMTP 3.1)."""
    kernel = start_kernel(connection=connection_info() | curve_keys())
    kernel.client()
    for channel in CHANNELS:
        address = ("127.0.0.1", kernel.connection[f"{channel}_port"])
        with socket.create_connection(address, timeout=10) as probe, probe.makefile("rb") as stream:
            probe.sendall(b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0"))
            assert stream.read(64)[12:32].rstrip(b"\0") == b"CURVE"


def test_take_over(husk: Husk, base: Path, tmp_path: Path) -> None:
    """A durable kernel's next server has the same keys; they are in no journal and no log."""
    connection = connection_info() | curve_keys()
    with Kernel.husk(husk, tmp_path, "--lease", "durable", connection=connection) as kernel:
        client = kernel.client()
        client.run_ok("kept = 41")
        kernel.kill()
        kernel.wait()
        kernel.restart_server("--attach")
        assert kernel.client().run_ok("print(kept + 1)").stdout == "42\n"
        # The first client's sockets come back by themselves.
        client.wait_for("iopub", lambda m: m.type == "iopub_welcome", 10, "welcome")
        assert client.run_ok("print(kept)").stdout == "41\n"
        secret = connection["curve_secretkey"].encode()
        assert secret.decode() not in kernel.stderr
        for file in husk.state.rglob("*"):
            if file.is_file():
                assert secret not in file.read_bytes(), file
        with Client(without_keys(connection)) as plain:
            plain.send("shell", "kernel_info_request")
            assert plain.is_silent("shell", 0.3)


def test_zeromq_of_the_tests_has_curve() -> None:
    """Otherwise the tests above would prove nothing."""
    assert zmq.has("curve")
