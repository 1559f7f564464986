"""A Jupyter client of bare ZeroMQ sockets.

It checks what jupyter_client forgives: signatures, frames, the order of messages, what is not sent.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import zmq

DELIMITER = b"<IDS|MSG>"
JSON = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """A message as it came from the kernel."""

    channel: str
    identities: list[bytes]
    header: JSON
    parent: JSON
    metadata: JSON
    content: JSON
    buffers: list[bytes]

    @property
    def type(self) -> str:
        """Message type."""
        return self.header["msg_type"]

    @property
    def parent_id(self) -> str | None:
        """Identifier of the request that this message belongs to."""
        return self.parent.get("msg_id")


@dataclass
class Execution:
    """A cell's reply, and what was published for it up to and including `idle`."""

    reply: JSON
    messages: list[Message] = field(default_factory=list)
    metadata: JSON = field(default_factory=dict)

    @property
    def used(self) -> JSON:
        """What the cell used, as the server measured it."""
        return self.metadata["husk"]["usage"]

    @property
    def refusal(self) -> str | None:
        """Which limit the cell has reached."""
        return self.metadata.get("husk", {}).get("refusal")

    def text(self, name: str) -> str:
        """All text of one stream."""
        chunks = [m.content["text"] for m in self.messages if is_stream(m, name)]
        return "".join(chunks)

    @property
    def stdout(self) -> str:
        """All standard output."""
        return self.text("stdout")

    @property
    def stderr(self) -> str:
        """All standard error output."""
        return self.text("stderr")

    @property
    def types(self) -> list[str]:
        """Message types in order, without status."""
        return [m.type for m in self.messages if m.type != "status"]

    @property
    def outputs(self) -> list[Message]:
        """Everything but status and execute_input."""
        return [m for m in self.messages if m.type not in ("status", "execute_input")]

    def only(self, kind: str) -> Message:
        """The one message of a type."""
        found = [m for m in self.messages if m.type == kind]
        assert len(found) == 1, f"{len(found)} messages of type {kind} among {self.types}"
        return found[0]


def is_stream(message: Message, name: str) -> bool:
    """Tells whether the message is a piece of the stream of that name."""
    return message.type == "stream" and message.content["name"] == name


class Client:
    """One client of a kernel, with a session of its own."""

    def __init__(self, connection: JSON, session: str | None = None) -> None:
        self.connection = connection
        self.key = connection["key"].encode()
        self.session = session or uuid.uuid4().hex
        self._context = zmq.Context()
        self._sockets: dict[str, zmq.Socket[bytes]] = {}
        self._kept: dict[str, list[Message]] = {}
        kinds = {
            "shell": zmq.DEALER,
            "control": zmq.DEALER,
            "stdin": zmq.DEALER,
            "iopub": zmq.SUB,
            "hb": zmq.REQ,
        }
        for channel, kind in kinds.items():
            socket = self._context.socket(kind)
            socket.linger = 0
            # A kernel that starts may bind after this: its start is measured, not libzmq's 100 ms.
            socket.reconnect_ivl = 5
            if kind == zmq.DEALER:
                # The kernel finds the asker's stdin socket by the identity of its shell socket.
                socket.identity = self.session.encode()
            if kind == zmq.SUB:
                socket.subscribe(b"")
            if "curve_publickey" in connection:
                socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
                socket.curve_serverkey = connection["curve_publickey"].encode()
            ip, port = connection["ip"], connection[f"{channel}_port"]
            separator = ":" if connection["transport"] == "tcp" else "-"
            socket.connect(f"{connection['transport']}://{ip}{separator}{port}")
            self._sockets[channel] = socket
            self._kept[channel] = []
        self._losses = self._sockets["shell"].get_monitor_socket(zmq.EVENT_DISCONNECTED)

    def wait_for_loss(self, timeout: float = 10) -> None:
        """Waits until the shell socket has lost its connection.

        What libzmq writes to a connection before it has seen that the other end is gone is lost
        with it; what is sent later waits for the next connection.
        """
        assert self._losses.poll(int(timeout * 1000)), "the connection is still there"
        self._losses.recv_multipart()

    def close(self) -> None:
        """Closes the sockets."""
        self._context.destroy(linger=0)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- Frames

    def sign(self, frames: list[bytes]) -> bytes:
        """Signature of the four JSON frames."""
        return hmac.new(self.key, b"".join(frames), hashlib.sha256).hexdigest().encode()

    def header(self, kind: str) -> JSON:
        """A fresh header for a message of that type."""
        return {
            "msg_id": uuid.uuid4().hex,
            "session": self.session,
            "username": "tester",
            "date": datetime.now(UTC).isoformat(),
            "msg_type": kind,
            "version": "5.4",
        }

    def frames(
        self,
        header: JSON,
        content: JSON,
        parent: JSON | None = None,
        metadata: JSON | None = None,
    ) -> list[bytes]:
        """The signed frames of a message."""
        body = [
            json.dumps(part).encode() for part in (header, parent or {}, metadata or {}, content)
        ]
        return [DELIMITER, self.sign(body), *body]

    def socket(self, channel: str) -> zmq.Socket[bytes]:
        """The socket of a channel, for who reads it without this class."""
        return self._sockets[channel]

    def send_frames(self, channel: str, frames: list[bytes]) -> None:
        """Sends frames as they are."""
        self._sockets[channel].send_multipart(frames)

    def send(
        self,
        channel: str,
        kind: str,
        content: JSON | None = None,
        *,
        metadata: JSON | None = None,
        parent: JSON | None = None,
        buffers: list[bytes] | None = None,
        header: JSON | None = None,
    ) -> str:
        """Sends a message and returns its identifier."""
        head = self.header(kind) | (header or {})
        frames = self.frames(head, content or {}, parent, metadata)
        self.send_frames(channel, frames + (buffers or []))
        return head["msg_id"]

    def _read(self, channel: str, timeout: float) -> Message | None:
        socket = self._sockets[channel]
        if not socket.poll(max(0, int(timeout * 1000))):
            return None
        frames = socket.recv_multipart()
        at = frames.index(DELIMITER)
        body = frames[at + 2 : at + 6]
        assert len(body) == 4, f"a message of {len(frames)} frames on {channel}"
        if self.key:
            assert hmac.compare_digest(frames[at + 1], self.sign(body)), (
                f"bad signature on {channel}"
            )
        header, parent, metadata, content = (json.loads(part) for part in body)
        return Message(channel, frames[:at], header, parent, metadata, content, frames[at + 6 :])

    # ---- Waiting

    def wait_for(
        self, channel: str, wanted: Callable[[Message], bool], timeout: float, what: str
    ) -> Message:
        """Returns the first message that is wanted; keeps the others, in order, for later calls."""
        kept = self._kept[channel]
        for index, message in enumerate(kept):
            if wanted(message):
                return kept.pop(index)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            message = self._read(channel, left)
            if message is None:
                continue
            if wanted(message):
                return message
            kept.append(message)
        seen = [(m.type, m.parent_id) for m in kept[-5:]]
        raise TimeoutError(f"no {what} on {channel} within {timeout} s; {len(kept)} others: {seen}")

    def any_message(self, channel: str, timeout: float = 10) -> Message:
        """Returns the next message, whatever it is."""
        return self.wait_for(channel, lambda _: True, timeout, "message")

    def is_silent(self, channel: str, duration: float) -> bool:
        """Tells whether nothing arrives for that long. What arrives is kept."""
        if self._kept[channel]:
            return False
        message = self._read(channel, duration)
        if message:
            self._kept[channel].append(message)
        return message is None

    def take_all(self, channel: str) -> list[Message]:
        """Returns what was kept for later calls."""
        taken = list(self._kept[channel])
        self._kept[channel].clear()
        return taken

    def reply(self, request: str, channel: str = "shell", timeout: float = 30) -> Message:
        """Returns the reply to a request."""
        return self.wait_for(
            channel, lambda m: m.parent_id == request, timeout, f"reply to {request}"
        )

    def published(self, request: str, timeout: float = 30) -> Iterator[Message]:
        """Yields what is published for a request, as it comes, to its `idle`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.wait_for(
                "iopub",
                lambda m: m.parent_id == request,
                deadline - time.monotonic(),
                f"message for {request}",
            )
            yield message
            if message.type == "status" and message.content["execution_state"] == "idle":
                return

    def stream_holding(self, request: str, text: str, timeout: float = 30) -> None:
        """Waits until the streams of a request hold the text; keeps every message for later."""
        seen = ""
        taken: list[Message] = []
        deadline = time.monotonic() + timeout
        while text not in seen:
            left = deadline - time.monotonic()
            taken.append(
                self.wait_for("iopub", lambda m: m.parent_id == request, left, f"text {text!r}")
            )
            if taken[-1].type == "stream":
                seen += taken[-1].content["text"]
        self._kept["iopub"][:0] = taken

    # ---- Requests

    def wait_ready(
        self, timeout: float = 30, is_running: Callable[[], bool] = lambda: True
    ) -> Message:
        """Waits for the kernel, and until iopub is heard; returns kernel_info_reply."""
        deadline = time.monotonic() + timeout
        while is_running() and time.monotonic() < deadline and self.is_silent("iopub", 0.2):
            if self.beats():
                break
        if not is_running():
            raise TimeoutError("the kernel has ended before it was ready")
        while True:
            # Husk welcomes each subscriber at once; ipykernel only the first, and then the only way
            # to know that a subscription has arrived is to hear something.
            with suppress(TimeoutError):
                self.wait_for("iopub", lambda m: m.type == "iopub_welcome", 0.5, "welcome")
            request = self.send("shell", "kernel_info_request")
            reply = self.reply(request, timeout=max(0.0, deadline - time.monotonic()))
            with suppress(TimeoutError):
                for _ in self.published(request, 2):
                    pass
                return reply

    def request(
        self, kind: str, content: JSON | None = None, channel: str = "shell", timeout: float = 30
    ) -> tuple[Message, list[Message]]:
        """Sends a request; returns its reply and what was published for it."""
        request = self.send(channel, kind, content)
        reply = self.reply(request, channel, timeout)
        return reply, list(self.published(request, timeout))

    def start(self, code: str, **options: object) -> str:
        """Sends an execute_request and returns its identifier."""
        defaults: JSON = {
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        return self.send("shell", "execute_request", defaults | {"code": code} | options)

    def finish(self, request: str, timeout: float = 30) -> Execution:
        """Waits for a cell's reply and for all that was published for it."""
        deadline = time.monotonic() + timeout
        # Read what is published first: a client that does not read makes the kernel wait.
        messages = list(self.published(request, timeout))
        reply = self.reply(request, timeout=max(1, deadline - time.monotonic()))
        return Execution(reply.content, messages, reply.metadata)

    def death(self, request: str, timeout: float = 30) -> JSON:
        """Waits for the end of a cell that ends with its kernel; returns the error that says so.

        There is no reply: clients that look for a death while they wait for one report it.
        """
        errors = [m for m in self.published(request, timeout) if m.type == "error"]
        assert [m.content["ename"] for m in errors] == ["KernelDied"]

        def is_dead(message: Message) -> bool:
            # Requests of the time when the client waited for the kernel may have states here too.
            return message.content.get("execution_state") == "dead"

        dead = self.wait_for("iopub", is_dead, 5, "status")
        assert dead.type == "status"
        return errors[0].content

    def run(self, code: str, timeout: float = 30, **options: object) -> Execution:
        """Runs a cell to its end."""
        return self.finish(self.start(code, **options), timeout)

    def run_ok(self, code: str, timeout: float = 30, **options: object) -> Execution:
        """Runs a cell that must succeed."""
        done = self.run(code, timeout, **options)
        assert done.reply["status"] == "ok", done.reply
        return done

    def interrupt(self) -> str:
        """Asks for an interrupt; returns the request's identifier."""
        return self.send("control", "interrupt_request")

    def shut_down(self, restart: bool = False, timeout: float = 10) -> Message:
        """Asks the kernel to end; returns its reply."""
        request = self.send("control", "shutdown_request", {"restart": restart})
        return self.reply(request, "control", timeout)

    def beats(self) -> bool:
        """Tells whether somebody listens at the heartbeat's port."""
        with socket.socket() as probe:
            return probe.connect_ex((self.connection["ip"], self.connection["hb_port"])) == 0

    def beat(self, timeout: float = 5) -> float:
        """Returns how many seconds a heartbeat takes."""
        socket = self._sockets["hb"]
        start = time.monotonic()
        socket.send(b"ping")
        if not socket.poll(int(timeout * 1000)):
            raise TimeoutError(f"no heartbeat within {timeout} s")
        assert socket.recv() == b"ping"
        return time.monotonic() - start


def states(messages: list[Message]) -> list[str]:
    """The execution states among messages, in order."""
    return [m.content["execution_state"] for m in messages if m.type == "status"]


@contextmanager
def connected(connection: JSON, timeout: float = 60) -> Iterator[Client]:
    """A client that is connected and has heard the kernel."""
    with Client(connection) as client:
        client.wait_ready(timeout)
        yield client
