"""Comms: the `comm` package's classes on our channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import comm
from comm.base_comm import BaseComm, CommManager

if TYPE_CHECKING:
    from .channel import Message
    from .kernel import Kernel

_kernel: Kernel | None = None

_REMEMBERED = 1024
"""How many questions asked over comms can wait for their answers."""

_askers: dict[tuple[str, str], str | None] = {}
"""By comm and the question's own id: the shell that waits for the answer."""


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
        question = _question(data)
        if question is not None:
            _askers[self.comm_id, question] = _kernel.here.identifier
            if len(_askers) > _REMEMBERED:
                del _askers[next(iter(_askers))]
        content = {"data": data or {}, "comm_id": self.comm_id, **keys}
        _kernel.send(msg_type, content, metadata, buffers)


class Comm(KernelComm):
    """The name under which ipykernel had it, with a target to fall back on."""

    def __init__(self, target_name: str = "comm", data: Any = None, *args: Any, **keys: Any) -> None:
        """Open it."""
        super().__init__(target_name, data, *args, **keys)


def _question(data: Any) -> str | None:
    """Return the id by which an answer names the message it answers, as custom widget messages have it."""
    content = data.get("content") if isinstance(data, dict) else None
    identifier = content.get("id") if isinstance(content, dict) else None
    return identifier if isinstance(identifier, str) else None


def asker(message: Message, default: str | None) -> str | None:
    """Return the shell that a message is for: the one that asked for it, wherever the client sent it."""
    question = _question(message.content.get("data"))
    if question is None:
        return default
    return _askers.pop((message.content.get("comm_id", ""), question), default)


_manager = CommManager()


def install(kernel: Kernel) -> CommManager:
    """Make the `comm` package create our comms."""
    global _kernel
    _kernel = kernel
    comm.create_comm = lambda *args, **kwargs: KernelComm(*args, **kwargs)
    comm.get_comm_manager = lambda: _manager
    return _manager
