"""A kernel in a Python of its own, for those that are not the warm host's."""

from __future__ import annotations

import os
import sys

from .fitness import Unfit, check

LIBRARIES = "/opt/husk/lib"
"""Where a sandbox has the channel's libraries."""


def main() -> None:
    """Check the Python, warm it and serve."""
    try:
        check(sys.executable)
    except Unfit as reason:
        print(f"husk: {reason}", file=sys.stderr)
        sys.exit(3)
    from . import host

    host.warm(sys.executable, LIBRARIES)
    sys.exit(host.serve(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
