"""The connection to debugpy's adapter, which speaks the Debug Adapter Protocol over a loopback socket."""

from __future__ import annotations

import _thread
import json
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

JSON = dict[str, Any]

_LIMIT = 60.0
"""Seconds for an answer: one that needs more is that of an adapter that has gone."""


class AdapterError(Exception):
    """The adapter cannot be reached, or has not answered."""


def leave_alone() -> None:
    """Have the debugger neither trace nor stop the calling thread."""
    thread = threading.current_thread()
    thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
    thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]


class Adapter:
    """Sends requests and waits for their answers; hands events on from a thread of its own."""

    def __init__(self, handle_event: Callable[[JSON], None]) -> None:
        """Begin without a connection."""
        self._handle_event = handle_event
        self._address: tuple[str, int] | None = None
        self._socket: socket.socket | None = None
        self._number = 0
        self._lock = threading.Lock()
        self._answers: dict[int, queue.SimpleQueue[JSON | None]] = {}
        self._attaching = 0

    @property
    def address(self) -> tuple[str, int]:
        """Where the adapter listens."""
        if self._address is None:
            raise AdapterError("the debugger has not been started")
        return self._address

    def connect(self) -> None:
        """Start the debugger in this process if that has not been done, and connect to its adapter."""
        if self._address is None:
            self._address = _listen()
        self._socket = socket.create_connection(self._address)
        _thread.start_new_thread(self._read, (self._socket,))

    def close(self) -> None:
        """Let go of the adapter; `connect` comes back to it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, request: JSON) -> JSON:
        """Send a request; returns the answer, which names the request by the number it came with."""
        answer = self._await(self._send(request))
        return {**answer, "request_seq": request.get("seq", 0)}

    def attach(self, request: JSON) -> JSON:
        """Send an attach request, which is answered only after the configuration that must follow it."""
        self._attaching = pending = self._send(request)
        answer = self._next(pending)
        if answer.get("event") == "initialized":
            self._await(self._send({"type": "request", "command": "configurationDone"}))
            answer = self._next(pending)
        del self._answers[pending]
        return {**answer, "request_seq": request.get("seq", 0)}

    def _send(self, request: JSON) -> int:
        with self._lock:
            if self._socket is None:
                raise AdapterError("the debugger is not connected")
            self._number += 1
            number = self._number
            self._answers[number] = queue.SimpleQueue()
            body = json.dumps({**request, "seq": number}).encode()
            self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return number

    def _await(self, number: int) -> JSON:
        answer = self._next(number)
        del self._answers[number]
        return answer

    def _next(self, number: int) -> JSON:
        try:
            answer = self._answers[number].get(timeout=_LIMIT)
        except queue.Empty:
            answer = None
        if answer is None:
            del self._answers[number]
            raise AdapterError("the debugger has not answered")
        return answer

    def _read(self, connection: socket.socket) -> None:
        leave_alone()
        with connection.makefile("rb") as stream:
            try:
                while (message := _next_message(stream)) is not None:
                    self._take(message)
            except (OSError, ValueError):
                pass
        for waiting in list(self._answers.values()):
            waiting.put(None)

    def _take(self, message: JSON) -> None:
        if message.get("type") == "event":
            waiting = self._answers.get(self._attaching)
            if message.get("event") == "initialized" and waiting is not None:
                waiting.put(message)
            self._handle_event(message)
        elif (waiting := self._answers.get(message.get("request_seq", 0))) is not None:
            waiting.put(message)


def _next_message(stream: Any) -> JSON | None:
    length = 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(stream.read(length)) if length else None


def load_debugger() -> Any:
    """Import debugpy with all that it loads of itself later."""
    # Without it pydevd, which reads it when it is loaded, warns of modules that are frozen into the
    # interpreter, on the user's standard error.
    silence = "PYDEVD_DISABLE_FILE_VALIDATION"
    before = os.environ.get(silence)
    os.environ[silence] = "1"
    try:
        import debugpy
        import debugpy.server.api
    finally:
        if before is None:
            del os.environ[silence]
        else:
            os.environ[silence] = before
    return debugpy


def _listen() -> tuple[str, int]:
    host, port = load_debugger().listen(("127.0.0.1", 0))
    return host, port
