"""What ipykernel's application does with its options and with IPython's own files, for this kernel's shell."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from IPython.core.application import (
    ENV_CONFIG_DIRS,
    SYSTEM_CONFIG_DIRS,
    BaseIPythonApplication,
    base_aliases,
    base_flags,
)
from IPython.core.shellapp import InteractiveShellApp, shell_aliases, shell_flags
from traitlets.config import Configurable

if TYPE_CHECKING:
    from .shell import ZMQInteractiveShell

_OTHERS = ("ip", "hb", "shell", "iopub", "stdin", "control", "transport", "session", "ident", "user", "keyfile")
"""Aliases of what is the server's: they are read, and mean nothing here."""


class IPKernelApp(BaseIPythonApplication, InteractiveShellApp):
    """Configures a shell, and runs what is to be run before the first cell. Options name it by this name."""

    name = "ipython-kernel"
    aliases = {**base_aliases, **shell_aliases, **{name: f"Ignored.{name}" for name in _OTHERS}}
    flags = {
        **base_flags,
        **shell_flags,
        **{
            name: ({"Ignored": {name: True}}, "Ignored.")
            for name in ("no-stdout", "no-stderr", "trio-loop", "secure", "no-secure")
        },
    }
    # A profile of the host's is not seen inside, so there is none to be found.
    auto_create = True

    def init_crash_handler(self) -> None:
        """Leave errors to the kernel."""

    def configure(self, shell: ZMQInteractiveShell, options: list[str]) -> None:
        """Read the options and the profile, and set the traits of the shell and of what it has made."""
        self.initialize(options)
        for name in ("hist_file", "connection_options"):
            # The server keeps the history.
            self.config.HistoryManager.pop(name, None)
        self.shell = shell
        shell.ipython_dir = self.ipython_dir
        # A profile's folder, once said, cannot be another.
        shell.profile_dir = self.profile_dir
        shell.config.merge(self.config)
        shell.update_config(self.config)
        for part in _parts(shell):
            part.update_config(self.config)
        shell.displayhook.cache_size = shell.cache_size
        shell.displayhook.do_full_cache = shell.cache_size > 0

    def run(self) -> None:
        """Load and run what the configuration names."""
        if self.ignore_cwd and "" in sys.path:
            sys.path.remove("")
        shell: Any = self.shell
        shell.init_logstart()
        show = shell._showtraceback

        def show_aside(kind: type[BaseException], error: BaseException, lines: list[str]) -> None:
            print("GUI event loop or pylab initialization failed", file=sys.stderr)
            print(shell.InteractiveTB.stb2text(lines), file=sys.stderr)

        shell._showtraceback = show_aside
        try:
            self.init_gui_pylab()
        finally:
            shell._showtraceback = show
        self.init_extensions()
        self.init_code()


def application(shell: ZMQInteractiveShell, options: list[str]) -> IPKernelApp | None:
    """Return what configures the shell; None if there is nothing to configure it by."""
    folders = (os.path.expanduser("~/.ipython"), *SYSTEM_CONFIG_DIRS, *ENV_CONFIG_DIRS)
    if not (options or os.environ.get("PYTHONSTARTUP") or os.environ.get("IPYTHONDIR")) and not any(
        os.path.isdir(folder) for folder in folders
    ):
        return None
    found = IPKernelApp()
    found.configure(shell, options)
    return found


def _parts(shell: ZMQInteractiveShell) -> list[Configurable]:
    formatters = [shell.display_formatter, *shell.display_formatter.formatters.values()]
    parts: list[Any] = [*shell.configurables, *formatters]
    return list({id(part): part for part in parts if part is not shell}.values())
