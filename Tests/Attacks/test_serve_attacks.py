"""Attacks on `husk serve` from outside: by HTTP, by WebSockets, and by doing two things at once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from peers.frames import CLOSE, PONG, TEXT, RawConnection, frame
from peers.husk import Husk
from peers.processes import end_keeper
from peers.server import Server, text
from peers.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

SECRET = "what nobody is shown"


@pytest.fixture(scope="module")
def server(husk: Husk, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module, with links out of its folder and something to be had there."""
    own = husk.with_state(base / "serve-attacks")
    server = Server(own, tmp_path_factory.mktemp("serve"))
    (server.folder / "secret.txt").write_text(SECRET)
    (server.root / "below").mkdir()
    (server.root / "hello.txt").write_text("hello")
    for name, target in {
        "absolute": server.folder / "secret.txt",
        "relative": "../secret.txt",
        "folder": server.folder,
        "process": "/proc/self",
    }.items():
        (server.root / name).symlink_to(target)
    yield server
    assert server.stop() == 0, server.log
    assert "Fatal error" not in server.log
    end_keeper(own.state)


def request(server: Server, method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    """Sends a request as it is written here. Returns everything that comes back."""
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    head += [f"Authorization: token {server.token}", f"Content-Length: {len(body)}", *lines]
    return raw(server, "\r\n".join([*head, "", ""]).encode() + body)


def raw(server: Server, data: bytes, timeout: float = 10) -> bytes:
    """Sends bytes. Returns what comes back, to the end."""
    with RawConnection(server.port, timeout=timeout) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(data)
        return connection.ending()


def status(answer: bytes) -> int:
    """The status of an answer."""
    return int(answer.split(b" ", 2)[1])


# ---- Files

DOTS = ("..", "%2e%2e", ".%2e", "%252e%252e", "..%00", "%c0%ae%c0%ae", "..;", "..%5c", "./..")
SLASHES = ("/", "%2f", "%5c", "\\", "//", "%252f", "%c0%af", "/./")


@pytest.mark.parametrize(
    "start", ["/files/", "/files/below/", "/files%2f", "/api/contents/", "/kernelspecs/python3/"]
)
def test_no_way_out(server: Server, start: str) -> None:
    """However a way up is written, it leads nowhere."""
    for dots in DOTS:
        for slash in SLASHES:
            for times in (1, 2):
                answer = request(server, "GET", start + (dots + slash) * times + "secret.txt")
                assert status(answer) in (400, 404), (dots, slash, answer)
                assert SECRET.encode() not in answer


@pytest.mark.parametrize("start", ["/files", "/api/contents"])
@pytest.mark.parametrize(
    "path", ["absolute", "relative", "folder/secret.txt", "process/environ", "/etc/passwd"]
)
def test_links_lead_nowhere(server: Server, start: str, path: str) -> None:
    """A link that leads out of the folder is not followed."""
    assert status(request(server, "GET", f"{start}/{path}")) == 404


def test_nothing_is_written_outside(server: Server) -> None:
    """By no method, and by no name within a body."""
    new = json.dumps({"type": "file", "format": "text", "content": "x"}).encode()
    for method, path, body in [
        ("PUT", "/api/contents/..%2fnew.txt", new),
        ("PUT", "/api/contents/folder/new.txt", new),
        ("PUT", "/api/contents/absolute", new),
        ("PATCH", "/api/contents/hello.txt", b'{"path": "../new.txt"}'),
        ("PATCH", "/api/contents/hello.txt", b'{"path": "folder/new.txt"}'),
        ("POST", "/api/contents/", b'{"copy_from": "../secret.txt"}'),
        ("POST", "/api/contents/", b'{"copy_from": "absolute"}'),
        ("POST", "/api/contents/", b'{"type": "file", "ext": "/../../new"}'),
        ("POST", "/api/contents/..%2fsecret.txt/checkpoints", b""),
        ("DELETE", "/api/contents/..%2fsecret.txt", b""),
        ("DELETE", "/api/contents/folder/secret.txt", b""),
        ("DELETE", "/api/contents/.", b""),
    ]:
        assert status(request(server, method, path, body=body)) >= 400, (method, path)
    assert (server.folder / "secret.txt").read_text() == SECRET
    assert not (server.folder / "new.txt").exists()
    assert (server.root / "hello.txt").read_text() == "hello"


# ---- Requests that are none

BROKEN = {
    "nothing of HTTP": b"GARBAGE\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"x" * 200,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a space before the colon": b"GET /api HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "a line that goes on": b"GET /api HTTP/1.1\r\nHost: localhost\r\nX: a\r\n Y: b\r\n\r\n",
    "a NUL": b"GET /api\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a huge line": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a huge header": b"GET /api HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "many headers": b"GET /api HTTP/1.1\r\n" + b"X: a\r\n" * 100_000 + b"\r\n",
    "two lengths": b"POST /api HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "a length below nothing": b"POST /api HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a length and pieces": (
        b"POST /api HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /api HTTP/1.1\r\nHost: localhost\r\n\r\n"
    ),
    "pieces that are not last": (
        b"POST /api HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
def test_requests_that_are_none(server: Server, name: str, is_first: bool) -> None:
    """Such a connection gets one refusal and its end, and no request is made of the rest."""
    before = b"" if is_first else b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n"
    came = raw(server, before + BROKEN[name])
    answers = [line for line in came.split(b"\r\n") if b"HTTP/1.1 " in line]
    if not is_first and answers:
        assert b" 200 " in answers.pop(0)
    # A client that is still sending may find the connection reset.
    assert len(answers) <= 1
    assert all(b" 400 " in answer for answer in answers)
    assert len(BROKEN[name]) > 100_000 or answers


# ---- Other sites


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:80", "127.0.0.1.nip.io", "0"]
)
def test_no_other_name(server: Server, host: str) -> None:
    """A name that leads here by a trick of DNS lets nobody in, not even with the token."""
    assert server.get("/api/kernels", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "file://"])
def test_a_browser_of_another_site(server: Server, origin: str) -> None:
    """The cookie of a login is of no use to other sites' pages."""
    browser = requests.Session()
    assert browser.get(f"{server.url}/?token={server.token}", timeout=10).ok
    assert browser.cookies
    kernels = f"{server.url}/api/kernels"
    assert browser.get(kernels, timeout=10).ok
    foreign = {"Origin": origin}
    refused = browser.get(kernels, headers=foreign, timeout=10)
    assert refused.status_code in (403, 404)
    assert "Access-Control-Allow-Origin" not in refused.headers
    for headers in ({}, foreign, {"Content-Type": "text/plain"}):
        assert browser.post(kernels, headers=headers, data="{}", timeout=10).status_code in (
            403,
            404,
        )
    asked = browser.options(kernels, headers=foreign, timeout=10)
    assert asked.headers.get("Access-Control-Allow-Origin") is None
    assert server.get("/api/kernels").json() == []


def test_no_socket_for_another_site(server: Server) -> None:
    """Neither is it to their WebSockets."""
    kernel = server.start_kernel()
    browser = requests.Session()
    browser.get(f"{server.url}/?token={server.token}", timeout=10)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    path = f"/api/kernels/{kernel}/channels"
    host = f"Host: 127.0.0.1:{server.port}"
    for origin, wanted in [("http://evil.example", 404), (server.url, 101)]:
        with RawConnection(server.port) as connection:
            lines = [f"GET {path} HTTP/1.1", host, f"Cookie: {cookies}", f"Origin: {origin}"]
            lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
            connection.send("\r\n".join(lines).encode())
            assert connection.answer()[0] == wanted
    server.delete(f"/api/kernels/{kernel}")


# ---- Clients that do not listen


def stalled(server: Server, kernel: str) -> RawConnection:
    """A client with a cell that prints much, and that reads nothing of it."""
    connection = RawConnection(server.port, receive_buffer=4096)
    connection.open(f"/api/kernels/{kernel}/channels?token={server.token}")
    code = "for n in range(3000): print('x' * 10000)"
    header = {"msg_id": "m", "msg_type": "execute_request"}
    content = {"code": code, "silent": False}
    message = {"channel": "shell", "header": header, "content": content}
    connection.send(frame(TEXT, json.dumps(message).encode()))
    return connection


def test_a_kernel_of_a_client_that_does_not_listen(own_server: Server) -> None:
    """It can be ended, and the client is let go."""
    kernel = own_server.start_kernel()
    with stalled(own_server, kernel) as connection:
        # Until the buffers on the way are full, which nothing tells.
        time.sleep(2)
        began = time.monotonic()
        assert own_server.delete(f"/api/kernels/{kernel}").status_code == 204
        assert time.monotonic() - began < 10
        wait_until(lambda: connection.is_gone, 20, "the end of the connection")


def test_a_client_that_is_faster_than_its_kernel(own_server: Server) -> None:
    """What it sends waits with it, and not in the server's memory."""
    kernel = own_server.start_kernel()
    before = own_server.anonymous_memory
    connection = RawConnection(own_server.port, timeout=5)
    connection.open(f"/api/kernels/{kernel}/channels?token={own_server.token}")
    with connection:
        header = {"msg_id": "m", "msg_type": "kernel_info_request", "username": "x" * 1000}
        message = frame(TEXT, json.dumps({"channel": "shell", "header": header}).encode())
        many = message * 1000
        until = time.monotonic() + 15
        try:
            while time.monotonic() < until:
                connection.send(many)
        except OSError:
            pass  # It is made to wait, or sent away.
        assert own_server.anonymous_memory - before < 300 << 20


@pytest.mark.parametrize("data", [frame(PONG), frame(PONG, b"1"), frame(TEXT, b"{}")])
def test_floods_of_nothing(own_server: Server, data: bytes) -> None:
    """What says nothing costs no memory, and keeps nobody else from the server."""
    kernel = own_server.start_kernel()
    before = own_server.anonymous_memory
    with RawConnection(own_server.port, timeout=5) as connection:
        connection.open(f"/api/kernels/{kernel}/channels?token={own_server.token}")
        until = time.monotonic() + 5
        while time.monotonic() < until:
            connection.send(data * 1000)
            assert own_server.get("/api/kernels").ok
        assert own_server.anonymous_memory - before < 64 << 20


# ---- The end


def leave_nothing(server: Server) -> list[RawConnection]:
    """Nobody is there."""
    del server
    return []


def leave_sockets(server: Server) -> list[RawConnection]:
    """Clients that listen, and answer no close."""
    connections = []
    for _ in range(3):
        connection = RawConnection(server.port)
        connection.open(f"/api/kernels/{server.start_kernel()}/channels?token={server.token}")
        connections.append(connection)
    return connections


def leave_stalled(server: Server) -> list[RawConnection]:
    """A client that does not listen."""
    connection = stalled(server, server.start_kernel())
    # Until the buffers on the way are full, which nothing tells.
    time.sleep(1)
    return [connection]


def leave_beginnings(server: Server) -> list[RawConnection]:
    """Requests that have begun in every way."""
    connections = []
    authorization = f"Authorization: token {server.token}\r\n".encode()
    for data in (
        b"",
        b"GET /api HTTP/1.1\r\nHo",
        b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PUT /api/contents/x HTTP/1.1\r\nHost: localhost\r\n"
        + authorization
        + b"Content-Length: 1000\r\n\r\n{",
    ):
        connection = RawConnection(server.port)
        connection.send(data)
        connections.append(connection)
    # Until the server has read them: it answers most of them with nothing.
    time.sleep(0.5)
    return connections


@pytest.mark.parametrize("leave", [leave_nothing, leave_sockets, leave_stalled, leave_beginnings])
def test_the_server_ends_when_it_is_told(
    own_server: Server, leave: Callable[[Server], list[RawConnection]]
) -> None:
    """Whoever is connected, and however: they are told and have a while, and then it ends."""
    connections = leave(own_server)
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(20) == 0
    for connection in connections:
        if leave is leave_sockets:
            frames = connection.rest()
            assert [one.code for one in frames if one.opcode == CLOSE] == [1001]
        connection.socket.close()
    own_server.start_again()


# ---- Two things at once


def together(*calls: Callable[[], requests.Response], delay: float) -> list[int]:
    """The statuses of requests that are made one shortly after the other."""
    statuses = [0] * len(calls)

    def make(index: int) -> None:
        statuses[index] = calls[index]().status_code

    threads = [threading.Thread(target=make, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
        time.sleep(delay)
    for thread in threads:
        thread.join(60)
    return statuses


def is_clean(server: Server) -> bool:
    """Whether nothing is left of any kernel."""
    state = server.husk.state
    return not os.listdir(state / "kernels") and not list(state.glob("*.history.sqlite*"))


@pytest.mark.parametrize("delay", [0, 0.01, 0.05, 0.15])
def test_two_things_at_once(server: Server, delay: float) -> None:
    """Restarts and ends of a kernel do not get in each other's way, and leave nothing behind."""
    for first, second in [
        ("restart", "end"),
        ("restart", "restart"),
        ("end", "restart"),
        ("end", "end"),
    ]:
        kernel = server.start_kernel()
        path = f"/api/kernels/{kernel}"
        calls = {
            "restart": lambda path=path: server.post(f"{path}/restart"),
            "end": lambda path=path: server.delete(path),
        }
        statuses = together(calls[first], calls[second], delay=delay)
        assert set(statuses) <= {200, 204, 404}, (first, second)
        assert (204 in statuses) == ("end" in (first, second))
        if "end" not in (first, second):
            channels = server.channels(kernel)
            assert text(channels.run("print(1)")) == "1\n"
            channels.close()
            server.delete(path)
        assert server.get("/api/kernels").json() == []
    wait_until(lambda: is_clean(server), 10, "an empty state directory")


@pytest.mark.parametrize("delay", [0, 0.01, 0.03])
def test_an_id_twice(server: Server, delay: float) -> None:
    """An id is free again when its kernel has ended, and not before."""
    identifier = "aaaa-bbbb-cccc-dddd-eeee"
    path = f"/api/kernels/{identifier}"

    def start() -> requests.Response:
        return server.post("/api/kernels", {"kernel_id": identifier})

    # As Jupyter Server has it, the id of a kernel that is there gives that one.
    assert start().status_code == 201
    assert start().status_code == 201
    assert len(server.get("/api/kernels").json()) == 1
    ended, started = together(lambda: server.delete(path), start, delay=delay)
    assert ended == 204
    assert started in (201, 409)
    if started == 201:
        channels = server.channels(identifier)
        assert text(channels.run("print(1)")) == "1\n"
        channels.close()
        server.delete(path)
    assert set(together(start, lambda: server.delete(path), delay=delay)) <= {
        201,
        204,
        404,
        409,
        500,
    }
    server.delete(path)
    assert server.get("/api/kernels").json() == []


def test_an_id_again_at_once(server: Server) -> None:
    """What is left of a sandbox goes first, however long it takes, and nobody has to try again."""
    identifier = "ffff-eeee-dddd-cccc-bbbb"
    path = f"/api/kernels/{identifier}"
    # A process outside of the interpreter's group, whose memory takes the kernel a while to free.
    slow = textwrap.dedent("""
        import mmap, os, time
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            memory = mmap.mmap(-1, 1 << 30)
            memory.write(b"x" * (1 << 30))
            os.write(writer, b"x")
            time.sleep(999)
        assert os.read(reader, 1) == b"x"
    """)
    for _ in range(3):
        assert server.post("/api/kernels", {"kernel_id": identifier}).status_code == 201
        channels = server.channels(identifier)
        channels.run(slow)
        channels.close()
        assert server.delete(path).status_code == 204
    assert server.get("/api/kernels").json() == []


def test_coming_during_a_restart(server: Server) -> None:
    """Whoever comes while the interpreter changes hears everything of the new one, in order."""
    kernel = server.start_kernel()
    first = server.channels(kernel, "first")
    first.run("print('before')")
    for _ in range(5):
        restart = threading.Thread(target=server.post, args=(f"/api/kernels/{kernel}/restart",))
        restart.start()
        others = [server.channels(kernel, f"other-{n}") for n in range(4)]
        restart.join()
        last = 0
        for channels in (first, *others):
            done = channels.run("print('after')")
            assert text(done) == "after\n"
            sequences = [m["metadata"]["husk"]["seq"] for m in done if "husk" in m["metadata"]]
            assert sequences == sorted(sequences)
            assert sequences[0] > last
            last = sequences[-1]
        for channels in others:
            channels.close()
    first.close()
    server.delete(f"/api/kernels/{kernel}")


def test_restarts_right_after_starts(server: Server) -> None:
    """An interpreter that has just been forked is ended, too, and nobody waits for ever."""
    for _ in range(40):
        path = f"/api/kernels/{server.start_kernel()}"
        assert server.post(f"{path}/interrupt").status_code == 204
        assert server.post(f"{path}/restart").status_code == 200
        assert server.delete(path).status_code == 204


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_a_death_at_any_moment(server: Server, moment: float) -> None:
    """Whenever an interpreter dies, its kernel can still be ended."""
    kernel = server.start_kernel()
    path = f"/api/kernels/{kernel}"
    channels = server.channels(kernel)
    channels.run("import os, threading")
    channels.execute(f"threading.Timer({moment}, os._exit, [3]).start()")
    assert server.post(f"{path}/restart").status_code == 200
    channels.execute(f"import os, threading; threading.Timer({moment}, os._exit, [3]).start()")
    time.sleep(moment)
    assert server.delete(path).status_code == 204
    channels.drop()
    assert server.get("/api/kernels").json() == []
