"""Damaged requests and frames over real connections to `husk serve`, which goes on as before."""

from __future__ import annotations

import contextlib
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from attacks.mutator import Mutator, corpus
from peers.frames import CLOSE, RawConnection, frame
from peers.husk import SEED, Husk
from peers.processes import end_keeper
from peers.server import Server, text
from peers.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

REQUESTS = 6000
"""How many damaged requests are made."""

CONNECTIONS = 2000
"""How many WebSockets are opened and given damaged frames."""

STATUSES = {100, 101, *range(200, 205), 302, *range(400, 416), 417, 501}
"""What is answered to requests, whatever they are."""

CODES = {None, 1000, 1001, 1002, 1003, 1007, 1009, 1011, *range(3000, 5000)}
"""What a server closes with, or a client whose code comes back."""


@pytest.fixture(scope="module")
def server(husk: Husk, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module."""
    own = husk.with_state(base / "serve-fuzz")
    server = Server(own, tmp_path_factory.mktemp("fuzz"))
    yield server
    assert server.stop() == 0, server.log
    assert "Fatal error" not in server.log
    end_keeper(own.state)


@pytest.fixture
def kernel(server: Server) -> Iterator[str]:
    """A kernel that remembers something."""
    identifier = server.start_kernel()
    channels = server.channels(identifier)
    channels.run("kept = 42")
    channels.close()
    yield identifier
    server.delete(f"/api/kernels/{identifier}")


def descriptors(server: Server) -> list[str]:
    """What the server has open, but for databases, which kernels open when they first need them."""
    links = []
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(str(descriptor.readlink()))
    return [link for link in links if ".sqlite" not in link]


@pytest.fixture
def unharmed(server: Server, kernel: str) -> Iterator[None]:
    """The server serves afterwards as before, with as many descriptors, and little more memory."""
    memory, count = server.anonymous_memory, len(descriptors(server))
    yield
    assert server.process.poll() is None, server.log
    wait_until(lambda: len(descriptors(server)) <= count, 20, f"no more than {count} files")
    assert server.anonymous_memory - memory < 64 << 20
    channels = server.channels(kernel)
    assert text(channels.run("print(kept)")) == "42\n"
    channels.close()


def together(count: int, task: Callable[[int], None]) -> None:
    """Does something so many times, some of them at once."""
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(task, range(count)):
            pass


# ---- Requests


BODIES = [
    (b"GET /api/contents/?content=1&type=directory", b""),
    (b"GET /api/kernels/x/events?since=99999999999999999999", b""),
    (b"GET /files/a%20b.txt?download=1", b""),
    (b"PUT /api/contents/a%20b.txt", b'{"type": "file", "format": "text", "content": "x"}'),
    (
        b"PUT /api/contents/c.ipynb",
        b'{"type": "notebook", "content": {"cells": [{}]}}',
    ),
    (b"PATCH /api/contents/a%20b.txt", b'{"path": "below/../d.txt"}'),
    (b"PATCH /api/config/x", b'{"a": {"b": [1, null, 2e3]}}'),
    (b"POST /api/sessions", b'{"path": 7, "type": "notebook", "kernel": {"id": "x"}}'),
    (b"POST /api/kernels/KERNEL/execute", b'{"code": "1", "metadata": {}, "deadline": 5}'),
    (b"POST /api/events", b'{"schema_id": "x", "version": "1", "data": {}}'),
]
"""Requests that come through to what is behind HTTP."""


def request(server: Server, line: bytes, body: bytes) -> bytes:
    """A request's bytes, which are right whatever its line and its body are."""
    head = f"Host: localhost\r\nAuthorization: token {server.token}\r\n".encode()
    return b"%b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (line, head, len(body), body)


def exchange(server: Server, pieces: list[bytes]) -> bytes:
    """Sends bytes, and that no more come. Returns what comes back until the server has said all."""
    came = b""
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(1 << 16):
                came += more
        except TimeoutError:
            raise
        except OSError:
            # Who is refused while it still sends may find the connection reset.
            pass
    return came


def statuses(data: bytes, came: bytes) -> list[int]:
    """The statuses of answers, which must be as HTTP has them."""
    assert not came or came.startswith(b"HTTP/1.1 "), (data, came)
    return [int(status) for status in re.findall(rb"(?:^|\n)HTTP/1.1 (\d+)", came)]


def test_requests(server: Server, unharmed: None) -> None:
    """Whatever comes is answered as HTTP, and the connection ends when its client has."""
    inputs = corpus("http-request") + [request(server, *parts) for parts in BODIES]
    seen: Counter[int] = Counter()

    def ask(number: int) -> None:
        mutator = Mutator(SEED * REQUESTS + number)
        data = mutator.damage(inputs[number % len(inputs)], inputs)
        seen.update(statuses(data, exchange(server, mutator.cut(data))))

    together(REQUESTS, ask)
    print(f"answers: {dict(sorted(seen.items()))}")
    assert set(seen) <= STATUSES
    assert min(seen[200], seen[400], seen[403]) > 20


def test_bodies(server: Server, kernel: str, unharmed: None) -> None:
    """No body and no query is an internal error, if its request is one."""
    bodies = [body for _, body in BODIES]
    seen: Counter[int] = Counter()

    def ask(number: int) -> None:
        mutator = Mutator(SEED * REQUESTS + number)
        line, body = BODIES[number % len(BODIES)]
        if body:
            body = mutator.damage(body, bodies)
        else:
            verb, place = line.split(b" ", 1)
            line = verb + b" /" + bytes(b for b in mutator.damage(place[1:], bodies) if b > 32)
        data = request(server, line.replace(b"KERNEL", kernel.encode()), body)
        found = statuses(data, exchange(server, mutator.cut(data)))
        assert set(found) <= STATUSES, (data, found)
        seen.update(found)

    together(REQUESTS, ask)
    print(f"answers: {dict(sorted(seen.items()))}")
    assert min(seen[200], seen[400], seen[404]) > 20


# ---- Frames


def messages() -> list[bytes]:
    """Frames with messages to a kernel, in both framings, and others that are allowed or not."""
    whole = [frame(2, data) for data in corpus("kernel-websocket-v1")]
    whole += [frame(2, data) for data in corpus("kernel-websocket-legacy")]
    whole += [frame(1, data) for data in corpus("kernel-websocket-legacy")]
    return whole + corpus("websocket")


def test_frames(server: Server, kernel: str, unharmed: None) -> None:
    """Whatever comes is answered by frames, and who breaks a rule is told so by one close frame."""
    terminal = server.post("/api/terminals").json()["name"]
    paths = [
        (f"/api/kernels/{kernel}/channels", ()),
        (
            f"/api/kernels/{kernel}/channels",
            ("Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org",),
        ),
        (f"/terminals/websocket/{terminal}", ()),
        ("/api/events/subscribe", ()),
    ]
    inputs = messages()
    seen: Counter[int | None] = Counter()

    def say(number: int) -> None:
        mutator = Mutator(SEED * CONNECTIONS + number)
        data = mutator.damage(inputs[number % len(inputs)], inputs)
        path, lines = paths[number % len(paths)]
        with RawConnection(server.port) as connection:
            connection.open(f"{path}?token={server.token}", *lines)
            with contextlib.suppress(ConnectionError, OSError):
                for piece in mutator.cut(data):
                    connection.send(piece)
                connection.socket.shutdown(socket.SHUT_WR)
            closes = [one.code for one in connection.rest() if one.opcode == CLOSE]
        assert len(closes) <= 1, (data, closes)
        seen.update(closes)

    together(CONNECTIONS, say)
    server.delete(f"/api/terminals/{terminal}")
    print(f"closes: {seen}")
    assert set(seen) <= CODES
    assert min(seen[1002], seen[1007]) > 10
