"""A kernel in a Python of its own, for those that are not the warm host's."""

from __future__ import annotations

import os
import sys

from .fitness import Unfit, check

LIBRARIES = ("/opt/husk/lib/libhusk-channel.so", "/opt/husk/lib/libhusk-python-stream.so")
"""Where a sandbox has the channel's libraries."""


_PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main() -> None:
    """Check the Python, warm it and serve."""
    try:
        check(sys.executable)
    except Unfit as reason:
        print(f"husk: {reason}", file=sys.stderr)
        sys.exit(3)
    from . import host

    options = sys.argv[1:]
    sys.argv[:] = [""]
    sys.path[:] = [entry for entry in sys.path if entry not in ("", _PACKAGES)]
    host.warm(sys.executable, *LIBRARIES)
    sys.exit(host.live(options))
