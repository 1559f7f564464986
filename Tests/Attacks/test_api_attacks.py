"""Attacks on `husk serve` by requests that are too long, too slow or half of one, and the like."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from peers.frames import RawConnection
from peers.husk import Husk
from peers.processes import end_keeper
from peers.server import Server
from peers.waiting import wait_until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def server(husk: Husk, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module."""
    own = husk.with_state(base / "api-attacks")
    server = Server(own, tmp_path_factory.mktemp("api"))
    yield server
    assert server.stop() == 0, server.log
    assert "Fatal error" not in server.log
    end_keeper(own.state)


class Talk(RawConnection):
    """A connection on which every byte is said by hand."""

    def __init__(self, server: Server, timeout: float = 20) -> None:
        super().__init__(server.port, timeout=timeout)
        self._token = server.token

    def head(self, method: str, path: str, *lines: str, token: str | None = None) -> None:
        """Says the head of a request."""
        head = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        head += [f"Authorization: token {token or self._token}", *lines, "", ""]
        self.say("\r\n".join(head).encode())

    def say(self, data: bytes) -> None:
        """Says bytes; that nobody takes them may come before the answer."""
        with contextlib.suppress(ConnectionError):
            self.send(data)


# ---- Half of a request


@pytest.mark.parametrize("hosts", [(), ("Host: a", "Host: a"), ("Host: localhost", "Host: b")])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
def test_no_host(server: Server, hosts: tuple[str, ...], is_first: bool) -> None:
    """A request says which host it means, once."""
    talk = Talk(server)
    before = b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = "\r\n".join(["GET /api HTTP/1.1", *hosts, "", ""]).encode()
    talk.say((b"" if is_first else before) + request + before)
    if not is_first:
        assert talk.answer()[0] == 200
    status, headers, _ = talk.answer()
    assert status == 400
    assert headers["connection"] == "close"
    assert talk.ending() == b""


def test_old_clients(server: Server) -> None:
    """HTTP/1.0 has no hosts, and one answer a connection."""
    talk = Talk(server)
    talk.say(b"GET /api HTTP/1.0\r\n\r\n")
    assert talk.answer()[0] == 200
    assert talk.ending() == b""


# ---- Waiting for a word


def test_waiting_for_a_word(server: Server) -> None:
    """A client that waits before it sends a body is told to go on, for each request again."""
    talk = Talk(server)
    body = b'{"a": 1}'
    for _ in range(2):
        lines = ("Expect: 100-continue", f"Content-Length: {len(body)}")
        talk.head("PUT", "/api/config/expected", *lines)
        assert talk.answer()[0] == 100
        talk.say(body)
        assert talk.answer()[0] == 204
    talk.head("GET", "/api/config/expected")
    assert json.loads(talk.answer()[2]) == {"a": 1}


def test_no_word_for_nothing(server: Server) -> None:
    """A client that is refused is told so at once, and one that does not wait hears no word."""
    for lines, token, wanted in [
        (("Expect: 100-continue", "Content-Length: 8"), "wrong", 403),
        (("Expect: 100-continue", "Content-Length: 99999999999"), None, 413),
    ]:
        talk = Talk(server)
        talk.head("PUT", "/api/config/refused", *lines, token=token)
        status, headers, _ = talk.answer()
        assert status == wanted
        assert headers["connection"] == "close"
        assert talk.ending() == b""
    talk = Talk(server)
    talk.head("PUT", "/api/config/refused", "Expect: 100-continue", "Content-Length: 2")
    talk.say(b"{}")
    # The word may have been said before the body came.
    status = talk.answer()[0]
    assert (talk.answer()[0] if status == 100 else status) == 204


# ---- Too long

MIB = 1 << 20


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/api/kernels", MIB),
        ("POST", "/api/sessions", MIB),
        ("PUT", "/api/config/long", MIB),
        ("POST", "/api/events", MIB >> 4),
        ("POST", "/api/security/csp-report", MIB >> 4),
        ("PUT", "/api/contents/long.txt", 384 * MIB),
        ("GET", "/api", MIB),
    ],
)
def test_too_long(server: Server, method: str, path: str, limit: int) -> None:
    """Refused by what the head says, before anything of the body has come."""
    for length in (limit + 1, 1 << 50, 10**30):
        talk = Talk(server)
        began = time.monotonic()
        talk.head(method, path, f"Content-Length: {length}")
        status, headers, body = talk.answer()
        assert time.monotonic() - began < 5
        # A number that no machine has is no length.
        assert status == 413 or (status == 400 and length == 10**30), (length, status)
        assert headers["connection"] == "close"
        if status == 413:
            assert str(limit) in json.loads(body)["message"]
        assert talk.ending() == b""


def test_too_long_for_who_does_not_stop(server: Server) -> None:
    """A client that sends on gets its answer, also without a length beforehand."""
    for lines, lead in [
        ((f"Content-Length: {64 * MIB}",), b""),
        (("Transfer-Encoding: chunked",), b"4000000\r\n"),
    ]:
        talk = Talk(server)
        talk.head("POST", "/api/kernels", *lines)
        sender = threading.Thread(target=talk.say, args=(lead + b"x" * (8 * MIB),))
        sender.start()
        assert talk.answer()[0] == 413
        sender.join(20)
        assert not sender.is_alive()
    assert server.get("/api/kernels").json() == []


def test_who_may_not_sends_nothing(server: Server) -> None:
    """A long body without the token is not waited for."""
    talk = Talk(server)
    talk.head("PUT", "/api/contents/x.txt", f"Content-Length: {100 * MIB}", token="wrong")
    status, headers, _ = talk.answer()
    assert status == 403
    assert headers["connection"] == "close"
    assert talk.ending() == b""


# ---- Too slow


def test_too_slow(server: Server) -> None:
    """A head has half a minute, and a body a minute without a byte."""
    ends: dict[str, tuple[float, bytes]] = {}

    def trickle(name: str, first: bytes, then: bytes) -> None:
        talk = Talk(server, timeout=100)
        began = time.monotonic()
        talk.say(first)

        def feed() -> None:
            while name not in ends and time.monotonic() - began < 100:
                talk.say(then)
                time.sleep(1)

        if then:
            threading.Thread(target=feed, daemon=True).start()
        came = talk.ending()
        ends[name] = (time.monotonic() - began, came)

    authorization = f"Host: localhost\r\nAuthorization: token {server.token}\r\n".encode()
    body = b"PUT /api/config/slow HTTP/1.1\r\n" + authorization + b"Content-Length: 100\r\n\r\n{"
    whole = b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n"
    cases = {
        "head": (b"GET /api HTTP/1.1\r\nX: ", b"a"),
        "silent head": (b"GET /api HT", b""),
        "later head": (whole + b"GET /api", b"a"),
        "body": (body, b""),
    }
    threads = [threading.Thread(target=trickle, args=(n, *c)) for n, c in cases.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for name, (seconds, came) in ends.items():
        assert came.count(b"HTTP/1.1 408 ") == 1, (name, came)
        low, high = (55, 80) if name == "body" else (25, 50)
        assert low < seconds < high, (name, seconds)
    assert set(ends) == set(cases)


def test_slow_but_steady(server: Server) -> None:
    """A body that comes on is waited for."""
    talk = Talk(server)
    body = b'{"steady": true}'
    talk.head("PUT", "/api/config/steady", f"Content-Length: {len(body)}")
    for byte in body:
        talk.say(bytes([byte]))
        time.sleep(0.1)
    assert talk.answer()[0] == 204


# ---- Listeners that do not listen


def test_a_subscriber_that_does_not_listen(server: Server) -> None:
    """It costs a megabyte, and is let go; others hear everything."""
    before = server.anonymous_memory
    stalled = []
    for _ in range(5):
        connection = RawConnection(server.port, receive_buffer=4096)
        connection.open(f"/api/events/subscribe?token={server.token}")
        stalled.append(connection)
    event = {
        "schema_id": "https://events.jupyter.org/jupyter_server/kernel_actions/v1",
        "version": "1",
        "data": {"action": "start", "kernel_id": "i", "msg": "x" * 60_000},
    }
    session = requests.Session()
    session.headers["Authorization"] = f"token {server.token}"
    for _ in range(1000):
        assert session.post(f"{server.url}/api/events", json=event, timeout=20).status_code == 204
    assert server.anonymous_memory - before < 64 * MIB

    for connection in stalled:
        wait_until(lambda one=connection: one.is_gone, 30, "its end")
        connection.socket.close()


# ---- Two things at once


def test_sessions_while_kernels_end(server: Server) -> None:
    """A list is a list, whatever ends meanwhile, and a session for a path can always be had."""
    statuses: list[tuple[str, int]] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            statuses.append(("GET", server.get("/api/sessions").status_code))

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    body = {"path": "x.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    for _ in range(10):
        made = server.post("/api/sessions", body)
        statuses.append(("POST", made.status_code))
        kernel = made.json()["kernel"]["id"]
        ending = threading.Thread(target=server.delete, args=(f"/api/kernels/{kernel}",))
        ending.start()
        statuses.append(("POST", server.post("/api/sessions", body).status_code))
        ending.join()
    is_over.set()
    for looker in lookers:
        looker.join()
    for session in server.get("/api/sessions").json():
        server.delete(f"/api/sessions/{session['id']}")
    assert set(statuses) == {("GET", 200), ("POST", 201)}
