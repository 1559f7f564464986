"""Comms: the `comm` package's classes on our channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import comm
from comm.base_comm import BaseComm, CommManager

if TYPE_CHECKING:
    from .kernel import Kernel

_kernel: Kernel | None = None


class KernelComm(BaseComm):
    """A comm whose messages go to the kernel's clients."""

    def publish_msg(
        self,
        msg_type: str,
        data: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: list[Any] | None = None,
        **keys: Any,
    ) -> None:
        """Send one message; without a kernel, as while it warms up, there is nobody to hear it."""
        if _kernel is None or not _kernel.is_serving:
            return
        content = {"data": data or {}, "comm_id": self.comm_id, **keys}
        _kernel.send(msg_type, content, metadata, buffers)


_manager = CommManager()


def install(kernel: Kernel) -> CommManager:
    """Make the `comm` package create our comms."""
    global _kernel
    _kernel = kernel
    comm.create_comm = lambda *args, **kwargs: KernelComm(*args, **kwargs)
    comm.get_comm_manager = lambda: _manager
    return _manager
