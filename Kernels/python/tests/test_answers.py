"""Lines of input find the main thread, whoever takes them from the channel."""

from __future__ import annotations

import os
import queue
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from husk_kernel import subshell
from husk_kernel.channel import Message


@pytest.mark.parametrize("is_main", [True, False])
def test_an_answer_that_another_thread_takes_rings(is_main: bool) -> None:
    """That thread has silenced the bell of requests, which the main thread waits for too."""
    bell = os.eventfd(0, os.EFD_NONBLOCK)
    asking = object.__new__(subshell.Subshell)
    asking._answers = queue.SimpleQueue()
    asking._answered = bell if is_main else None
    message = Message(1, "input_reply", {}, {}, {"value": "x"}, [])
    thread = threading.Thread(target=asking.deliver, args=(message,))
    thread.start()
    thread.join()
    assert asking._answers.get_nowait() is message
    if is_main:
        assert os.eventfd_read(bell) == 1
    else:
        with pytest.raises(BlockingIOError):
            os.eventfd_read(bell)
    os.close(bell)
