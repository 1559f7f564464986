"""sys.stdout and sys.stderr of a kernel."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .familiar import IOPubThread, Session
    from .kernel import Kernel


class _Bytes(io.RawIOBase):
    """The binary layer: `sys.stdout.buffer`."""

    def __init__(self, stream: OutStream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, data: Any) -> int:
        view = bytes(data)
        self._stream.write_bytes(view)
        return len(view)

    def flush(self) -> None:
        if not self.closed:
            self._stream.flush()


class OutStream(io.TextIOBase):
    """Text that goes to the client, attributed to the cell that printed it."""

    encoding = "UTF-8"
    errors = "backslashreplace"
    newlines = None
    # Where ipykernel's streams write too, for its own tests.
    echo = None

    def __init__(self, kernel: Kernel, number: int, name: str) -> None:
        """Make the stream for descriptor 1 or 2."""
        self._kernel = kernel
        self._number = number
        self.name = f"<{name}>"
        self.topic = f"stream.{name}".encode()
        self.mode = "w"
        self.buffer = _Bytes(self)
        self._channel_write = kernel.channel.write
        # Text is shown in bursts, at the latest after 20 ms.
        self.write = kernel.channel.writer(number, kernel.request_number)  # type: ignore[method-assign]

    def write_bytes(self, data: bytes) -> None:
        """Write bytes as they are."""
        if data:
            self._channel_write(self._kernel.request_number(), self._number, data)

    def flush(self) -> None:
        """Show what has been written."""
        self._kernel.channel.flush()

    def fileno(self) -> int:
        """Return the descriptor; what is written to it is shown too, in order."""
        return self._number

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        """Do nothing: a cell that closes its output must not silence the next one."""

    def _is_master_process(self) -> bool:
        import os

        return os.getpid() == self._kernel.pid

    @property
    def session(self) -> Session:
        """What ipykernel's streams send by."""
        return self._kernel.session

    @property
    def pub_thread(self) -> IOPubThread:
        """What they send through."""
        return self._kernel.iopub_thread

    @property
    def parent_header(self) -> dict[str, Any]:
        """The header of the message that is handled; to set it is to write for another from now on."""
        return self._kernel.get_parent().get("header", {})

    @parent_header.setter
    def parent_header(self, value: dict[str, Any]) -> None:
        self._kernel.set_thread_parent(value)

    def set_parent(self, parent: dict[str, Any]) -> None:
        """Accept what ipykernel's streams accept; attribution follows the cell by itself."""
