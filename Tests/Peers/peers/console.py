"""`jupyter console` in a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pexpect


class Console:
    """`jupyter console` in a terminal of 100 columns."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._terminal = pexpect.spawn(
            sys.executable,
            ["-m", "jupyter_console", "--JupyterConsoleApp.confirm_exit=False", *arguments],
            cwd=folder,
            env=os.environ | {"TERM": "xterm", "HOME": str(folder)},
            dimensions=(30, 100),
            encoding="utf-8",
            timeout=30,
        )
        self.expect(r"In \[.*\d.*\]: ")

    def expect(self, *patterns: str) -> None:
        """Waits for patterns, one after the other."""
        for pattern in patterns:
            self._terminal.expect(pattern)

    def type(self, keys: str) -> None:
        """Presses keys."""
        self._terminal.send(keys)

    def run(self, line: str) -> None:
        """Types a line and Enter."""
        self.type(f"{line}\r")

    def interrupt(self) -> None:
        """Presses Ctrl-C."""
        self._terminal.sendintr()

    @property
    def is_open(self) -> bool:
        """Whether it runs."""
        return self._terminal.isalive()

    def close(self) -> None:
        """Ends it as its user does."""
        self.run("exit")
        self.expect(pexpect.EOF)
        self._terminal.close()
