"""IPython's shell, speaking through the kernel."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import warnings
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

from IPython.core import page, payloadpage
from IPython.core.application import ProfileDir
from IPython.core.autocall import ZMQExitAutocall
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.payload import PayloadManager
from traitlets import Any as AnyTrait
from traitlets import default, observe
from traitlets.config import Config

from .cellnames import CellCompiler
from .interrupts import hide_own_frames
from .magics import KernelMagics
from .refusals import refusal

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult

    from .familiar import Session
    from .kernel import Kernel


class _Displaying(threading.local):
    """What the display of a result has come to, on one thread."""

    is_active = False
    data: ClassVar[dict[str, Any]] = {}
    metadata: ClassVar[dict[str, Any]] = {}
    exec_result: ExecutionResult | None = None


class _Publishing:
    """What ipykernel's ways to clients have, for code that sends by hand or names the cell it works for."""

    kernel: Any

    @property
    def session(self) -> Session:
        """What messages are sent by."""
        return self.kernel.session

    @property
    def pub_socket(self) -> Session:
        """What the session is given as the place to send to."""
        return self.kernel.iopub_socket

    @property
    def parent_header(self) -> dict[str, Any]:
        """The header of the message that is handled; to set it is to show for another from now on."""
        return self.kernel.get_parent().get("header", {})

    @parent_header.setter
    def parent_header(self, value: dict[str, Any]) -> None:
        self.kernel.set_thread_parent(value)

    def set_parent(self, parent: dict[str, Any]) -> None:
        """Make what the caller shows from now on belong to a message's cell."""
        self.kernel.set_thread_parent(parent)


class KernelDisplayHook(_Publishing, DisplayHook):
    """Results of cells, which threads may show at once."""

    kernel = AnyTrait()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with nothing to show."""
        self._here = _Displaying()
        super().__init__(*args, **kwargs)

    @property
    def is_displaying(self) -> bool:
        """Whether the calling thread shows a result."""
        return self._here.is_active

    @property
    def exec_result(self) -> ExecutionResult | None:  # type: ignore[override]
        """The result of the cell that runs on the calling thread."""
        return self._here.exec_result

    @exec_result.setter
    def exec_result(self, value: ExecutionResult | None) -> None:
        self._here.exec_result = value

    def compute_format_data(self, result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        self._here.is_active = True
        try:
            return super().compute_format_data(result)
        finally:
            self._here.is_active = False

    def quiet(self) -> bool:
        return self.kernel.here.is_silent or super().quiet()

    def start_displayhook(self) -> None:
        self._here.data = {}
        self._here.metadata = {}

    def write_output_prompt(self) -> None:
        """Show no prompt: clients have their own."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        self._here.data = format_dict
        self._here.metadata = md_dict or {}

    def finish_displayhook(self) -> None:
        here = self._here
        if here.data:
            self.kernel.send(
                "execute_result",
                {
                    "execution_count": self.prompt_count,
                    "data": encode_images(here.data),
                    "metadata": here.metadata,
                },
            )
        here.data = {}


class KernelDisplayPublisher(_Publishing, DisplayPublisher):
    """Everything that is displayed beside results."""

    kernel = AnyTrait()

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **kwargs: Any,
    ) -> None:
        metadata = {} if metadata is None else metadata
        self._validate_data(data, metadata)
        content = {
            "data": encode_images(data),
            "metadata": metadata,
            "transient": transient or {},
        }
        kind = "update_display_data" if update else "display_data"
        for hook in self._hooks:
            message = hook({"header": {"msg_type": kind}, "content": content})
            if message is None:
                return
        self.kernel.send(kind, content)

    def clear_output(self, wait: bool = False) -> None:
        content = {"wait": wait}
        for hook in self._hooks:
            if hook({"header": {"msg_type": "clear_output"}, "content": content}) is None:
                return
        self.kernel.send("clear_output", content)

    @property
    def _hooks(self) -> list[Any]:
        if not hasattr(self, "_hook_list"):
            self._hook_list: list[Any] = []
        return self._hook_list

    def register_hook(self, hook: Any) -> None:
        """Let a hook see, change or stop every message; ipywidgets' Output needs it."""
        self._hooks.append(hook)

    def unregister_hook(self, hook: Any) -> bool:
        try:
            self._hooks.remove(hook)
        except ValueError:
            return False
        return True


def encode_images(data: dict[str, Any]) -> dict[str, Any]:
    """Encode binary representations, such as PNG, as Jupyter wants them."""
    if not any(isinstance(value, bytes) for value in data.values()):
        return data
    from base64 import b64encode

    return {
        key: b64encode(value).decode() if isinstance(value, bytes) else value for key, value in data.items()
    }


_TOOLKITS = dict.fromkeys(
    ("inline", "nbagg", "webagg", "notebook", "ipympl", "widget", None)
    + ("qt", "qt5", "qt6", "wx", "tk", "gtk", "gtk3", "osx", "macosx", "asyncio")
)
"""What `%gui` knows, as ipykernel has it."""


class ZMQInteractiveShell(InteractiveShell):
    """The shell under the name by which rich, pandas and others recognise a notebook."""

    displayhook_class = KernelDisplayHook
    display_pub_class = KernelDisplayPublisher
    compiler_class = CellCompiler
    kernel = AnyTrait()
    keepkernel_on_exit = None
    takes_cell_metadata = "cell_meta" in signature(InteractiveShell.run_cell).parameters

    def __init__(self, kernel: Kernel) -> None:
        """Make the shell without touching the disk: it is made once, outside every sandbox."""
        self._kernel_to_be = kernel
        super().__init__(
            ipython_dir="/home/user/.ipython",
            profile_dir=ProfileDir(),
            user_module=sys.modules.get("__main__"),
            kernel=kernel,
            # The server keeps the history; what magics read of it is in memory, for cells of any thread.
            # Some libraries know a notebook by the other section's presence.
            config=Config(
                {
                    "HistoryManager": {
                        "hist_file": ":memory:",
                        "connection_options": {"check_same_thread": False},
                    },
                    "IPKernelApp": {},
                }
            ),
        )
        # As ipykernel does: code that looks at the filters finds the same.
        warnings.filterwarnings(
            "ignore",
            message=".*Trio's signal handling code might have collided.*",
            category=RuntimeWarning,
        )
        self.displayhook.kernel = kernel
        self.display_pub.kernel = kernel

    @property
    def execution_count(self) -> int:  # type: ignore[override]
        """The number of the cell that runs on the calling thread."""
        return self._kernel_to_be.here.execution_count

    @execution_count.setter
    def execution_count(self, value: int) -> None:
        # The next cells count from it, so it is checked as the trait that it stands for.
        trait: Any = InteractiveShell.execution_count
        self._kernel_to_be.here.execution_count = trait._validate(self, value)

    @property
    def payload_manager(self) -> PayloadManager:
        """The payloads of the cell that runs on the calling thread."""
        return self._kernel_to_be.here.payload_manager

    # The traits' defaults of a terminal do not suit a client with its own prompt.
    def _autoindent_default(self) -> bool:
        return False

    @observe("ipython_dir")
    def _ipython_dir_changed(self, change: Any) -> None:
        """Make no folder yet."""

    def init_environment(self) -> None:
        """Leave the environment to `apply_environment`, which runs inside the sandbox."""

    def apply_environment(self) -> None:
        """Say to programs what a client can show: colours, no pager."""
        os.environ["TERM"] = "xterm-color"
        for name in ("CLICOLOR", "FORCE_COLOR", "CLICOLOR_FORCE"):
            os.environ.setdefault(name, "1")
        for name in ("PAGER", "GIT_PAGER"):
            os.environ[name] = "cat"
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        try:
            if not self.profile_dir.location:
                self.profile_dir.location = os.path.join(self.ipython_dir, "profile_default")
        except OSError:
            pass

    def init_virtualenv(self) -> None:
        """Do nothing: the interpreter started as the environment's own."""

    def init_hooks(self) -> None:
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(payloadpage.page), 99)

    def init_payload(self) -> None:
        """Make none: each shell has its own."""

    def system_piped_or_raw(self, command: str) -> None:
        self.system_piped(self.var_expand(command, depth=1))

    system = InteractiveShell.system_piped

    def ask_exit(self) -> None:
        """End the kernel, and ask the client to end; `exit` and `quit` call it."""
        self.exit_now = not self.keepkernel_on_exit
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": self.keepkernel_on_exit})

    @default("exiter")
    def _exiter_default(self) -> ZMQExitAutocall:
        return ZMQExitAutocall(self)

    @observe("exit_now")
    def _exit_now_changed(self, change: Any) -> None:
        if change["new"]:
            self.kernel.leave_soon()

    def set_next_input(self, text: str, replace: bool = False) -> None:
        self.payload_manager.write_payload({"source": "set_next_input", "text": text, "replace": replace})

    def showtraceback(self, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        """Show a cancelled cell as what it is for its user: an interrupt."""
        kind, value, trace = exc_tuple or sys.exc_info()
        if kind is None and (value := getattr(sys, "last_value", None)) is not None:
            kind, trace = type(value), value.__traceback__
        hide_own_frames(value, trace)
        here = self.kernel.here
        if (found := refusal(value)) is not None:
            here.refusal = found
        if kind is asyncio.CancelledError and here.was_interrupted:
            exc_tuple = (KeyboardInterrupt, KeyboardInterrupt(), trace)
        # A second interrupt would end the showing of the first, and the cell would seem to have succeeded.
        was_running, here.is_running = here.is_running, False
        try:
            super().showtraceback(exc_tuple, *args, **kwargs)
        finally:
            here.is_running = was_running

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.kernel.channel.flush()
        # A result that cannot be shown fails its cell; an error that the cell itself shows does not.
        here = self.kernel.here
        here.has_failed_to_display |= self.displayhook.is_displaying
        here.last_error = {
            "ename": etype.__name__,
            "evalue": str(evalue),
            "traceback": stb if isinstance(stb, list) else stb.splitlines(),
        }
        self.kernel.send("error", here.last_error)

    def enable_gui(self, gui: str | None = None) -> None:
        """Accept the names of toolkits, though there is no screen inside."""
        if gui not in _TOOLKITS:
            raise UsageError(f"Invalid GUI request {gui!r}, valid ones are:{_TOOLKITS.keys()}")
        self.active_eventloop = gui

    def init_magics(self) -> None:
        super().init_magics()
        self.register_magics(KernelMagics)

    def get_parent(self) -> dict[str, Any]:
        return self.kernel.get_parent()

    @property
    def parent_header(self) -> dict[str, Any]:
        return self.kernel.get_parent()

    def set_parent(self, parent: dict[str, Any]) -> None:
        self.kernel.set_parent(None, parent)

    def set_thread_parent(self, parent: dict[str, Any]) -> Any:
        return self.kernel.set_thread_parent(parent)

    def reset_thread_parent(self, token: Any) -> None:
        self.kernel.reset_thread_parent(token)


# Plotly knows a notebook by the module of this class.
ZMQInteractiveShell.__module__ = "ipykernel.zmqshell"
