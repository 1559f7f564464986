"""Requests of the control channel that only the interpreter can answer."""

from __future__ import annotations

import _thread
import queue
from typing import TYPE_CHECKING, Any

from .fitness import features
from .requests import failure

if TYPE_CHECKING:
    from .channel import Message
    from .debugger import Debugger
    from .kernel import Kernel


class Control:
    """Answers them one after the other, on a thread that starts with the first of them.

    The thread is not one of `threading`'s: user code does not see it, and a debugger does not stop it.
    """

    def __init__(self, kernel: Kernel) -> None:
        """Answer for a kernel."""
        self._kernel = kernel
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._has_thread = False
        self._debugger: Debugger | None = None

    def deliver(self, message: Message) -> None:
        """Take a request, from any thread."""
        self._messages.put(message)
        if not self._has_thread:
            self._has_thread = True
            _thread.start_new_thread(self._live, ())

    def interrupt_stopped(self) -> bool:
        """Let a cell that stands at a breakpoint go on, to be interrupted then. Returns whether one does."""
        if self._debugger is None or not self._debugger.is_stopped:
            return False
        _thread.start_new_thread(self._debugger.go_on_interrupted, ())
        return True

    def _live(self) -> None:
        while True:
            message = self._messages.get()
            kind, content = self._answer(message)
            try:
                self._kernel.channel.send(message.request, kind, content)
            except (TypeError, ValueError, RecursionError) as error:
                self._kernel.channel.send(message.request, *failure(message, error))

    def _answer(self, message: Message) -> tuple[str, dict[str, Any]]:
        try:
            if message.type == "usage_request":
                from .usage import usage

                return "usage_reply", usage()
            return "debug_reply", self._debug(message)
        except Exception as error:
            return failure(message, error)

    def _debug(self, message: Message) -> dict[str, Any]:
        if "debugger" not in features():
            return {}
        if self._debugger is None:
            from .debugger import Debugger

            self._debugger = Debugger(self._kernel)
        return self._debugger.answer(message.content)
