"""Whether a Python can be a kernel."""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig

NEEDED = {"IPython": "ipython", "comm": "comm"}
"""Modules that a kernel imports, and the packages that hold them."""


class Unfit(Exception):  # noqa: N818 - its name and text go to a user
    """What is wrong with a Python, and what mends it."""


def check(program: str) -> None:
    """Raise when this Python, started as `program`, cannot be a kernel."""
    if importlib.util.find_spec("_ctypes") is None:
        raise Unfit(f"{program} was built without ctypes, which a kernel needs")
    missing = [package for name, package in NEEDED.items() if importlib.util.find_spec(name) is None]
    if missing:
        raise Unfit(f"{program} lacks {' and '.join(missing)}; {_remedy(program, missing)}")


def _remedy(program: str, missing: list[str]) -> str:
    packages = " ".join(missing)
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    if sys.prefix != sys.base_prefix or not os.path.exists(marker):
        return f"mend it: {program} -m pip install {packages}"
    # The distribution's own Python takes no packages from elsewhere (PEP 668).
    return (
        f"make an environment and name its python: {program} -m venv .venv && "
        f".venv/bin/python3 -m pip install {packages}, then --python .venv/bin/python3"
    )


def features() -> list[str]:
    """Return what this Python can do beyond the protocol's minimum (JEP 92)."""
    found = ["kernel subshells"]
    if importlib.util.find_spec("debugpy") is not None:
        found.append("debugger")
    return found
