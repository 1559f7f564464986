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

from .fitness import check

if TYPE_CHECKING:
    from .kernel import Kernel

_kernel: Kernel | None = None


def warm(program: str, libraries: str, *preload: str) -> int:
    """Import and make everything that kernels share. Leaves one thread, and writes nothing to disk."""
    global _kernel
    check(program)
    from .channel import Channel
    from .familiar import announce, replace_debugger
    from .kernel import Kernel

    replace_debugger()
    _kernel = Kernel(Channel(libraries))
    announce(_kernel)
    for name in ("asyncio", "IPython.core.ultratb", *preload):
        try:
            importlib.import_module(name)
        except ImportError:
            # An environment without it is no worse for that.
            continue
    _rehearse(_kernel)
    gc.collect()
    gc.freeze()
    return 0


def serve(python_path: str) -> int:
    """Be the kernel, in the forked child, inside the sandbox. Returns the exit status."""
    if _kernel is None:
        raise RuntimeError("serve() needs warm()")
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # Modules that are not loaded yet come from where the sandbox has them.
    sys.path[:] = [python_path if entry == here else entry for entry in sys.path]
    sys.path.insert(0, "")
    husk_kernel.__path__ = [os.path.join(python_path, "husk_kernel")]
    importlib.invalidate_caches()
    # What multiprocessing's spawn asks: the main module is no file that a child could run again.
    sys.modules["__main__"].__spec__ = None
    time.tzset()
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    return _kernel.serve()


def _rehearse(kernel: Kernel) -> None:
    """Do once what is slow the first time: an error, a completion, a result."""
    import io
    from contextlib import redirect_stderr, redirect_stdout

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        kernel.shell.run_cell("1/0", silent=True)
        kernel.shell.run_cell("1+1", silent=True)
        kernel.shell.Completer.completions("pri", 3)
    kernel.main.last_error = None
    kernel.shell.reset(new_session=False)
    kernel.shell.user_ns.pop("__session__", None)
