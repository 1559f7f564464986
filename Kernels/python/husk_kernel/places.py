"""Where this package is: outside, where a warm host imports it, and inside, where its code runs."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any

INSIDE = "/opt/husk/python"
"""The folder of this package in a sandbox."""


def inside(path: str) -> str:
    """Return where a sandbox has a file of this package."""
    return os.path.join(INSIDE, "husk_kernel", os.path.basename(path))


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module as the file that a sandbox sees: tracebacks show it, and no folder of the host."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return compile(self.get_data(path), inside(path), "exec", dont_inherit=True)


class _Finder:
    """Finds this package's modules for the loader."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith("husk_kernel."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(name, spec.origin)
            spec.origin = inside(spec.origin)
            spec.cached = None
        return spec


def pretend_inside() -> None:
    """Compile what is imported of this package from now on as the sandbox's."""
    finder: Any = _Finder
    sys.meta_path.insert(0, finder)
