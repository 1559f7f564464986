"""A kernel in a Python of its own, for those that are not the warm host's."""

from __future__ import annotations

import os
import sys

LIBRARIES = "/opt/husk/lib"
"""Where a sandbox has the channel's libraries."""


def main() -> None:
    """Check the Python, warm it and serve."""
    program = sys.executable
    if sys.version_info < (3, 11):  # noqa: UP036 - the user's Python, not ours
        _refuse(f"{program} is Python {sys.version.split()[0]}; a kernel needs 3.11 or later.")
    missing = []
    for name, package in (("IPython", "ipython"), ("comm", "comm"), ("ctypes", "")):
        try:
            __import__(name)
        except ImportError:
            missing.append(package or name)
    if missing:
        _refuse(f"{program} lacks {', '.join(missing)}: {program} -m pip install {' '.join(missing)}")
    from . import host

    host.warm(LIBRARIES)
    sys.exit(host.serve(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def _refuse(reason: str) -> None:
    print(f"husk: {reason}", file=sys.stderr)
    sys.exit(3)
