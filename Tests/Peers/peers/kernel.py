"""A kernel process with a connection file of its own."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zmq

from peers.husk import Husk
from peers.waiting import wait_until
from peers.wire import Client

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")


_given: deque[int] = deque(maxlen=5000)
_lock = threading.Lock()


def unused_ports(count: int) -> list[int]:
    """Ports that nobody has, outside the range from which the system takes ports for connections.

    Within it a client that connects again and again while a server is away meets itself, and then
    has the port. None is given again soon: who was given it may not listen yet.
    """
    first_of_system = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports: list[int] = []
    with _lock:
        while len(ports) < count:
            port = random.SystemRandom().randrange(10_000, first_of_system)
            if port in _given:
                continue
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
                _given.append(port)
    return ports


def connection_info() -> dict[str, Any]:
    """A connection on ports that nobody has just now."""
    ports = unused_ports(len(CHANNELS))
    with_ports: dict[str, Any] = {
        f"{channel}_port": port for channel, port in zip(CHANNELS, ports, strict=True)
    }
    return with_ports | {
        "ip": "127.0.0.1",
        "transport": "tcp",
        "key": uuid.uuid4().hex,
        "signature_scheme": "hmac-sha256",
        "kernel_name": "",
    }


def curve_keys() -> dict[str, str]:
    """The fields of a connection file that ask for encrypted sockets."""
    public, secret = zmq.curve_keypair()
    return {"curve_publickey": public.decode(), "curve_secretkey": secret.decode()}


class Kernel:
    """A running kernel server, started as a Jupyter client starts it."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        env: dict[str, str],
        *,
        connection: dict[str, Any] | None = None,
        cwd: Path | None = None,
        name: str | None = None,
    ) -> None:
        self.connection = connection or connection_info()
        self.folder = folder
        self.file = folder / (name or f"kernel-{uuid.uuid4().hex[:8]}.json")
        self.file.write_text(json.dumps(self.connection))
        self.cwd = cwd or folder
        self.command = [part.replace("{connection_file}", str(self.file)) for part in command]
        self.env = env
        self._stderr = folder / f"{self.file.stem}.stderr"
        self._clients: list[Client] = []
        self.process = self._spawn(self.command)

    @classmethod
    def husk(cls, husk: Husk, folder: Path, *options: str, **settings: Any) -> Kernel:  # noqa: ANN401
        """Starts `husk kernel` with these options."""
        return cls(husk.kernel_command(*options), folder, husk.environment, **settings)

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._stderr.open("ab") as errors:
            return subprocess.Popen(
                command,
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )

    def restart_server(self, *options: str) -> None:
        """Starts the server again on the same connection file, with more options."""
        self.process = self._spawn([*self.command, *options])

    def learn_ports(self, timeout: float = 10) -> None:
        """Waits until the connection file has every port, as clients do that leave the choice."""

        def are_known() -> bool:
            self.connection = json.loads(self.file.read_text())
            known = all(self.connection.get(f"{channel}_port") for channel in CHANNELS)
            return known or self.process.poll() is not None

        wait_until(are_known, timeout, "ports in the connection file")
        assert self.process.poll() is None, self.stderr

    @property
    def stderr(self) -> str:
        """What the server has said."""
        return self._stderr.read_text()

    def client(self, ready: bool = True, timeout: float = 30) -> Client:
        """Connects another client. It is closed with the kernel."""
        client = Client(self.connection)
        self._clients.append(client)
        if ready:
            try:
                client.wait_ready(timeout, self._is_running)
            except TimeoutError as error:
                raise TimeoutError(
                    f"{error}; exit status {self.process.poll()}; stderr:\n{self.stderr}"
                ) from None
        return client

    def _is_running(self) -> bool:
        return self.process.poll() is None

    def wait(self, timeout: float = 10) -> int:
        """Waits for the server's end and returns its exit status."""
        return self.process.wait(timeout)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends the server a signal."""
        os.kill(self.process.pid, number)

    def stop(self, timeout: float = 10) -> None:
        """Ends the kernel, politely first."""
        try:
            if self.process.poll() is None:
                client = Client(self.connection)
                self._clients.append(client)
                client.send("control", "shutdown_request", {"restart": False})
                self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGTERM)
            deadline = time.monotonic() + 3
            while self.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            if self.process.poll() is None:
                self.kill()
                self.process.wait()
            for client in self._clients:
                client.close()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
