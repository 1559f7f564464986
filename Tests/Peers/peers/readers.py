"""Clients of `husk serve` that are lost and come back, and a cell that tells what they miss."""

from __future__ import annotations

import base64
import inspect
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import websocket

from peers.server import Channels, Server
from peers.waiting import wait_until

LINES = 1_000_000
PICTURES = 100
BETWEEN = LINES // PICTURES
"""Lines before each picture."""


def picture(number: int) -> bytes:
    """A PNG that no other number has: it is as wide as its number, and one more."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", number + 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(number + 2))
    parts = [(b"IHDR", head), (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


PICTURE_LINES = {base64.b64encode(picture(n)).decode(): f"picture {n}\n" for n in range(PICTURES)}
"""A line for each picture as it comes, for the place where it comes."""

WHOLE = "".join(
    f"{n}\n" + (f"picture {n // BETWEEN}\n" if n % BETWEEN == BETWEEN - 1 else "")
    for n in range(LINES)
)
"""What the cell tells, with a line for each picture."""


def cell(seconds: float) -> str:
    """A cell that prints all lines and shows all pictures, and takes this long if it can."""
    return f"""
import base64, struct, time, zlib
from IPython.display import display
{inspect.getsource(picture)}
began = time.monotonic()
for n in range({LINES}):
    print(n, flush=n % 500 == 0)
    if n % {BETWEEN} == {BETWEEN - 1}:
        data = base64.b64encode(picture(n // {BETWEEN})).decode()
        display({{"image/png": data}}, raw=True)
        time.sleep(max(0, began + {seconds} * n / {LINES} - time.monotonic()))
"""


def told(message: dict[str, Any]) -> str:
    """What a message of the cell tells; pieces of text may end within a line."""
    content = message["content"]
    match message["header"]["msg_type"]:
        case "stream":
            assert content["name"] == "stdout", content
            return content["text"]
        case "display_data":
            return PICTURE_LINES[content["data"]["image/png"]]
    return ""


def assert_whole(messages: Iterable[dict[str, Any]]) -> None:
    """Checks that each line and each picture is there once, and in the cell's order."""
    found = "".join(map(told, messages))
    if found != WHOLE:
        pairs = enumerate(zip(found, WHOLE, strict=False))
        shorter = min(len(found), len(WHOLE))
        place = next((n for n, (one, other) in pairs if one != other), shorter)
        around = slice(max(0, place - 30), place + 30)
        raise AssertionError(f"{found[around]!r} instead of {WHOLE[around]!r}")


def sequence(message: dict[str, Any]) -> int:
    """Its number; 0 when it has none."""
    number = message["metadata"].get("husk", {}).get("seq", 0)
    assert isinstance(number, int)
    return number


def kinds(messages: Iterable[dict[str, Any]], request: str) -> list[str]:
    """What else belongs to a request, in order: its states, its input and its reply."""
    return [
        m["content"].get("execution_state", m["header"]["msg_type"])
        for m in messages
        if m["parent_header"].get("msg_id") == request
        and m["header"]["msg_type"] not in ("stream", "display_data")
    ]


class Noting(websocket.WebSocket):
    """A connection that answers pings as it does, and notes when, and what they asked for."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        self.pongs: list[tuple[float, int]] = []

    def pong(self, payload: str | bytes = "") -> None:
        """Answers a ping; its number is that of the last message before it."""
        if payload:
            self.pongs.append((time.monotonic(), int(payload)))
        super().pong(payload)


class Reader(threading.Thread):
    """A client that runs the cell and reads, and comes back when the connection breaks."""

    def __init__(self, server: Server, framing: str | None, seconds: float, *, knows: bool) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.kernel = server.start_kernel()
        self.framing = framing
        self.knows = knows
        """Whether it says with `since` what it has seen; a stock client does not."""
        self.session = uuid.uuid4().hex
        self.heard: list[list[dict[str, Any]]] = []
        """What each connection has told."""
        self.pongs: list[tuple[float, int]] = []
        self.known: list[int] = []
        """For each connection but the first the last number that an earlier pong has said."""
        self.line = 0
        """The last line that it has seen."""
        self.is_connected = True
        self.error: BaseException | None = None
        self._wanted = {"idle", "execute_reply"}
        self._channels = self._connect()
        self.request = self._channels.execute(cell(seconds))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Everything that it was told."""
        return list(chain.from_iterable(self.heard))

    def run(self) -> None:
        """Reads to the end."""
        try:
            while not self._listen():
                self._come_back()
            self._channels.close()
            self.is_connected = False
        except BaseException as error:
            self.error = error
            raise

    def _connect(self) -> Channels:
        since = max(map(sequence, self.messages), default=0) if self.knows else None
        channels = self.server.channels(
            self.kernel, self.session, self.framing, since=since, kind=Noting
        )
        self.heard.append([])
        return channels

    def _come_back(self) -> None:
        connection = self._channels.connection
        assert isinstance(connection, Noting)
        lost = time.monotonic()
        self.pongs += connection.pongs
        # A pong that was on its way when the server was killed has said nothing.
        self.known.append(max((n for at, n in self.pongs if at < lost - 0.5), default=0))
        self.is_connected = False

        def connects() -> bool:
            try:
                self._channels = self._connect()
            except (OSError, websocket.WebSocketException):
                return False
            return True

        wait_until(connects, 30, "the server is back")
        self.is_connected = True

    def _listen(self) -> bool:
        """Reads until the connection breaks. Returns whether the cell is through."""
        heard = self.heard[-1]
        try:
            while self._wanted:
                heard.append(self._channels.receive())
                self._note(heard[-1])
        except (OSError, websocket.WebSocketConnectionClosedException):
            return False
        return True

    def _note(self, message: dict[str, Any]) -> None:
        if message["parent_header"].get("msg_id") != self.request:
            return
        kind, content = message["header"]["msg_type"], message["content"]
        self._wanted.discard(content.get("execution_state", kind))
        if kind == "stream" and content["text"].count("\n") > 1:
            self.line = int(content["text"].rsplit("\n", 2)[-2])


def of(
    readers: list[Reader],
    test: Callable[[Reader], bool],
    combine: Callable[[Iterable[bool]], bool] = all,
) -> Callable[[], bool]:
    """Whether the test holds for all (or any) of them; what went wrong in one is raised."""

    def condition() -> bool:
        for reader in readers:
            if reader.error:
                raise reader.error
        return combine(map(test, readers))

    return condition
