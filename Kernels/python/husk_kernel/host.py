"""The two phases of a warm interpreter: before the fork and after it."""

from __future__ import annotations

import gc
import importlib
import os
import random
import sys
import time
from typing import TYPE_CHECKING

import husk_kernel

from . import environment
from .fitness import check
from .fresh import arrive, forget_rehearsal, place_current_directory

if TYPE_CHECKING:
    from .kernel import Kernel

_kernel: Kernel | None = None


def warm(program: str, library: str, stream: str, *preload: str) -> int:
    """Import and make everything that kernels share. Leaves one thread, and writes nothing to disk."""
    global _kernel
    check(program)
    from .channel import Channel
    from .familiar import announce, replace_debugger
    from .kernel import Kernel

    replace_debugger()
    _kernel = Kernel(Channel(library, stream))
    announce(_kernel)
    for name in ("asyncio", "IPython.core.logger", "IPython.core.ultratb", "traitlets.log", *preload):
        try:
            importlib.import_module(name)
        except ImportError:
            # An environment without it is no worse for that.
            continue
    _kernel.shell.extension_manager.load_extension("storemagic")
    _rehearse(_kernel)
    return 0


def rest() -> int:
    """Let go of what only the warming needed, and keep the collector from writing to what is left."""
    gc.collect()
    gc.freeze()
    return 0


def serve(python_path: str, *options: str) -> int:
    """Be the kernel, in the forked child, inside the sandbox. Returns the exit status."""
    # Modules that are not loaded yet come from where the sandbox has them.
    husk_kernel.__path__ = [os.path.join(python_path, "husk_kernel")]
    importlib.invalidate_caches()
    # What multiprocessing's spawn asks: the main module is no file that a child could run again.
    sys.modules["__main__"].__spec__ = None
    time.tzset()
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    environment.apply(os.environ)
    return live(list(options))


def live(options: list[str]) -> int:
    """Be the kernel, in a Python that is as the sandbox wants it. Returns the exit status."""
    if _kernel is None:
        raise RuntimeError("a kernel needs warm()")
    place_current_directory()
    arrive(_kernel.shell)
    return _kernel.serve(options)


def _rehearse(kernel: Kernel) -> None:
    """Do once what is slow the first time: an error, a completion, a result."""
    import io
    from contextlib import redirect_stderr, redirect_stdout

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        kernel.shell.run_cell("1/0", silent=True)
        kernel.shell.run_cell("1+1", silent=True)
        kernel.shell.Completer.completions("pri", 3)
    kernel.main.last_error = None
    forget_rehearsal(kernel.shell)
