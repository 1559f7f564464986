"""nbclient over a WebSocket, and what of a notebook's outputs changes from run to run."""

from __future__ import annotations

import asyncio
import json
import queue
import re
import threading
from contextlib import suppress
from typing import Any

import websocket
from jupyter_client.session import Session
from nbclient import NotebookClient
from nbformat import NotebookNode

from peers.server import Channels


class Channel:
    """One of the channels of a kernel, in the words of jupyter_client."""

    def __init__(self, name: str, channels: Channels) -> None:
        self._name = name
        self._channels = channels
        self.messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def send(self, message: dict[str, Any]) -> None:
        """Sends what a widget tells its other half."""
        self._channels.send(
            message["header"]["msg_type"],
            message["content"],
            self._name,
            message["parent_header"],
            metadata=message["metadata"],
        )

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message; queue.Empty says that none has come in time.

        It looks again and again: a thread that waited would take a message for who has left.
        """
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        while True:
            with suppress(queue.Empty):
                return self.messages.get_nowait()
            if end is not None and loop.time() > end:
                raise queue.Empty
            await asyncio.sleep(0.001)


class KernelClient:
    """The part of jupyter_client's client that nbclient uses, over a WebSocket."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._each = {
            name: Channel(name, channels) for name in ("shell", "iopub", "control", "stdin")
        }
        self.session = Session(session=channels.session)
        self.shell_channel, self.iopub_channel = self._each["shell"], self._each["iopub"]
        self.allow_stdin = False
        threading.Thread(target=self._route, daemon=True).start()

    def _route(self) -> None:
        # An empty text is the end.
        with suppress(OSError, websocket.WebSocketException, json.JSONDecodeError):
            while True:
                message = self._channels.receive()
                # jupyter_client has them in both places.
                message["msg_type"] = message["header"]["msg_type"]
                self._each[message["channel"]].messages.put(message)

    def kernel_info(self) -> str:
        """Asks what it is."""
        return self._channels.send("kernel_info_request", {})

    def execute(self, code: str, **content: object) -> str:
        """Sends a cell."""
        return self._channels.execute(code, allow_stdin=False, **content)

    async def is_alive(self) -> bool:
        """Whether the kernel is there."""
        return True


class KernelManager:
    """The part of jupyter_client's manager that nbclient uses of a kernel that others manage."""

    has_kernel = True


def execute_over(channels: Channels, book: NotebookNode) -> None:
    """Runs a notebook as nbclient does."""
    client = NotebookClient(book, km=KernelManager(), timeout=60)
    client.kc = KernelClient(channels)
    client.execute()


IDENTIFIER = re.compile(
    r"(?<![0-9a-f])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32})(?![0-9a-f])"
)
"""Of a widget, a comm, a message."""

CHANGES = [
    (IDENTIFIER, "<id>"),
    (re.compile(r"\b0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"/tmp/ipykernel_\d+/\d+\.py"), "<cell>"),
    (re.compile(r"/tmp/tmp\w{8}\b"), "<folder>"),
    (re.compile(r"thread id: \d+"), "thread id: …"),
    (re.compile(r"<dc:date>[^<]*"), "<dc:date>…"),
    # Matplotlib's in SVG.
    (re.compile(r"\b[mpC]\w*_?[0-9a-f]{10}\b"), "<svg id>"),
]
"""What changes from run to run by itself; everything else is compared to the letter."""


def normalised(book: NotebookNode, ignoring: str = "") -> list[Any]:
    """What each code cell shows, but for those with a tag, pieces of a stream as one."""
    cells: list[Any] = []
    for cell in book.cells:
        if cell.cell_type != "code" or ignoring in cell.metadata.get("tags", []):
            continue
        streams: dict[str, str] = {}
        others: list[Any] = []
        for output in cell.outputs:
            if output["output_type"] == "stream":
                # Two pipes have no common order.
                streams[output["name"]] = streams.get(output["name"], "") + output["text"]
            else:
                others.append((sorted(streams.items()), output))
                streams = {}
        others.append(sorted(streams.items()))
        text = json.dumps([cell.execution_count, others], sort_keys=True, ensure_ascii=False)
        for pattern, replacement in CHANGES:
            text = pattern.sub(replacement, text)
        cells.append(json.loads(text))
    return cells


def widget_states(book: NotebookNode) -> list[str]:
    """The states of a notebook's widgets, with numbers for their ids, by their order."""
    kinds = book.metadata.get("widgets", {})
    text = json.dumps(kinds, ensure_ascii=False)
    numbers: dict[str, str] = {}
    return [IDENTIFIER.sub(lambda m: numbers.setdefault(m[0], f"<{len(numbers)}>"), text)]
