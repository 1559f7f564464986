"""The kernel: takes requests from the channel, one at a time, and runs them."""

from __future__ import annotations

import asyncio
import builtins
import contextvars
import getpass
import os
import platform
import select
import sys
from collections import deque
from datetime import UTC, datetime
from typing import Any

from IPython.core.interactiveshell import ExecutionResult, _asyncio_runner

from . import __version__, comms
from .channel import REQUESTS_BELL, Channel, Message
from .familiar import Session
from .interrupts import Interrupts
from .requests import answer
from .shell import ZMQInteractiveShell
from .streams import OutStream

_request: contextvars.ContextVar[int] = contextvars.ContextVar("husk_request", default=0)

_REMEMBERED = 512
"""How many requests can be named as the parents of what threads still print."""


_UNSHOWN = {"ename": "KeyboardInterrupt", "evalue": "", "traceback": []}
"""The error of a cell whose own could not be shown: only an interrupt breaks the showing off."""


class StdinNotImplementedError(NotImplementedError):
    """The client cannot be asked for input."""


class Kernel:
    """One interpreter. Made warm, before a fork; `serve` is its life after it."""

    def __init__(self, channel: Channel) -> None:
        """Make the shell, and put nothing in motion."""
        self.channel = channel
        self.pid = 0
        self.is_serving = False
        self.is_running = False
        self.is_silent = False
        self.was_interrupted = False
        self.cell_task: asyncio.Task[Any] | None = None
        self._current = Message(0, "", {}, {}, {})
        self._numbers: dict[str, int] = {}
        self._control_header: dict[str, Any] = {}
        self._started = datetime.now(UTC)
        self._messages: deque[Message] = deque()
        self._shut_down = False
        self.loop: asyncio.AbstractEventLoop
        self.comm_manager = comms.install(self)
        self.session = Session(self)
        self.iopub_socket = self.session
        self.shell = ZMQInteractiveShell(self)
        # What `instance()` does; it would make the shell itself.
        for parent in ZMQInteractiveShell._walk_mro():
            parent._instance = self.shell
        self._interrupts = Interrupts(self)

    # -- what libraries look for in ipykernel's kernel -----------------------------------------------

    def get_parent(self, channel: str | None = None) -> dict[str, Any]:
        """Return the message that is being handled; of the control channel, the latest that has come."""
        if channel == "control":
            return {"header": self._control_header, "parent_header": {}, "metadata": {}, "content": {}}
        message = self._current
        return {
            "header": message.header,
            "parent_header": {},
            "metadata": message.metadata,
            "content": message.content,
            "msg_id": message.header.get("msg_id", ""),
            "msg_type": message.type,
        }

    def set_parent(self, ident: Any, parent: dict[str, Any], channel: str = "shell") -> None:
        """Make what the calling thread or task prints from now on belong to a message's cell."""
        self.set_thread_parent(parent)

    def set_thread_parent(self, parent: dict[str, Any]) -> contextvars.Token[int]:
        """Do the same, and return what `reset_thread_parent` takes."""
        number = self._numbers.get(parent.get("header", {}).get("msg_id", ""), 0)
        return _request.set(number)

    def reset_thread_parent(self, token: contextvars.Token[int]) -> None:
        """Undo `set_thread_parent`."""
        _request.reset(token)

    @property
    def _parent_ident(self) -> dict[str, list[bytes]]:
        def ident(header: dict[str, Any]) -> list[bytes]:
            return [str(header.get("session", "")).encode()]

        return {"shell": ident(self._current.header), "control": ident(self._control_header)}

    # -- events ----------------------------------------------------------------------------------------

    def request_number(self) -> int:
        """Return the request that the caller's output belongs to: its task's, or the latest cell's."""
        return _request.get() or self._current.request

    def send(
        self,
        kind: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        buffers: list[Any] | None = None,
    ) -> None:
        """Send an event that belongs to the caller's cell."""
        if self.is_serving:
            self.channel.send(self.request_number(), kind, content, metadata, buffers)

    # -- life ------------------------------------------------------------------------------------------

    def serve(self) -> int:
        """Handle requests until the server asks for the end. Returns the exit status."""
        self.pid = os.getpid()
        self.channel.open()
        self.is_serving = True
        sys.stdout = sys.__stdout__ = OutStream(self, 1, "stdout")
        sys.stderr = sys.__stderr__ = OutStream(self, 2, "stderr")
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it lives as long as the process
        self._patch_input()
        session = os.environ.get("JPY_SESSION_NAME")
        if session:
            self.shell.user_ns["__session__"] = session
        self.shell.apply_environment()
        self._interrupts.install()
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.loop.add_reader(REQUESTS_BELL, self._take_requests)
        self.channel.send(0, "hello", self._hello())
        # A request may have been placed before the bell was watched.
        self.loop.call_soon(self._take_requests)
        while not self._shut_down:
            try:
                self.loop.run_forever()
            except KeyboardInterrupt:
                # It came out of a task that a cell left behind, or out of the loop itself: a cell that awaits is meant.
                if self.cell_task is not None:
                    self.cell_task.cancel()
        self.shell.atexit_operations()
        return 0

    def _hello(self) -> dict[str, Any]:
        version = platform.python_version()
        from IPython.core.release import version as ipython

        return {
            "protocol": 1,
            # What ipykernel says too: clients and libraries look for IPython, and for what it can do.
            "implementation": "ipython",
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

    def _take_requests(self) -> None:
        self.channel.silence()
        while (message := self.channel.receive()) is not None:
            if self.cell_task is not None and message.type.startswith("comm_"):
                self._handle_aside(message)
            else:
                self._messages.append(message)
        self._work()

    def _handle_aside(self, message: Message) -> None:
        """Handle what a cell that awaits may be waiting for."""
        cell = self._current
        self._handle(message)
        self._current = cell
        self.channel.attribute(cell.request)

    def _work(self) -> None:
        while self._messages and self.cell_task is None and not self._shut_down:
            self._handle(self._messages.popleft())

    def _handle(self, message: Message) -> None:
        self._current = message
        self._numbers[message.header.get("msg_id", "")] = message.request
        if len(self._numbers) > _REMEMBERED:
            del self._numbers[next(iter(self._numbers))]
        _request.set(message.request)
        self.channel.attribute(message.request)
        if message.type == "execute_request":
            self._execute(message)
        elif (reply := answer(self, message)) is not None:
            self._reply(message, *reply)

    def stop(self) -> None:
        """Let `serve` return after the request that is being handled."""
        self._shut_down = True
        self.loop.stop()

    def _reply(
        self, message: Message, kind: str, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> None:
        self.channel.finish_output()
        self.channel.send(message.request, kind, content, metadata)

    # -- cells -----------------------------------------------------------------------------------------

    def _execute(self, message: Message) -> None:
        shell = self.shell
        content = message.content
        code = content.get("code", "")
        self._control_header = content.get("control_header", {})
        self._started = datetime.now(UTC)
        self.is_silent = bool(content.get("silent", False))
        stores = bool(content.get("store_history", not self.is_silent)) and not self.is_silent
        shell.execution_count = content.get("execution_count", 0)
        shell.last_error = None
        shell.has_failed_to_display = False
        self.was_interrupted = False
        options = {
            "store_history": stores,
            "silent": self.is_silent,
            "cell_id": (message.metadata or {}).get("cellId"),
        }
        result = None
        try:
            self.is_running = True
            transformed, failure = code, None
            try:
                transformed = shell.transform_cell(code)
            except Exception:
                failure = sys.exc_info()
            if shell.should_run_async(code, transformed_cell=transformed, preprocessing_exc_tuple=failure):
                if shell.loop_runner is _asyncio_runner:
                    # From here on the server hands comm messages over while the cell runs.
                    self.channel.send(message.request, "awaiting", {})
                    self.cell_task = self.loop.create_task(
                        self._run_async(message, code, transformed, failure, options)
                    )
                    return
                with self._interrupts.plain():
                    result = shell.run_cell(code, **options)
            else:
                result = shell.run_cell(code, **options)
        except BaseException as error:  # the shell shows errors itself; this is an interrupt between
            result = None
            self._show_escaped(error)
        self._finish(message, result)

    async def _run_async(
        self, message: Message, code: str, transformed: str, failure: Any, options: dict[str, Any]
    ) -> None:
        shell = self.shell
        result = None
        try:
            result = await shell.run_cell_async(
                code, transformed_cell=transformed, preprocessing_exc_tuple=failure, **options
            )
            shell.events.trigger("post_execute")
            if not options["silent"]:
                shell.events.trigger("post_run_cell", result)
        except BaseException as error:
            result = None
            self._show_escaped(error)
        self.is_running = False
        self.cell_task = None
        self._finish(message, result)
        self.loop.call_soon(self._work)

    def _show_escaped(self, error: BaseException) -> None:
        if self.shell.last_error is None:
            self.is_running = False
            self.shell.showtraceback((type(error), error, error.__traceback__))

    def _finish(self, message: Message, result: ExecutionResult | None) -> None:
        self.is_running = False
        shell = self.shell
        content = message.content
        # A cell may show an error that it has caught; it has succeeded all the same.
        has_succeeded = result is not None and result.success and not shell.has_failed_to_display
        error = None if has_succeeded else shell.last_error or _UNSHOWN
        # Expressions are the user's code too, but their errors are part of the reply.
        expressions = {}
        if error is None:
            try:
                self.is_running = True
                expressions = shell.user_expressions(content.get("user_expressions") or {})
                self.is_running = False
            except KeyboardInterrupt:
                self.is_running = False
        reply: dict[str, Any] = {
            "execution_count": content.get("execution_count", 0),
            "user_expressions": expressions,
            "payload": shell.payload_manager.read_payload(),
        }
        shell.payload_manager.clear_payload()
        if error is None:
            reply["status"] = "ok"
        else:
            reply.update(error, status="error")
        started = self._started.isoformat().replace("+00:00", "Z")
        self._reply(message, "execute_reply", reply, {"started": started, "status": reply["status"]})

    # -- input -----------------------------------------------------------------------------------------

    def _patch_input(self) -> None:
        builtins.input = self.raw_input
        getpass.getpass = self.getpass
        self.shell.raw_input_original = self.raw_input

    def raw_input(self, prompt: object = "") -> str:
        """Ask the client for a line."""
        return self._ask(str(prompt), False)

    def getpass(self, prompt: object = "Password: ", stream: Any = None) -> str:
        """Ask the client for a line that it does not show."""
        return self._ask(str(prompt), True)

    def _ask(self, prompt: str, is_password: bool) -> str:
        message = self._current
        if not message.content.get("allow_stdin", False):
            raise StdinNotImplementedError(
                "raw_input was called, but this frontend does not support input requests."
            )
        self.channel.finish_output()
        self.channel.send(message.request, "input_request", {"prompt": prompt, "password": is_password})
        bell = select.poll()
        bell.register(REQUESTS_BELL, select.POLLIN)
        while True:
            answer = self.channel.receive()
            if answer is None:
                # A signal ends the wait: the handler raises.
                bell.poll()
                self.channel.silence()
                continue
            if answer.type == "input_reply":
                value = str(answer.content.get("value", ""))
                if value == "\x04":
                    raise EOFError
                return value
            self._messages.append(answer)
