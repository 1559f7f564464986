"""A WebSocket client that can break every rule (RFC 6455), and sees each frame of the server."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_KEY_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x37\xfa\x21\x3d",
    length: tuple[int, int] | None = None,
) -> bytes:
    """A frame's bytes; `length` is how its length is written: 7 bits, and a number behind them."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    bit = 0x80 if mask else 0
    if length is not None:
        short, long = length
        size = bytes([bit | short]) + long.to_bytes(2 if short == 126 else 8, "big")
    elif len(payload) < 126:
        size = bytes([bit | len(payload)])
    elif len(payload) < 1 << 16:
        size = bytes([bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        size = bytes([bit | 127]) + len(payload).to_bytes(8, "big")
    if mask is None:
        return bytes([first]) + size + payload
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return bytes([first]) + size + mask + masked.to_bytes(len(payload), "big")


def closing(code: int, reason: bytes = b"") -> bytes:
    """A close frame's bytes."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


@dataclass(frozen=True)
class Frame:
    """A frame of the server."""

    opcode: int
    payload: bytes

    @property
    def code(self) -> int | None:
        """The code of a close frame; None when it has none."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else None


class RawConnection:
    """A connection to a server, as bytes."""

    def __init__(self, port: int, *, timeout: float = 15, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self._bytes = b""

    def __enter__(self) -> Self:
        """Opens it for a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drops it."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Sends bytes."""
        self.socket.sendall(data)

    @property
    def is_gone(self) -> bool:
        """Whether the server has given a WebSocket up, which shows when something is sent."""
        try:
            self.send(frame(PONG))
        except OSError:
            return True
        return False

    def _read(self, count: int) -> bytes:
        while len(self._bytes) < count:
            more = self.socket.recv(1 << 16)
            if not more:
                raise EOFError
            self._bytes += more
        taken, self._bytes = self._bytes[:count], self._bytes[count:]
        return taken

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """An HTTP answer: status, headers, body."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._read(1)
        status, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        code = int(status.split()[1])
        length = 0 if code in (101, 204) else int(headers.get("content-length", "0"))
        return code, headers, self._read(length)

    def ending(self) -> bytes:
        """What comes up to the end of the connection."""
        came, self._bytes = self._bytes, b""
        with contextlib.suppress(ConnectionError):
            while more := self.socket.recv(1 << 16):
                came += more
        return came

    def open(self, path: str, *lines: str) -> dict[str, str]:
        """Opens a WebSocket. Returns the answer's headers."""
        key = base64.b64encode(os.urandom(16))
        self.send(
            "\r\n".join(
                [
                    f"GET {path} HTTP/1.1",
                    "Host: localhost",
                    "Upgrade: websocket",
                    "Connection: Upgrade",
                    "Sec-WebSocket-Version: 13",
                    f"Sec-WebSocket-Key: {key.decode()}",
                    *lines,
                    "\r\n",
                ]
            ).encode()
        )
        status, headers, body = self.answer()
        assert status == 101, (status, body)
        wanted = base64.b64encode(hashlib.sha1(key + _KEY_SUFFIX).digest()).decode()
        assert headers["sec-websocket-accept"] == wanted
        return headers

    def receive(self) -> Frame:
        """The next frame, which must be as a server sends them."""
        first, second = self._read(2)
        assert first & 0xF0 == 0x80, "whole, and nothing reserved"
        assert second & 0x80 == 0, "not masked"
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(self._read(2), "big")
            assert size > 125
        elif size == 127:
            size = int.from_bytes(self._read(8), "big")
            assert size > 0xFFFF
        opcode = first & 15
        assert opcode in (TEXT, BINARY, CLOSE, PING, PONG)
        assert opcode < CLOSE or size <= 125
        return Frame(opcode, self._read(size))

    def rest(self) -> list[Frame]:
        """All frames up to the end of the connection, which must not be within one."""
        frames: list[Frame] = []
        try:
            while True:
                frames.append(self.receive())
        except (EOFError, ConnectionResetError):
            assert self._bytes == b"", "an end within a frame"
        return frames
