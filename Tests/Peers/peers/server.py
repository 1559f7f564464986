"""`husk serve`, and clients of its HTTP and its WebSockets."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import requests
import websocket

from peers.husk import PYTHON, Husk
from peers.kernel import unused_ports
from peers.waiting import wait_until

V1 = "v1.kernel.websocket.jupyter.org"


class Server:
    """A running server; its state directory, folder and port stay when it is started again."""

    def __init__(
        self,
        husk: Husk,
        folder: Path,
        *options: str | Path,
        token: str | None = None,
        certificate: Path | None = None,
    ) -> None:
        self.husk = husk
        self.certificate = certificate
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir(exist_ok=True)
        self.token = secrets.token_hex(16) if token is None else token
        (self.port,) = unused_ports(1)
        self.options = options
        self._log = folder / "server.log"
        self.process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = self.husk.command(
            *("serve", "--port", str(self.port), "--token", self.token, "--root", self.root),
            *("--python", PYTHON, *self.options),
        )
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command,
                env=self.husk.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.process = process
        wait_until(self._answers, 30, "the server")
        return process

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return requests.get(f"{self.url}/api", timeout=5, verify=self.verify).ok
        except requests.ConnectionError:
            return False

    @property
    def log(self) -> str:
        """What the server has said."""
        return self._log.read_text()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    @property
    def verify(self) -> str | bool:
        """What its certificate is checked by."""
        return str(self.certificate) if self.certificate else True

    @property
    def anonymous_memory(self) -> int:
        """Bytes of its memory that no file has."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("RssAnon:")]
        return int(line.split()[1]) << 10

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        """Starts it again with the same options."""
        self.process = self._spawn()

    def stop(self) -> int:
        """Ends it as an operator does, and its kernels before."""
        if self.process.poll() is None:
            for kernel in self.get("/api/kernels").json():
                self.delete(f"/api/kernels/{kernel['id']}")
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def request(self, method: str, path: str, **settings: Any) -> requests.Response:  # noqa: ANN401
        """Asks with the token."""
        headers = {"Authorization": f"token {self.token}"} | settings.pop("headers", {})
        settings.setdefault("verify", self.verify)
        return requests.request(method, self.url + path, headers=headers, timeout=60, **settings)

    def get(self, path: str, **settings: Any) -> requests.Response:  # noqa: ANN401
        """Asks for something."""
        return self.request("GET", path, **settings)

    def post(self, path: str, body: object = None, **settings: Any) -> requests.Response:  # noqa: ANN401
        """Makes something."""
        return self.request("POST", path, json=body, **settings)

    def delete(self, path: str) -> requests.Response:
        """Ends something."""
        return self.request("DELETE", path)

    def start_kernel(self, **body: object) -> str:
        """Starts a kernel. Returns its id."""
        answer = self.post("/api/kernels", body or None)
        assert answer.status_code == 201, answer.text
        identifier = answer.json()["id"]
        assert isinstance(identifier, str)
        return identifier

    def channels(
        self,
        kernel: str,
        session: str | None = None,
        framing: str | None = None,
        since: int | None = None,
        headers: dict[str, str] | None = None,
        kind: type[websocket.WebSocket] = websocket.WebSocket,
    ) -> Channels:
        """Opens the channels of a kernel."""
        session = session or uuid.uuid4().hex
        query = f"session_id={session}" + (f"&since={since}" if since is not None else "")
        connection = websocket.create_connection(
            f"ws{self.url.removeprefix('http')}/api/kernels/{kernel}/channels?{query}",
            header={"Authorization": f"token {self.token}"} | (headers or {}),
            sslopt={"ca_certs": str(self.certificate)} if self.certificate else None,
            subprotocols=[framing] if framing else None,
            timeout=60,
            class_=kind,
        )
        return Channels(connection, session, framing)


class Channels:
    """A kernel's channels over a WebSocket, in either framing."""

    def __init__(self, connection: websocket.WebSocket, session: str, framing: str | None) -> None:
        self.connection = connection
        self.session = session
        self.framing = framing

    def close(self) -> None:
        """Closes it as a client does."""
        self.connection.close()

    def drop(self) -> None:
        """Loses it as a network does."""
        self.connection.shutdown()

    def send(
        self,
        message_type: str,
        content: Mapping[str, object],
        channel: str = "shell",
        parent: Mapping[str, object] | None = None,
        buffers: list[bytes] | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> str:
        """Sends a request. Returns its id."""
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": message_type,
            "session": self.session,
            "username": "",
            "version": "5.4",
        }
        parts = [header, dict(parent or {}), dict(metadata or {}), dict(content)]
        if self.framing == V1:
            frames = [channel.encode(), *(json.dumps(part).encode() for part in parts)]
            frames += buffers or []
            offset = 8 * (len(frames) + 2)
            offsets = [offset]
            for frame in frames:
                offset += len(frame)
                offsets.append(offset)
            table = [len(offsets), *offsets]
            packed = b"".join(n.to_bytes(8, "little") for n in table) + b"".join(frames)
            self.connection.send_binary(packed)
        else:
            names = ("header", "parent_header", "metadata", "content")
            self.connection.send(
                json.dumps(
                    dict(zip(names, parts, strict=True)) | {"channel": channel, "buffers": []}
                )
            )
        return header["msg_id"]

    def execute(self, code: str, **content: object) -> str:
        """Sends a cell. Returns its id."""
        return self.send("execute_request", {"code": code, "silent": False} | content)

    def receive(self) -> dict[str, Any]:
        """The next message, whatever the framing."""
        data = self.connection.recv()
        if isinstance(data, str):
            message = json.loads(data)
        elif self.framing == V1:
            count = int.from_bytes(data[:8], "little")
            offsets = [
                int.from_bytes(data[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)
            ]
            frames = [data[a:b] for a, b in pairwise(offsets)]
            names = ("header", "parent_header", "metadata", "content")
            message = dict(zip(names, map(json.loads, frames[1:5]), strict=True))
            message |= {"channel": frames[0].decode(), "buffers": frames[5:]}
        else:
            count = int.from_bytes(data[:4], "big")
            offsets = [int.from_bytes(data[4 * i : 4 * i + 4], "big") for i in range(1, count + 1)]
            frames = [data[a:b] for a, b in zip(offsets, [*offsets[1:], len(data)], strict=True)]
            message = json.loads(frames[0]) | {"buffers": frames[1:]}
        assert isinstance(message, dict)
        return message

    def until(
        self, is_last: Callable[[dict[str, Any]], bool], limit: int = 2_000_000
    ) -> Iterator[dict[str, Any]]:
        """The messages up to one."""
        for _ in range(limit):
            message = self.receive()
            yield message
            if is_last(message):
                return
        raise AssertionError("it did not come")

    def run(self, code: str, **content: object) -> list[dict[str, Any]]:
        """Runs a cell. Returns everything that belongs to it, up to reply and idle."""
        request = self.execute(code, **content)
        wanted = {"execute_reply", "idle"}

        def is_last(message: dict[str, Any]) -> bool:
            if message["parent_header"].get("msg_id") == request:
                kind = message["header"]["msg_type"]
                wanted.discard(
                    message["content"].get("execution_state", "") if kind == "status" else kind
                )
            return not wanted

        messages = list(self.until(is_last))
        return [m for m in messages if m["parent_header"].get("msg_id") == request]


def text(messages: list[dict[str, Any]]) -> str:
    """What messages print."""
    return "".join(m["content"]["text"] for m in messages if m["header"]["msg_type"] == "stream")


def is_idle(request: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a message is the end of a request."""

    def test(message: dict[str, Any]) -> bool:
        return (
            message["header"]["msg_type"] == "status"
            and message["content"]["execution_state"] == "idle"
            and message["parent_header"].get("msg_id") == request
        )

    return test
