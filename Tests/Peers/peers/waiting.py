"""Waiting for conditions, so that no test sleeps for a time that somebody guessed."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], object], timeout: float, what: str, interval: float = 0.01
) -> float:
    """Waits until the condition holds and returns how long that took, in seconds.

    Raises TimeoutError, naming `what` and the last value, after `timeout` seconds.
    """
    start = time.monotonic()
    while True:
        value = condition()
        elapsed = time.monotonic() - start
        if value:
            return elapsed
        if elapsed > timeout:
            raise TimeoutError(f"not within {timeout} s: {what} (last: {value!r})")
        time.sleep(interval)
