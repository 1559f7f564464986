"""Magics that need a client, as ipykernel has them."""

from __future__ import annotations

import os
import threading

from IPython.core import page
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magics import CodeMagics
from IPython.display import Javascript, clear_output, display


@magics_class
class KernelMagics(Magics):
    """Registered with the kernel's shell."""

    @line_magic
    def clear(self, line: str) -> None:
        """Clear the cell's output."""
        clear_output()

    cls = line_magic("cls")(clear)

    @line_magic
    def edit(self, line: str = "", last_call: list[str] | None = None) -> None:
        """Let the client open an editor with a file, a line of the history, or an object's source."""
        options, arguments = self.parse_options(line, "prn:")
        name, number, _ = CodeMagics._find_edit_target(self.shell, arguments, options, last_call or ["", ""])
        if name is None:
            return
        self.shell.payload_manager.write_payload(
            {"source": "edit_magic", "filename": os.path.abspath(name), "line_number": number}
        )

    @line_magic
    def less(self, line: str) -> None:
        """Show a file in the pager, Python files in colours."""
        if not line:
            raise UsageError("Missing filename.")
        with open(os.path.expanduser(line), encoding="utf-8", errors="replace") as file:
            text = file.read()
        page.page(self.shell.pycolorize(text) if line.endswith(".py") else text)

    more = line_magic("more")(less)

    @line_magic
    def man(self, line: str) -> None:
        """Show a page of the manual in the pager."""
        page.page(self.shell.getoutput(f"man {line} | col -b", split=False))

    @line_magic
    def autosave(self, line: str) -> None:
        """Set how often the classic notebook saves, in seconds; 0 is never."""
        try:
            interval = int(line)
        except ValueError as error:
            raise UsageError(f"%autosave requires an integer, got {line!r}") from error
        display(Javascript(f"IPython.notebook.set_autosave_interval({1000 * interval})"))
        print(f"Autosaving every {interval} seconds" if interval else "Autosave disabled")

    @line_magic
    def connect_info(self, line: str) -> None:
        """Say where the connection file is: with the client, since its key must not come into the sandbox."""
        print(
            "The connection file and its key stay outside the sandbox: ask the client that started this kernel."
        )

    @line_magic
    def qtconsole(self, line: str) -> None:
        """Say how a console is opened: this sandbox has no screen and no connection file."""
        print("Start it outside, on this kernel: jupyter qtconsole --existing")

    @line_magic
    def subshell(self, line: str) -> None:
        """Show which shell runs the cell, on which thread, and which subshells there are."""
        kernel = self.shell.kernel
        print(f"subshell id: {kernel.here.identifier}")
        print(f"thread id: {threading.get_ident()}")
        print(f"main thread id: {threading.main_thread().ident}")
        print(f"pid: {os.getpid()}")
        print(f"thread count: {threading.active_count()}")
        print(f"subshell list: {list(kernel.subshells)}")
