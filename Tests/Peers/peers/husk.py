"""Husk as it was built: its programs, and how they are started."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BINARIES = ROOT / ".build/release"
PYTHON = ROOT / ".venv/bin/python3"
SECOND_PYTHON = ROOT / ".venv-second/bin/python3"

PEER_KERNEL = os.environ.get("PEER_KERNEL")
"""Name of another kernel to run the tests on that hold for any kernel."""

SEED = int(os.environ.get("HUSK_TEST_SEED", "2"))
"""Seed of everything that the tests choose at random."""


@dataclass(frozen=True)
class Husk:
    """An installation of Husk, and the user, environment and state directory it is started with."""

    state: Path
    binaries: Path = BINARIES
    python: Path = PYTHON
    prefix: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def program(self) -> str:
        """Path of the `husk` program."""
        return str(self.binaries / "husk")

    @property
    def environment(self) -> dict[str, str]:
        """Environment of every process that is started."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "JPY_"))}
        own = {"HUSK_STATE": str(self.state), "XDG_DATA_HOME": str(self.state.parent / "data")}
        return inherited | own | dict(self.env)

    def with_env(self, **env: str) -> Husk:
        """The same with more environment variables."""
        return replace(self, env={**self.env, **env})

    def with_state(self, state: Path) -> Husk:
        """The same with another state directory."""
        return replace(self, state=state)

    def command(self, *arguments: str | Path) -> list[str]:
        """The command line for these arguments of `husk`."""
        return [*self.prefix, self.program, *map(str, arguments)]

    def run(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        timeout: float = 60,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.CompletedProcess[str]:
        """Runs `husk` to its end, with its output captured."""
        return subprocess.run(
            self.command(*arguments),
            cwd=cwd,
            env=self.environment,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def kernel_command(self, *options: str | Path) -> list[str]:
        """The command line of a kernel; `{connection_file}` stands for its connection file."""
        return self.command(
            "kernel", "-f", "{connection_file}", "--python", str(self.python), *options
        )


def one_line(text: str) -> str:
    """Checks that a diagnosis is one line and returns it."""
    lines = text.splitlines()
    assert len(lines) == 1, f"expected one line, got {len(lines)}:\n{text}"
    return lines[0]


def shown(arguments: Sequence[str]) -> str:
    """A command line for an error message."""
    return " ".join(arguments)
