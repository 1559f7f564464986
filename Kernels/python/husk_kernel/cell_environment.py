"""Variables of the environment that one cell has, and the next one does not."""

from __future__ import annotations

import os
from collections.abc import Mapping


class CellEnvironment:
    """What a cell's request sets, and what was there before.

    The environment is the process's: while the cell runs, threads and subshells see its variables too.
    """

    def __init__(self) -> None:
        """Begin with nothing set."""
        self._before: dict[str, str | None] = {}

    def set(self, variables: Mapping[str, str]) -> None:
        """Set variables until `reset`."""
        for name, value in variables.items():
            self._before.setdefault(name, os.environ.get(name))
            os.environ[name] = value

    def reset(self) -> None:
        """Bring back what was there, whatever the cell has made of it."""
        while self._before:
            name, value = self._before.popitem()
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
