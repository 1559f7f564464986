"""What the host offers to whoever can reach it."""

from __future__ import annotations

import ctypes
import secrets
import socket
import uuid
from pathlib import Path

LIBC = ctypes.CDLL(None)


class Listeners:
    """Sockets that somebody listens on, and memory that everybody may write."""

    def __init__(self, folder: Path) -> None:
        self.memory_key = secrets.randbelow(1 << 30) + 1
        """The key of a segment of System V's shared memory that everybody may write."""
        self._memory = LIBC.shmget(self.memory_key, 4096, 0o1666)
        self.abstract = f"husk-attack-{uuid.uuid4().hex}"
        self.paths = [str(folder / "listener.sock")]
        self._sockets: list[socket.socket] = []
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = tcp.getsockname()[1]
        self._sockets.append(tcp)
        six = socket.socket(socket.AF_INET6)
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self._listen(six, ("::1", self.port))
        self._listen(socket.socket(socket.AF_UNIX), f"\0{self.abstract}")
        for path in self.paths:
            self._listen(socket.socket(socket.AF_UNIX), path)
            Path(path).chmod(0o666)

    def _listen(self, one: socket.socket, address: object) -> None:
        one.bind(address)  # type: ignore[arg-type]
        one.listen()
        self._sockets.append(one)

    def close(self) -> None:
        """Closes all."""
        LIBC.shmctl(self._memory, 0, None)
        for one in self._sockets:
            one.close()
