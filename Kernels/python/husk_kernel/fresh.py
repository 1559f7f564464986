"""What makes a warm interpreter a fresh one: nothing of the rehearsal, and nothing of where it was warmed."""

from __future__ import annotations

import inspect
import linecache
import os
import site
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .shell import ZMQInteractiveShell


def forget_rehearsal(shell: ZMQInteractiveShell) -> None:
    """Forget what was run before the fork, the error above all: `%tb` and `%debug` would show it."""
    shell.reset(new_session=False)
    shell.user_ns.pop("__session__", None)
    hook = shell.displayhook
    hook._ = hook.__ = hook.___ = ""
    # The module's own names, which the reset has taken, and the results of no cells.
    names = dict.fromkeys(("__doc__", "__loader__", "__package__", "__spec__"))
    shell.user_ns.update(names, _="", __="", ___="")
    shell.user_ns["__doc__"] = "Automatically created module for IPython interactive environment"
    shell.InteractiveTB.tb = None
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)
    linecache.clearcache()
    for name in ("modulesbyfile", "_filesbymodname"):
        getattr(inspect, name, {}).clear()
    # What IPython's application does when it is done: `%who` and `%reset` leave alone what was there.
    shell.user_ns_hidden.update(shell.user_ns)
    shell._sys_modules_keys = set(sys.modules)


def arrive(shell: ZMQInteractiveShell) -> None:
    """Be in the folder, the home and the machine that the sandbox has."""
    home = os.path.expanduser("~")
    shell.home_dir = home
    shell.starting_dir = os.getcwd()
    shell.history_manager.dir_hist[:] = [Path.cwd()]
    site.USER_BASE = site.USER_SITE = None
    base = site.getuserbase()
    folder = site.getusersitepackages()
    if site.ENABLE_USER_SITE and folder not in sys.path:
        site.addusersitepackages(set())
    if sysconfig._CONFIG_VARS:  # type: ignore[attr-defined]
        sysconfig._CONFIG_VARS["userbase"] = base  # type: ignore[attr-defined]
    for name, caches in _CACHES.items():
        module = sys.modules.get(name)
        for cache, empty in caches.items():
            if hasattr(module, cache):
                setattr(module, cache, empty() if empty else None)


_CACHES = {
    "platform": {"_uname_cache": None, "_platform_cache": dict},
    "uuid": {"_node": None},
    "tempfile": {"tempdir": None},
}
"""Where modules keep what they have learnt of a machine."""


def place_current_directory() -> None:
    """Have modules of the current directory found behind the standard library, as IPython has it."""
    sys.path[:] = [entry for entry in sys.path if entry]
    if getattr(sys.flags, "safe_path", False):
        return
    packages = ("site-packages", "dist-packages")
    at = next((i for i, entry in enumerate(sys.path) if os.path.basename(entry) in packages), 0)
    sys.path.insert(at, "")
