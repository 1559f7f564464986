"""The interpreter's end of the channel, by way of the C library."""

from __future__ import annotations

import ctypes
import errno
import importlib.machinery
import importlib.util
import json
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .sendable import SERVER_DEPTH, check_buffers, check_object, check_size, to_json

REQUESTS_BELL = 5
"""The descriptor that is readable when a request waits."""

_MAXIMUM_PAYLOAD = 65_536


_Heard = ctypes.CFUNCTYPE(None)


class _Frame(ctypes.Structure):
    _fields_ = [
        ("number", ctypes.c_uint64),
        ("request", ctypes.c_uint64),
        ("length", ctypes.c_uint32),
        ("more", ctypes.c_uint32),
    ]


@dataclass(slots=True)
class Message:
    """One message of the server: a client's request, or an answer to a question of ours."""

    request: int
    type: str
    header: dict[str, Any]
    metadata: dict[str, Any]
    content: dict[str, Any]
    buffers: list[bytes] = field(default_factory=list)


def encode(kind: str, metadata: bytes, content: bytes, buffers: list[bytes]) -> bytes:
    """Put the parts of a message together: count, lengths, parts."""
    parts = [kind.encode(), b"", metadata, content, *buffers]
    check_size(4 + sum(4 + len(part) for part in parts))
    return b"".join([struct.pack(f"<I{len(parts)}I", len(parts), *(len(part) for part in parts)), *parts])


def decode(data: bytes, request: int) -> Message:
    """Take the parts of a message apart."""
    (count,) = struct.unpack_from("<I", data)
    lengths = struct.unpack_from(f"<{count}I", data, 4)
    position = 4 + 4 * count
    parts = []
    for length in lengths:
        parts.append(data[position : position + length])
        position += length
    header, metadata, content = (_parse(part or b"{}") for part in parts[1:4])
    return Message(request, parts[0].decode(), header, metadata, content, parts[4:])


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data)
    except RecursionError:
        # The server has let it through, and a request that is not read has no answer.
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(before + 2 * SERVER_DEPTH)
        try:
            return json.loads(data)
        finally:
            sys.setrecursionlimit(before)


class Channel:
    """Sends events and receives requests. The library is loaded at once, the channel opened later."""

    def __init__(self, library: str, stream: str) -> None:
        """Load the channel's library, and that of Python's streams."""
        self._library = lib = ctypes.CDLL(library)
        self._stream = _load_extension("_husk_stream", stream)
        self._write = lib.husk_channel_write
        self._write.argtypes = [ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
        self._write.restype = ctypes.c_int64
        self._send = lib.husk_channel_send
        self._send.argtypes = [ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t]
        self._flush = lib.husk_channel_flush
        self._drain = lib.husk_channel_drain
        self._drain.argtypes = [ctypes.c_int]
        self._receive = lib.husk_channel_receive
        self._receive.argtypes = [ctypes.POINTER(_Frame), ctypes.c_char_p, ctypes.c_size_t]
        self.attribute = lib.husk_channel_attribute
        self.attribute.argtypes = [ctypes.c_uint64]
        self.attribute.restype = None
        self._listen = lib.husk_channel_listen
        self._frame = _Frame()
        self._payload = ctypes.create_string_buffer(_MAXIMUM_PAYLOAD)
        self._partial: list[bytes] = []

    def open(self, heard: Callable[[], None]) -> None:
        """Map the channel and start its threads; one calls `heard` when a request comes while it listens."""
        self._heard = _Heard(heard)
        _check(self._library.husk_channel_open())
        _check(self._library.husk_channel_start(self._heard))

    def listen(self, is_listening: bool) -> None:
        """Let the channel's thread hear requests, or no longer."""
        self._listen(is_listening)

    def write(self, request: int, stream: int, data: bytes) -> None:
        """Write UTF-8 text of stdout (1) or stderr (2)."""
        while data:
            taken = self._write(request, stream, data, len(data))
            # After a signal its handler has run on the way back here.
            if taken < 0 and taken != -errno.EINTR:
                raise OSError(-taken, os.strerror(-taken))
            data = data[max(taken, 0) :]

    def writer(self, stream: int, request: Callable[[], int]) -> Callable[[str], int]:
        """Make the `write` of a text stream, for the request that `request` names at each call."""

        def rest(text: str, taken: int) -> None:
            self.write(request(), stream, text.encode("utf-8", "backslashreplace")[taken:])

        address = ctypes.cast(self._library.husk_channel_try_write, ctypes.c_void_p).value
        return self._stream.writer(address, stream, request, rest)

    def flush(self) -> None:
        """Publish gathered text."""
        while self._flush() == -errno.EINTR:
            pass

    def finish_output(self) -> None:
        """Publish everything that has been written anywhere, for the end of a cell."""
        while self._drain(1) == -errno.EINTR:
            pass

    def send(
        self,
        request: int,
        kind: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        buffers: list[Any] | None = None,
    ) -> None:
        """Send an event or a reply, behind all text so far; of what is wrong with it nothing is sent."""
        check_object(content, "content")
        check_object(metadata or {}, "metadata")
        views = [memoryview(part).cast("B") for part in buffers or ()]
        check_buffers(views)
        parts = [bytes(view) for view in views]
        data = encode(kind, to_json(metadata) if metadata else b"{}", to_json(content), parts)
        while (outcome := self._send(request, data, len(data))) == -errno.EINTR:
            pass
        # A forked child has no channel: what it displays is lost, as its parent's state is not its own.
        if outcome < 0 and outcome != -errno.ENOTCONN:
            raise OSError(-outcome, os.strerror(-outcome))

    def receive(self) -> Message | None:
        """Return the next whole message of the server, if there is one."""
        frame = self._frame
        while (found := self._receive(frame, self._payload, _MAXIMUM_PAYLOAD)) == 1:
            data = ctypes.string_at(self._payload, frame.length)
            if frame.more:
                self._partial.append(data)
                continue
            if self._partial:
                data = b"".join([*self._partial, data])
                self._partial = []
            return decode(data, frame.request)
        _check(found)
        return None

    @staticmethod
    def silence(bell: int = REQUESTS_BELL) -> None:
        """Silence a bell; look for what it rang for after this, not before."""
        try:
            os.read(bell, 4096)
        except BlockingIOError:
            pass


def _load_extension(name: str, path: str) -> Any:
    spec = importlib.util.spec_from_loader(name, importlib.machinery.ExtensionFileLoader(name, path))
    if spec is None:
        raise ImportError(f"no extension module at {path}")
    return importlib.util.module_from_spec(spec)


def _check(outcome: int) -> None:
    if outcome < 0:
        raise OSError(-outcome, os.strerror(-outcome))
