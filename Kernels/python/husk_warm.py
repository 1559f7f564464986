"""Where the warm host comes in: imports the kernel's package as the sandbox will see it.

Nothing of this module is left when that is done: its code and what it knows name folders of the host.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType

INSIDE = "/opt/husk/python"
"""The folder of the package in a sandbox."""

_LIBRARIES = ("libhusk-channel.so", "libhusk-python-stream.so")

_PACKAGE = "husk_kernel"


def warm(program: str, libraries: str, *preload: str) -> int:
    """Make the warm interpreter; `husk_kernel.host` has what comes after the fork."""
    disguise = _Disguise(os.path.dirname(os.path.abspath(__file__)))
    disguise.put_on()
    from husk_kernel import host

    copies = [
        _copy(os.path.join(libraries, name)) for name in ("libhusk-channel.so", "libhusk-python-stream.so")
    ]
    host.warm(program, *(f"/proc/self/fd/{copy}" for copy in copies), *preload)
    for copy in copies:
        os.close(copy)
    disguise.take_off()
    del sys.modules[__name__]
    return 0


def _copy(path: str) -> int:
    """Copy a library, since /proc/self/maps names the file of what is mapped."""
    copy = os.memfd_create(os.path.basename(path))
    with open(path, "rb") as source, open(copy, "wb", closefd=False) as target:
        target.write(source.read())
    return copy


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module as the file that a sandbox sees: tracebacks show it, and no folder of the host."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.get_data(self._source), self.path, "exec", dont_inherit=True)


class _Disguise:
    """Finds the package's modules in a folder of the host, as if that were the sandbox's."""

    def __init__(self, folder: str) -> None:
        """Find them in the folder above the package."""
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Say where the module is."""
        parts = name.split(".")
        if parts[0] != _PACKAGE:
            return None
        if len(parts) == 1:
            parts.append("__init__")
        file = os.path.join(*parts) + ".py"
        inside, source = os.path.join(INSIDE, file), os.path.join(self._folder, file)
        folders = [os.path.dirname(inside)] if parts[-1] == "__init__" else None
        return importlib.util.spec_from_file_location(
            name, inside, loader=_Loader(name, inside, source), submodule_search_locations=folders
        )

    def put_on(self) -> None:
        """Find the package so from now on."""
        sys.path[:] = [entry for entry in sys.path if entry != self._folder]
        sys.path_importer_cache.pop(self._folder, None)
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]

    def take_off(self) -> None:
        """Leave no trace of the folder: what is imported from now on is the sandbox's."""
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == _PACKAGE and (spec := module.__spec__) is not None:
                module.__loader__ = spec.loader = importlib.machinery.SourceFileLoader(name, spec.origin or "")
