"""What SIGINT does, depending on what the interpreter is doing."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .kernel import Kernel

# As the code of this package is compiled, which need not be where it was loaded from.
_OWN_FOLDER = os.path.dirname((lambda: None).__code__.co_filename)

_LOOP_FILES = (asyncio.__path__[0], selectors.__file__, _OWN_FOLDER)

_IMPATIENCE = 0.1
"""Seconds in which a second interrupt of a cell means the first: raised into the handling of that one, it would
break it off, and the cell would seem to have succeeded."""


class Interrupts:
    """Turns SIGINT into KeyboardInterrupt in the code that runs, or into the end of the wait of a cell."""

    def __init__(self, kernel: Kernel) -> None:
        """Handle SIGINT for a kernel."""
        self._kernel = kernel
        self._raised = 0.0
        self._is_held = False
        self._is_pending = False

        self._pythons_handler = signal.default_int_handler

        def default_int_handler(number: int, frame: FrameType | None) -> None:
            """Interrupt what runs."""
            self._handle(number, frame)

        self._handler = default_int_handler

    def install(self) -> None:
        """Take SIGINT over, whatever code has made of it; called round each request, as ipykernel does.

        Without user code running an interrupt does nothing, and does not reach the next cell. The handler
        has the name of Python's own: code that looks for that one, or sets it, wants to be interrupted.
        """
        signal.default_int_handler = self._handler
        signal.signal(signal.SIGINT, self._handler)

    @contextmanager
    def plain(self) -> Iterator[None]:
        """Leave SIGINT to Python, for a runner such as trio's that has a way of its own with it."""
        signal.default_int_handler = self._pythons_handler
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            self.install()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep an interrupt until the end of what must not be broken off."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._is_pending:
            self._is_pending = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        shell = self._kernel.main
        if not shell.is_running:
            # Signals arrive at the main thread, whichever cell is meant.
            for other in list(self._kernel.subshells.values()):
                other.interrupt()
            return
        if self._kernel.control.interrupt_stopped():
            return
        now = time.monotonic()
        if shell.was_interrupted and now - self._raised < _IMPATIENCE:
            return
        self._raised = now
        shell.was_interrupted = True
        if self._is_held:
            self._is_pending = True
            return
        task = shell.cell_task
        if task is not None and _is_loop_waiting(frame):
            # The loop sits in its selector: cancelling alone would be noticed when it next wakes by itself.
            shell.loop.call_soon_threadsafe(task.cancel)
            return
        raise KeyboardInterrupt


def _is_loop_waiting(frame: FrameType | None) -> bool:
    """Whether no frame of the user's stands above the kernel's own loop."""
    while frame is not None:
        name = frame.f_code.co_filename
        if frame.f_code.co_name == "run_forever":
            return True
        if not name.startswith(_LOOP_FILES):
            return False
        frame = frame.f_back
    return False


def hide_own_frames(error: BaseException | None, trace: TracebackType | None) -> None:
    """Take the kernel's own frames off the tracebacks of an error and of those behind it.

    Not the first: which of the first frames are shown is the shell's to say.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        while trace is not None:
            following = trace.tb_next
            while following is not None and following.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
                following = following.tb_next
            trace.tb_next = following
            trace = following
        error = error.__cause__ or error.__context__
        trace = error.__traceback__ if error is not None else None
