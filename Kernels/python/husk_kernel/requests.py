"""Requests that are not cells: each handler returns the type and the content of its reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .completion import complete, inspect

if TYPE_CHECKING:
    from .channel import Message
    from .kernel import Kernel

Reply = tuple[str, dict[str, Any]]

_LONGEST = 100_000
"""Characters of an error's sentence in a reply that must go through whatever happens."""


def answer(kernel: Kernel, message: Message) -> Reply | None:
    """Handle a request; None for a type that nobody knows. An error is an error reply."""
    handler = _HANDLERS.get(message.type)
    if handler is None:
        return None
    try:
        return handler(kernel, message)
    except Exception as error:
        return failure(message, error)


def failure(message: Message, error: BaseException) -> Reply:
    """Return the reply that says an error."""
    name, is_request, _ = message.type.partition("_request")
    content = {"status": "error", **describe(error), "traceback": []}
    return f"{name}_reply" if is_request else "done", content


def describe(error: BaseException) -> dict[str, Any]:
    """Return an error's name and its sentence, of which there may be none, or one without end."""
    try:
        sentence = str(error)[:_LONGEST]
    except Exception as other:
        sentence = f"<an error whose text raises {type(other).__name__}>"
    return {"ename": type(error).__name__, "evalue": sentence}


def _complete(kernel: Kernel, message: Message) -> Reply:
    code = message.content.get("code", "")
    position = message.content.get("cursor_pos")
    position = len(code) if position is None else position
    return "complete_reply", complete(kernel.shell, code, position)


def _inspect(kernel: Kernel, message: Message) -> Reply:
    content = message.content
    code = content.get("code", "")
    return "inspect_reply", inspect(
        kernel.shell,
        code,
        content.get("cursor_pos", len(code)),
        content.get("detail_level", 0),
        content.get("omit_sections", ()),
    )


def _is_complete(kernel: Kernel, message: Message) -> Reply:
    manager = kernel.shell.input_transformer_manager
    status, indent = manager.check_complete(message.content.get("code", ""))
    reply = {"status": status}
    if status == "incomplete":
        reply["indent"] = " " * (indent or 0)
    return "is_complete_reply", reply


def _comm_info(kernel: Kernel, message: Message) -> Reply:
    wanted = message.content.get("target_name")
    found = {
        key: {"target_name": item.target_name}
        for key, item in kernel.comm_manager.comms.items()
        if wanted in (None, "", item.target_name)
    }
    return "comm_info_reply", {"status": "ok", "comms": found}


def _comm(kernel: Kernel, message: Message) -> Reply:
    whole = {
        "header": message.header,
        "metadata": message.metadata,
        "content": message.content,
        "buffers": [memoryview(part) for part in message.buffers],
    }
    getattr(kernel.comm_manager, message.type)(None, None, whole)
    return "done", {}


def _shutdown(kernel: Kernel, message: Message) -> Reply:
    kernel.stop()
    return "shutdown_reply", {"status": "ok"}


_HANDLERS: dict[str, Callable[[Kernel, Message], Reply]] = {
    "complete_request": _complete,
    "inspect_request": _inspect,
    "is_complete_request": _is_complete,
    "comm_info_request": _comm_info,
    "comm_open": _comm,
    "comm_msg": _comm,
    "comm_close": _comm,
    "shutdown_request": _shutdown,
}
