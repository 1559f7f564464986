"""A client of `husk serve` that hardly reads, and what others are given to read meanwhile."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from peers.frames import RawConnection
from peers.server import Server

LINE = 1000
"""Bytes of a line, with its end."""


def flood(size: int) -> str:
    """A cell that writes that many bytes."""
    return (
        f"import sys\nline = 'x' * {LINE - 1} + '\\n'\n"
        f"for n in range({size // LINE}): sys.stdout.write(line)"
    )


class SlowClient:
    """A WebSocket that takes one byte a second."""

    def __init__(self, server: Server, kernel: str) -> None:
        self._connection = RawConnection(server.port, receive_buffer=4096)
        path = f"/api/kernels/{kernel}/channels?token={server.token}&session_id=slow&since=0"
        self._connection.open(path)
        self._has_left = threading.Event()
        self.is_through = False
        """Whether it has heard all there was."""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._has_left.wait(1):
            if not self._connection.socket.recv(1):
                self.is_through = True
                return

    def __enter__(self) -> Self:
        """Reads during a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves."""
        self._has_left.set()
        self._thread.join()
        self._connection.socket.close()
