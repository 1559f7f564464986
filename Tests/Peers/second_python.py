"""Finds a CPython of another minor version than Debian's, and prints its path.

The set-up makes an environment from it, so that the kernel tests also run through the door by
which an interpreter that Husk does not link is executed. Prints nothing when there is none.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MINORS = (13, 12, 14)
"""Supported minor versions besides 3.11, the most used first."""


def candidates(minor: int) -> Iterator[Path]:
    """Yields where people put a CPython of that minor version, whether it is there or not."""
    name = f"python3.{minor}"
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    # A version manager's shim may name what is not installed; its versions are beside the shims.
    managed = [folder.parent / "versions" for folder in folders if folder.name == "shims"]
    roots = [*managed, Path.home() / ".pyenv/versions", Path("/opt"), Path("/usr/local")]
    for root in roots:
        if root.is_dir():
            yield from sorted(root.glob(f"*3.{minor}*/bin/{name}"), reverse=True)
        yield root / "bin" / name
    yield from (folder / name for folder in folders if folder.name != "shims")


def is_usable(python: Path) -> bool:
    """Tells whether this is a CPython that can make an environment, by asking it."""
    check = "import sys, venv, ensurepip; sys.exit(sys.implementation.name != 'cpython')"
    if not os.access(python, os.X_OK):
        return False
    done = subprocess.run([python, "-I", "-c", check], capture_output=True, timeout=30, check=False)
    return done.returncode == 0


def find() -> Path | None:
    """Returns the first usable interpreter."""
    for minor in MINORS:
        if (3, minor) == sys.version_info[:2]:
            continue
        for python in candidates(minor):
            if is_usable(python):
                return python
    return None


if __name__ == "__main__":
    found = find()
    if found:
        print(found)
