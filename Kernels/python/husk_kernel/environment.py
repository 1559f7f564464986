"""What Python reads of its environment when it starts, for an interpreter that started without it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping

_filters = list(warnings.filters)
"""Python's own filters; what libraries add stands before them."""


def apply(variables: Mapping[str, str]) -> None:
    """Do what the variables ask for. Those that ask for what no running Python can do come by the exec door."""
    paths = [os.path.abspath(path) for path in _list(variables, "PYTHONPATH", os.pathsep)]
    sys.path[:0] = dict.fromkeys(paths)
    sys.dont_write_bytecode = bool(variables.get("PYTHONDONTWRITEBYTECODE"))
    sys.pycache_prefix = variables.get("PYTHONPYCACHEPREFIX") or None
    if options := _list(variables, "PYTHONWARNINGS", ","):
        _filter(options)
    if digits := _number(variables, "PYTHONINTMAXSTRDIGITS"):
        sys.set_int_max_str_digits(digits)
    if variables.get("PYTHONFAULTHANDLER"):
        import faulthandler

        faulthandler.enable(2)
    if frames := _number(variables, "PYTHONTRACEMALLOC"):
        import tracemalloc

        tracemalloc.start(frames)


def _filter(options: list[str]) -> None:
    added = warnings.filters[: len(warnings.filters) - len(_filters)]
    sys.warnoptions.extend(options)
    warnings.filters[:] = _filters  # type: ignore[index]
    warnings._processoptions(options)  # type: ignore[attr-defined]
    warnings.filters[:0] = added  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _list(variables: Mapping[str, str], name: str, separator: str) -> list[str]:
    return [part for part in variables.get(name, "").split(separator) if part]


def _number(variables: Mapping[str, str], name: str) -> int | None:
    try:
        return int(variables.get(name, ""))
    except ValueError:
        return None
