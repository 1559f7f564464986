"""A launcher that lets kernels choose their ports and waits to hear them (JEP 66)."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from typing import Any

import zmq

from peers.wire import DELIMITER, JSON


class Launcher:
    """The socket that kernels are registered at, as xeus-zmq has it."""

    kind = zmq.ROUTER

    def __init__(self, address: str = "tcp://127.0.0.1") -> None:
        self.key = uuid.uuid4().hex
        self._context = zmq.Context()
        self._socket = self._context.socket(self.kind)
        self._socket.linger = 0
        self.port = self._socket.bind_to_random_port(address)

    @property
    def file(self) -> JSON:
        """The registration file for a kernel."""
        return {
            "kernel_id": f"kernel {uuid.uuid4()}",
            "transport": "tcp",
            "registration_ip": "127.0.0.1",
            "registration_port": self.port,
            "signature_scheme": "hmac-sha256",
            "key": self.key,
        }

    def sign(self, *parts: bytes, key: str | None = None) -> bytes:
        """Signature of these frames."""
        secret = (self.key if key is None else key).encode()
        return hmac.new(secret, b"".join(parts), hashlib.sha256).hexdigest().encode()

    def receive(self, timeout: float = 10) -> list[bytes]:
        """The next frames, whoever sends them."""
        if not self._socket.poll(int(timeout * 1000)):
            raise TimeoutError(f"no kernel has registered within {timeout} s")
        return self._socket.recv_multipart()

    def hear(self) -> tuple[list[bytes], JSON]:
        """Reads a registration and checks its signature: its sender's identity, and its content."""
        identity, delimiter, signature, content = self.receive()
        assert delimiter == DELIMITER
        assert signature == self.sign(content)
        return [identity], json.loads(content)

    def send(self, *frames: bytes) -> None:
        """Sends frames as they are."""
        self._socket.send_multipart(frames)

    def acknowledge(self, to: list[bytes], content: bytes = b"ACK") -> None:
        """Answers as xeus-zmq does."""
        self.send(*to, DELIMITER, self.sign(content), content)

    def register(self) -> JSON:
        """Hears a kernel and acknowledges its ports; returns what it has said."""
        identities, content = self.hear()
        self.acknowledge(identities)
        return content

    def is_silent(self, duration: float) -> bool:
        """Tells whether no kernel says anything for that long."""
        return not self._socket.poll(int(duration * 1000))

    def close(self) -> None:
        """Ends the socket."""
        self._context.destroy(linger=0)

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Supervisor(Launcher):
    """The same as Positron's supervisor has it: whole messages over REQ and REP."""

    kind = zmq.REP

    @property
    def file(self) -> JSON:
        """The registration file for a kernel."""
        return {
            "transport": "tcp",
            "signature_scheme": "hmac-sha256",
            "ip": "127.0.0.1",
            "key": self.key,
            "registration_port": self.port,
        }

    def hear(self) -> tuple[list[bytes], JSON]:
        """Reads a registration and checks its signature; a REP socket needs no identity."""
        delimiter, signature, *body = self.receive()
        assert delimiter == DELIMITER
        assert len(body) == 4
        assert signature == self.sign(*body)
        header, content = json.loads(body[0]), json.loads(body[3])
        assert header["msg_type"] == "handshake_request"
        assert all(header[name] for name in ("msg_id", "session", "username", "date", "version"))
        return [], content

    def acknowledge(self, to: list[bytes], content: bytes = b'{"status":"ok"}') -> None:
        """Answers as the supervisor does, `null` for metadata included."""
        header: dict[str, Any] = {"msg_id": uuid.uuid4().hex, "msg_type": "handshake_reply"}
        body = [json.dumps(header).encode(), b"{}", b"null", content]
        self.send(*to, DELIMITER, self.sign(*body), *body)
