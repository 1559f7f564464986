"""The control groups of this machine, as far as tests may make some."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def unified() -> Path | None:
    """The v2 tree, wherever it is mounted."""
    return next((p for p in (ROOT, ROOT / "unified") if (p / "cgroup.controllers").exists()), None)


def versions(controller: str) -> list[int]:
    """The versions of control groups by which this user can limit with a controller."""
    found = []
    if os.access(ROOT / controller / "cgroup.procs", os.W_OK):
        found.append(1)
    tree = unified()
    if tree and os.access(tree / "cgroup.procs", os.W_OK):
        found += [2] * (controller in (tree / "cgroup.controllers").read_text().split())
    return found
