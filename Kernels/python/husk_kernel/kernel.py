"""The kernel: takes requests from the channel and hands each to the shell that it is for."""

from __future__ import annotations

import atexit
import builtins
import contextvars
import getpass
import os
import pdb
import platform
import sys
import threading
from asyncio import new_event_loop, set_event_loop
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import cached_property
from typing import Any

from traitlets import TraitError
from traitlets.config.loader import ConfigError

from . import __version__, comms
from .application import application as make_application
from .channel import REQUESTS_BELL, Channel, Message
from .completion import complete, inspect
from .control import Control
from .familiar import IOPubThread, Session
from .fitness import features
from .interrupts import Interrupts
from .sendable import EVENTS
from .shell import ZMQInteractiveShell
from .streams import OutStream
from .subshell import Subshell

_request: contextvars.ContextVar[int] = contextvars.ContextVar("husk_request", default=0)

_LEAVING = 0.1
"""Seconds between `exit` and the kernel's end."""

_REMEMBERED = 512
"""How many requests can be named as the parents of what threads still print."""


def _whole(
    header: dict[str, Any], kind: str, metadata: dict[str, Any], content: dict[str, Any], buffers: list[bytes]
) -> dict[str, Any]:
    """Return a message with all the parts that ipykernel's have."""
    header = dict(header)
    try:
        header["date"] = datetime.fromisoformat(header["date"])
    except (KeyError, TypeError, ValueError):
        # Clients may leave it out, or say what they like.
        pass
    return {
        "header": header,
        "msg_id": header.get("msg_id", ""),
        "msg_type": kind or header.get("msg_type", ""),
        "parent_header": {},
        "metadata": metadata,
        "content": content,
        "buffers": buffers,
    }


class Kernel:
    """One interpreter. Made warm, before a fork; `serve` is its life after it."""

    def __init__(self, channel: Channel) -> None:
        """Make the shell, and put nothing in motion."""
        self.channel = channel
        self.pid = 0
        self._main_ident = 0
        self._own_modules: frozenset[str] = frozenset()
        self.is_serving = False
        self._is_leaving = False
        self.control_header: dict[str, Any] = {}
        self.main = Subshell(self, None)
        self.subshells: dict[str, Subshell] = {}
        self._here = threading.local()
        self._numbers: dict[str, int] = {}
        self._taking = threading.RLock()
        self.control = Control(self)
        self.comm_manager = comms.install(self)
        self.session = Session(self)
        self.iopub_socket = self.session
        self.iopub_thread = IOPubThread()
        self.shell = ZMQInteractiveShell(self)
        # What `instance()` does; it would make the shell itself.
        for parent in ZMQInteractiveShell._walk_mro():
            parent._instance = self.shell
        self.interrupts = Interrupts(self)
        # One object, to be known again by.
        self._passing = self._pass_breakpoint

    @property
    def here(self) -> Subshell:
        """The shell on whose thread the caller is; other threads belong to the main one."""
        return getattr(self._here, "subshell", self.main)

    def own_files(self) -> list[str]:
        """Return the files of what was loaded to be a kernel, before any cell: no debugger steps into them."""
        modules = (sys.modules.get(name) for name in self._own_modules)
        return sorted({file for module in modules if (file := getattr(module, "__file__", None))})

    def enter(self, subshell: Subshell) -> None:
        """Make the calling thread a shell's."""
        self._here.subshell = subshell

    # -- what libraries look for in ipykernel's kernel -----------------------------------------------

    def get_parent(self, channel: str | None = None) -> dict[str, Any]:
        """Return the message that is being handled; of the control channel, the latest that has come."""
        if channel == "control":
            return _whole(self.control_header, "", {}, {}, []) if self.control_header else {}
        message = self.here.current
        if not message.type:
            return {}
        return _whole(message.header, message.type, message.metadata, message.content, message.buffers)

    def set_parent(self, ident: Any, parent: dict[str, Any], channel: str = "shell") -> None:
        """Make what the calling thread or task prints from now on belong to a message's cell."""
        self.set_thread_parent(parent)

    def set_thread_parent(self, parent: dict[str, Any]) -> contextvars.Token[int]:
        """Do the same, and return what `reset_thread_parent` takes; a header does for a message."""
        number = self._numbers.get(parent.get("header", parent).get("msg_id", ""), 0)
        return _request.set(number)

    def reset_thread_parent(self, token: contextvars.Token[int]) -> None:
        """Undo `set_thread_parent`."""
        _request.reset(token)

    @property
    def _parent_ident(self) -> dict[str, list[bytes]]:
        def ident(header: dict[str, Any]) -> list[bytes]:
            return [str(header.get("session", "")).encode()]

        return {"shell": ident(self.here.current.header), "control": ident(self.control_header)}

    implementation = "ipython"
    """What ipykernel says too: clients and libraries look for IPython, and for what it can do."""

    @property
    def implementation_version(self) -> str:
        """IPython's version."""
        return self._hello()["implementation_version"]

    @property
    def banner(self) -> str:
        """What a console shows first."""
        return self._hello()["banner"]

    @property
    def language_info(self) -> dict[str, Any]:
        """What clients are told of Python."""
        return self._hello()["language_info"]

    @property
    def help_links(self) -> list[dict[str, str]]:
        """What clients offer to read."""
        return self._hello()["help_links"]

    @cached_property
    def ident(self) -> str:
        """A name that no other kernel has."""
        import uuid

        return str(uuid.uuid4())

    @property
    def log(self) -> Any:
        """A logger, the shell's."""
        return self.shell.log

    @property
    def execution_count(self) -> int:
        """The number of the cell that runs."""
        return self.shell.execution_count

    @execution_count.setter
    def execution_count(self, value: int) -> None:
        self.shell.execution_count = value

    @property
    def user_ns(self) -> dict[str, Any]:
        """The variables of cells."""
        return self.shell.user_ns

    @property
    def user_module(self) -> Any:
        """The module of cells."""
        return self.shell.user_module

    @property
    def io_loop(self) -> Any:
        """The kernel's loop as tornado has it, where there is tornado."""
        try:
            from tornado.ioloop import IOLoop
        except ImportError:
            raise AttributeError("there is no tornado, and so no io_loop") from None
        if threading.get_ident() == self._main_ident:
            return IOLoop.current()
        from tornado.platform.asyncio import AsyncIOLoop

        found = IOLoop._ioloop_for_asyncio.get(self.main.loop)
        return found or AsyncIOLoop(asyncio_loop=self.main.loop, make_current=False)

    def send_response(
        self,
        stream: Any,
        msg_or_type: Any,
        content: dict[str, Any] | None = None,
        ident: Any = None,
        buffers: list[Any] | None = None,
        track: bool = False,
        header: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        channel: str | None = None,
    ) -> None:
        """Publish an event for the message that is being handled."""
        self.session.send(stream, msg_or_type, content, buffers=buffers, metadata=metadata)

    def do_complete(self, code: str, cursor_pos: int | None = None) -> dict[str, Any]:
        """Complete code, as a client asks for it."""
        return complete(self.shell, code, len(code) if cursor_pos is None else cursor_pos)

    def do_inspect(
        self, code: str, cursor_pos: int | None = None, detail_level: int = 0, omit_sections: Any = ()
    ) -> dict[str, Any]:
        """Describe what the cursor stands at, likewise."""
        position = len(code) if cursor_pos is None else cursor_pos
        return inspect(self.shell, code, position, detail_level, omit_sections)

    # -- events ----------------------------------------------------------------------------------------

    def request_number(self) -> int:
        """Return the request that the caller's output belongs to: its task's, or the latest cell's."""
        return _request.get() or self.main.current.request

    def attribute(self, message: Message) -> None:
        """Make a message the one that output of the caller, and what comes through the pipes, belongs to."""
        self._numbers[message.header.get("msg_id", "")] = message.request
        if len(self._numbers) > _REMEMBERED:
            del self._numbers[next(iter(self._numbers))]
        _request.set(message.request)
        self.channel.attribute(message.request)

    def send(
        self,
        kind: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        buffers: list[Any] | None = None,
    ) -> None:
        """Send an event that belongs to the caller's cell."""
        if kind not in EVENTS:
            raise ValueError(f"{kind!r} is no message that a kernel publishes")
        if self.is_serving:
            self.channel.send(self.request_number(), kind, content, metadata, buffers)

    def reply(
        self, message: Message, kind: str, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> None:
        """Answer a request, behind everything that was written before."""
        self.channel.finish_output()
        self.channel.send(message.request, kind, content, metadata)

    # -- life ------------------------------------------------------------------------------------------

    def serve(self, options: list[str]) -> int:
        """Handle requests until the server asks for the end. Returns the exit status.

        The options are ipykernel's, on its command line.
        """
        try:
            application = make_application(self.shell, options)
        except (TraitError, ConfigError, SystemExit) as error:
            if not isinstance(error, SystemExit):
                print(f"husk: {error}", file=sys.stderr, flush=True)
            return 1
        # It makes the profile's folder; a folder that was there before is one to configure the shell by.
        self.shell.apply_environment()
        self.pid = os.getpid()
        self._own_modules = frozenset(sys.modules)
        self._main_ident = threading.get_ident()
        self.channel.open(self.take_requests)
        self.is_serving = True
        sys.stdout = sys.__stdout__ = OutStream(self, 1, "stdout")
        sys.stderr = sys.__stderr__ = OutStream(self, 2, "stderr")
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it lives as long as the process
        self._patch_input()
        session = os.environ.get("JPY_SESSION_NAME")
        if session:
            self.shell.user_ns["__session__"] = session
        self.interrupts.install()
        loop = self.main.loop = new_event_loop()
        set_event_loop(loop)
        self.enter(self.main)
        loop.add_reader(REQUESTS_BELL, self.take_requests)
        if application is not None:
            application.run()
        self.channel.send(0, "hello", self._hello())
        # A request may have been placed before the bell was watched.
        loop.call_soon(self.take_requests)
        self.main.run_loop()
        if self._is_leaving:
            self._finish()
        else:
            self.shell.atexit_operations()
        return 0

    def leave_soon(self) -> None:
        """End the kernel as `exit` does: a moment later, so that the cell's reply goes out."""
        if self.is_serving:
            loop = self.main.loop
            loop.call_soon_threadsafe(loop.call_later, _LEAVING, self._leave)

    def _leave(self) -> None:
        self._is_leaving = True
        self.main.stop()

    def _finish(self) -> None:
        """Do what Python does at its end, while there is a channel to hear it."""
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        self.channel.finish_output()
        self.channel.send(0, "exiting", {})

    def foreign_loop(self, subshell: Subshell) -> AbstractContextManager[None]:
        """Surround the run of a loop that is not asyncio's: trio's has its own way with SIGINT."""
        return self.interrupts.plain() if subshell.is_main else nullcontext()

    def _hello(self) -> dict[str, Any]:
        version = platform.python_version()
        from IPython.core.release import version as ipython

        return {
            "protocol": 1,
            "features": features(),
            # IPython keeps them out of its history too.
            "unremembered": ["exit", "exit()", "quit", "quit()"],
            "implementation": self.implementation,
            "implementation_version": ipython,
            "banner": f"Python {version} with IPython {ipython}, in a sandbox of Husk {__version__}",
            "help_links": [
                {"text": "Python Reference", "url": "https://docs.python.org/3/"},
                {"text": "IPython Reference", "url": "https://ipython.org/documentation.html"},
            ],
            "language_info": {
                "name": "python",
                "version": version,
                "mimetype": "text/x-python",
                "file_extension": ".py",
                "pygments_lexer": "ipython3",
                "codemirror_mode": {"name": "ipython", "version": 3},
                "nbconvert_exporter": "python",
            },
        }

    # -- requests --------------------------------------------------------------------------------------

    def take_requests(self) -> None:
        """Take what has come and hand it on: on the main thread, or on the channel's while that one is busy."""
        is_main = threading.get_ident() == self._main_ident
        mine: list[Message] = []
        with self._taking:
            self.channel.silence()
            while (message := self.channel.receive()) is not None:
                target = self._target(message)
                if target is self.main and is_main and message.type != "input_reply":
                    mine.append(message)
                elif target is not None:
                    target.deliver(message)
        for message in mine:
            self.main.take(message)

    def _target(self, message: Message) -> Subshell | Control | None:
        identifier = message.header.get("subshell_id")
        if message.type in ("debug_request", "usage_request"):
            return self.control
        if message.type == "create_subshell":
            subshell = self.subshells[message.content["subshell_id"]] = Subshell(
                self, message.content["subshell_id"]
            )
            subshell.start()
            return None
        if message.type == "delete_subshell":
            self.subshells.pop(message.content["subshell_id"]).end()
            return None
        if message.type == "comm_msg":
            identifier = comms.asker(message, identifier)
        return self.subshells.get(identifier, self.main) if identifier else self.main

    # -- input -----------------------------------------------------------------------------------------

    def _patch_input(self) -> None:
        builtins.input = self.raw_input
        getpass.getpass = self.getpass
        self.shell.raw_input_original = self.raw_input

    def have_breakpoints(self, can_ask: bool) -> None:
        """Let `breakpoint()` do what it can in the next cell: a debugger that cannot ask could only fail."""
        if not can_ask and sys.breakpointhook is sys.__breakpointhook__:
            sys.breakpointhook = self._passing
        elif can_ask and sys.breakpointhook is self._passing:
            sys.breakpointhook = sys.__breakpointhook__

    def _pass_breakpoint(self, *arguments: Any, **keywords: Any) -> Any:
        if os.environ.get("PYTHONBREAKPOINT"):
            return sys.__breakpointhook__(*arguments, **keywords)
        if self.here.can_ask:
            # A cell of another shell, which can.
            pdb.set_trace(sys._getframe(1))
        return None

    def raw_input(self, prompt: object = "") -> str:
        """Ask the client for a line."""
        return self.here.ask("raw_input", str(prompt))

    def getpass(
        self, prompt: object = "Password: ", stream: Any = None, *, echo_char: str | None = None
    ) -> str:
        """Ask the client for a line that it does not show; what it shows instead is its own choice."""
        return self.here.ask("getpass", str(prompt), is_password=True)
