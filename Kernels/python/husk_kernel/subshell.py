"""A shell's requests: one at a time, in order, on one thread."""

from __future__ import annotations

import asyncio
import ctypes
import os
import queue
import select
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import _asyncio_runner
from IPython.core.payload import PayloadManager

from .cell_environment import CellEnvironment
from .channel import REQUESTS_BELL, Message
from .requests import answer, describe, failure

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult

    from .kernel import Kernel

_HEAD_START = 0.005
"""Seconds that text has before the question behind it."""

_PATIENCE = 2.0
"""Seconds for which the end of a subshell's thread is awaited."""


class Subshell:
    """The main shell, which has the main thread, or a subshell with a thread of its own (JEP 91).

    All share IPython's shell and its variables; what belongs to a running cell is here.
    """

    def __init__(self, kernel: Kernel, identifier: str | None) -> None:
        """Make a shell that does not run yet; None is the main one."""
        self.kernel = kernel
        self.identifier = identifier
        self.loop: asyncio.AbstractEventLoop
        self.thread: threading.Thread | None = None
        self.current = Message(0, "", {}, {}, {})
        self.is_running = False
        self.is_silent = False
        self.was_interrupted = False
        self.cell_task: asyncio.Task[Any] | None = None
        self.execution_count = 1
        self._began_at = 1
        self.last_error: dict[str, Any] | None = None
        self.refusal: str | None = None
        self.has_failed_to_display = False
        self.payload_manager = PayloadManager()
        self._environment = CellEnvironment()
        self._started = datetime.now(UTC)
        self._waiting: deque[Message] = deque()
        self._answers: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._answered: int | None = None
        self._has_ended = False

    @property
    def is_main(self) -> bool:
        """Whether this is the main shell."""
        return self.identifier is None

    @property
    def can_ask(self) -> bool:
        """Whether the client of the running cell can be asked for a line."""
        return bool(self.current.content.get("allow_stdin", False))

    # -- life ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread of a subshell."""
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._live, name=f"subshell-{self.identifier}", daemon=True)
        self.thread.start()

    def _live(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.kernel.enter(self)
        self.run_loop()
        self.loop.close()

    def run_loop(self) -> None:
        """Run the loop until `stop`."""
        while not self._has_ended:
            try:
                self.loop.run_forever()
            except KeyboardInterrupt:
                # It came out of a task that a cell left behind, or out of the loop: a cell that awaits is meant
                if self.cell_task is not None:
                    self.cell_task.cancel()

    def stop(self) -> None:
        """Let `run_loop` return after the request that is being handled. Called on the shell's own thread."""
        self._has_ended = True
        self.loop.stop()

    def end(self) -> None:
        """End a subshell that is idle, and wait for its thread."""
        self.loop.call_soon_threadsafe(self.stop)
        if self.thread is None:
            return
        # A task that was left behind may block its loop for ever. Not by `join`: on the channel's thread, which
        # Python has not made, that would leave a "Dummy" thread behind for all to see.
        deadline = time.monotonic() + _PATIENCE
        while self.thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.001)

    def interrupt(self) -> None:
        """Interrupt the cell of a subshell from the main thread, where signals arrive."""
        if not self.is_running or self.thread is None or self.thread.ident is None:
            return
        self.was_interrupted = True
        if self.cell_task is not None:
            self.loop.call_soon_threadsafe(self.cell_task.cancel)
            return
        # It arrives with the next bytecode: no signal can end a wait of a thread that is not the main one.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self.thread.ident), ctypes.py_object(KeyboardInterrupt)
        )

    # -- requests --------------------------------------------------------------------------------------

    def deliver(self, message: Message) -> None:
        """Hand a message over from any thread."""
        if message.type == "input_reply":
            self._answers.put(message)
            if self._answered is not None:
                # The channel's thread may have silenced the bell that the main thread waits for.
                os.eventfd_write(self._answered, 1)
        else:
            self.loop.call_soon_threadsafe(self.take, message)

    def take(self, message: Message) -> None:
        """Handle a message, or keep it until the cell before it is through."""
        if self.cell_task is not None and message.type.startswith("comm_"):
            self._handle_aside(message)
        else:
            self._waiting.append(message)
            self._work()

    def _handle_aside(self, message: Message) -> None:
        """Handle what a cell that awaits may be waiting for."""
        cell = self.current
        self._handle(message)
        self._be_at(cell)

    def _work(self) -> None:
        while self._waiting and self.cell_task is None and not self._has_ended:
            self._handle(self._waiting.popleft())

    def _be_at(self, message: Message) -> None:
        self.current = message
        self.kernel.attribute(message)

    def _handle(self, message: Message) -> None:
        self._be_at(message)
        if self.is_main and self.cell_task is None:
            self.kernel.interrupts.install()
        if message.type == "execute_request":
            self._execute(message)
        else:
            self._answer(message)
            if self.is_main and self.cell_task is None:
                self.kernel.interrupts.install()

    def _answer(self, message: Message) -> None:
        try:
            if (reply := answer(self.kernel, message)) is not None:
                self.kernel.reply(message, *reply)
        except (Exception, SystemExit) as error:
            # It cannot be sent, or is no answer at all: a request without a reply would keep the kernel busy.
            self.kernel.reply(message, *failure(message, error))

    # -- cells -----------------------------------------------------------------------------------------

    def _execute(self, message: Message) -> None:
        shell = self.kernel.shell
        content = message.content
        code = content.get("code", "")
        # The server's own additions are no part of what the client sent.
        self.kernel.control_header = content.pop("control_header", {})
        self._started = datetime.now(UTC)
        self.is_silent = bool(content.get("silent", False))
        stores = bool(content.get("store_history", not self.is_silent)) and not self.is_silent
        self.execution_count = self._began_at = content.pop("execution_count", 1)
        environment = content.pop("environment", None) or {}
        self.last_error = None
        self.refusal = None
        self.has_failed_to_display = False
        self.was_interrupted = False
        self.kernel.have_breakpoints(self.can_ask)
        about = message.metadata or {}
        options = {
            "store_history": stores,
            "silent": self.is_silent,
            "cell_id": about.get("cellId"),
        }
        if shell.takes_cell_metadata:
            options["cell_meta"] = about
        result = None
        if self.is_main:
            # While the main thread is busy somebody else has to hear what comes for the others.
            self.kernel.channel.listen(True)
        try:
            self.is_running = True
            self._environment.set(environment)
            transformed, failure = code, None
            try:
                transformed = shell.transform_cell(code)
            except Exception:
                failure = sys.exc_info()
            if shell.should_run_async(code, transformed_cell=transformed, preprocessing_exc_tuple=failure):
                if shell.loop_runner is _asyncio_runner:
                    # From here on the server hands comm messages over while the cell runs.
                    self.kernel.channel.send(message.request, "awaiting", {})
                    self.cell_task = self.loop.create_task(
                        self._run_async(message, code, transformed, failure, options)
                    )
                    return
                with self.kernel.foreign_loop(self):
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
        shell = self.kernel.shell
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
        if self.last_error is not None:
            return
        self.is_running = False
        try:
            self.kernel.shell.showtraceback((type(error), error, error.__traceback__))
        except Exception:
            # It cannot be shown either; that the cell has failed must be said all the same.
            self.last_error = {**describe(error), "traceback": []}

    def _finish(self, message: Message, result: ExecutionResult | None) -> None:
        self.is_running = False
        if os.getpid() != self.kernel.pid:
            # A child that the cell forked and that has come to the cell's end: the kernel is its parent.
            os._exit(0 if result is not None and result.success else 1)
        try:
            reply, metadata = self._outcome(message, result)
        except BaseException as error:
            reply, metadata = self._failed_outcome(error)
        try:
            self._leave_cell()
        except BaseException as error:
            reply, metadata = self._failed_outcome(error)
        try:
            self.kernel.reply(message, "execute_reply", reply, metadata)
        except BaseException as error:
            # A request without a reply would keep the kernel busy for ever.
            self.kernel.reply(message, "execute_reply", *self._failed_outcome(error))

    def _failed_outcome(self, error: BaseException) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show the error; return a reply, and its metadata, that has nothing of the user's in it."""
        self.is_running = False
        self.payload_manager = PayloadManager()
        shown = {**describe(error), "traceback": [f"{type(error).__name__}: {describe(error)['evalue']}"]}
        self.kernel.send("error", shown)
        reply = {
            "status": "error",
            **shown,
            "execution_count": self._began_at,
            "user_expressions": {},
            "payload": [],
        }
        return reply, {"status": "error"}

    def _leave_cell(self) -> None:
        if self.is_main:
            self.kernel.channel.listen(False)
            self.kernel.interrupts.install()
        else:
            self.kernel.channel.attribute(self.kernel.main.current.request)
        self._environment.reset()

    def _outcome(
        self, message: Message, result: ExecutionResult | None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the reply to a cell, and its metadata."""
        content = message.content
        # A cell may show an error that it has caught; it has succeeded all the same.
        has_succeeded = result is not None and result.success and not self.has_failed_to_display
        error = None if has_succeeded else self.last_error or _unshown(result)
        # Expressions are the user's code too, but their errors are part of the reply.
        expressions = {}
        wanted = content.get("user_expressions")
        if error is None and wanted:
            try:
                self.is_running = True
                expressions = self.kernel.shell.user_expressions(wanted)
            except KeyboardInterrupt:
                pass
            finally:
                self.is_running = False
        reply: dict[str, Any] = {
            "execution_count": self.execution_count - 1,
            "user_expressions": expressions,
            "payload": self.payload_manager.read_payload(),
        }
        self.payload_manager.clear_payload()
        if error is None:
            reply["status"] = "ok"
        else:
            reply.update(error, status="error")
        started = self._started.isoformat().replace("+00:00", "Z")
        metadata: dict[str, Any] = {"started": started, "status": reply["status"]}
        if self.refusal and error is not None:
            metadata["husk"] = {"refusal": self.refusal}
        return reply, metadata

    # -- input -----------------------------------------------------------------------------------------

    def ask(self, function: str, prompt: str, is_password: bool = False) -> str:
        """Ask the client of the running cell for a line."""
        message = self.current
        if not self.can_ask:
            raise StdinNotImplementedError(
                f"{function} was called, but this frontend does not support input requests."
            )
        channel = self.kernel.channel
        channel.finish_output()
        # Questions and text travel on sockets of their own, and clients look at that of the questions first.
        time.sleep(_HEAD_START)
        while not self._answers.empty():
            self._answers.get()
        channel.send(message.request, "input_request", {"prompt": prompt, "password": is_password})
        value = str(self._next_answer().content.get("value", ""))
        if value == "\x04":
            raise EOFError
        return value

    def _next_answer(self) -> Message:
        if not self.is_main:
            return self._answers.get()
        channel = self.kernel.channel
        if self._answered is None:
            self._answered = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        bells = select.poll()
        for bell in (REQUESTS_BELL, self._answered):
            bells.register(bell, select.POLLIN)
        channel.listen(False)
        try:
            while self._answers.empty():
                # A signal ends the wait: the handler raises.
                bells.poll()
                channel.silence(self._answered)
                with self.kernel.interrupts.held():
                    self.kernel.take_requests()
            return self._answers.get()
        finally:
            channel.listen(True)


def _unshown(result: ExecutionResult | None) -> dict[str, Any]:
    """Describe an error that IPython printed, or whose showing an interrupt broke off."""
    error = (result and (result.error_before_exec or result.error_in_exec)) or KeyboardInterrupt()
    return {"ename": type(error).__name__, "evalue": str(error), "traceback": []}
