"""Tests of what SIGINT does."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from husk_kernel import interrupts
from husk_kernel.interrupts import Interrupts


class Shell(SimpleNamespace):
    """A shell whose cell runs."""

    is_running = True
    was_interrupted = False
    cell_task: Any = None


@pytest.fixture
def kernel() -> Iterator[SimpleNamespace]:
    """A kernel with a cell that runs, which SIGINT reaches."""
    control = SimpleNamespace(interrupt_stopped=lambda: False)
    made = SimpleNamespace(main=Shell(), subshells={}, control=control)
    made.interrupts = Interrupts(made)
    before = signal.getsignal(signal.SIGINT)
    made.interrupts.install()
    yield made
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    """Send this process SIGINT."""
    os.kill(os.getpid(), signal.SIGINT)


def test_cell(kernel: SimpleNamespace) -> None:
    """The code that runs gets a KeyboardInterrupt, once for impatient fingers."""
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    interrupt()
    assert kernel.main.was_interrupted


def test_idle(kernel: SimpleNamespace) -> None:
    """Nothing happens here; a subshell that runs is interrupted."""
    heard = []
    kernel.main.is_running = False
    kernel.subshells["one"] = SimpleNamespace(interrupt=lambda: heard.append("one"))
    interrupt()
    assert heard == ["one"]
    assert not kernel.main.was_interrupted


def test_held(kernel: SimpleNamespace) -> None:
    """It comes at the end of what must not be broken off."""
    done = []
    with pytest.raises(KeyboardInterrupt), kernel.interrupts.held():
        interrupt()
        done.append("all")
    assert done == ["all"]


def test_cell_that_awaits(kernel: SimpleNamespace) -> None:
    """Its task is cancelled, however long it would have waited."""

    async def main() -> None:
        shell = kernel.main
        shell.loop = asyncio.get_running_loop()
        shell.cell_task = asyncio.create_task(asyncio.sleep(60))
        threading.Timer(0.05, interrupt).start()
        with pytest.raises(asyncio.CancelledError):
            await shell.cell_task

    # Not asyncio.run, which has a way of its own with SIGINT.
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.wait_for(main(), 10))
    loop.close()


def test_second_signal_in_the_handler_of_the_first() -> None:
    """The kernel's own frames over the loop are no user code: to raise there would lose the interrupt."""

    def run_forever(inner: Any) -> Any:
        return inner()

    def find() -> Any:
        return sys._getframe()

    package = os.path.dirname(interrupts._is_loop_waiting.__code__.co_filename)
    names = {"find": f"{package}/interrupts.py", "user": "/tmp/ipykernel_1/2.py"}
    for name, expected in (("find", True), ("user", False)):
        code = find.__code__.replace(co_filename=names[name])
        frame = run_forever(type(find)(code, globals()))
        assert interrupts._is_loop_waiting(frame) is expected
