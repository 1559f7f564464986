"""Odd requests of `husk serve`: what is refused, with which words, and what is not done then."""

from __future__ import annotations

import json
import uuid

import pytest

from peers.frames import RawConnection
from peers.reference import Reference
from peers.server import Server, text

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

# ---- Paths that no file can have

TOO_LONG = "x/" * 100_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/kernels", {"path": TOO_LONG}),
        ("/api/sessions", {"path": TOO_LONG, "type": "notebook"}),
        ("/api/terminals", {"cwd": TOO_LONG}),
        ("/api/contents", {"copy_from": TOO_LONG}),
    ],
)
def test_long_paths_in_bodies(server: Server, path: str, body: dict[str, str]) -> None:
    """They are those of nothing, and nobody waits for that to be found out."""
    refused = server.post(path, body)
    assert refused.status_code == 404
    assert "longer than 4095 bytes" in refused.json()["message"]
    assert len(refused.content) < 300
    assert server.get("/api/kernels").json() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH"])
def test_long_paths_in_urls(server: Server, method: str) -> None:
    """The same of every method."""
    body = {"type": "directory", "path": "y"}
    refused = server.request(method, "/api/contents/" + TOO_LONG[:10_000], json=body)
    assert refused.status_code == 404
    assert "longer than 4095 bytes" in refused.json()["message"]


def test_deep_paths(server: Server) -> None:
    """A kernel starts in the root when no folder on its path is there."""
    kernel = server.start_kernel(path="x/" * 2047)
    channels = server.channels(kernel)
    assert text(channels.run("import os; print(os.getcwd())")) == f"{server.root}\n"
    channels.close()
    server.delete(f"/api/kernels/{kernel}")


# ---- Variables that no kernel can be given

LIMIT = 131_072 - 8192


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"BIG": "x" * 131_069}, ["'BIG'", "131074 bytes", str(LIMIT)]),
        ({"BIG": "é" * 100_000, "A": "b"}, ["'BIG'", "200005 bytes", str(LIMIT)]),
        ({"N" * 300_000: ""}, ["'NNN", "300002 bytes", str(LIMIT)]),
        ({f"V{n:03}": "x" * 1000 for n in range(500)}, ["500 environment", "505000", str(LIMIT)]),
    ],
)
def test_large_environment(server: Server, variables: dict[str, str], words: list[str]) -> None:
    """The variable is named, or all of them are counted, and the limit; nothing is started."""
    refused = server.post("/api/kernels", {"env": variables})
    assert refused.status_code == 400, refused.text
    assert refused.json()["reason"] == "environment_too_large"
    assert all(word in refused.json()["message"] for word in words), refused.text
    assert len(refused.content) < 400
    assert server.get("/api/kernels").json() == []


def test_largest_environment(server: Server) -> None:
    """As much as is said to be possible is, in one variable and in many."""
    one = {"BIG": "x" * (LIMIT - 9)}
    many = {f"V{n:03}": "x" * 1014 for n in range(LIMIT // 1024)}
    for variables in (one, many):
        kernel = server.start_kernel(env=variables)
        channels = server.channels(kernel)
        code = f"import os; print(sum(len(os.environ[n]) for n in {list(variables)}))"
        assert text(channels.run(code)) == f"{sum(map(len, variables.values()))}\n"
        assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
        channels.close()
        server.delete(f"/api/kernels/{kernel}")


# ---- Paths that are no text


@pytest.mark.parametrize("path", ["contents/%ff.txt", "contents/a/%c3", "kernelspecs/%ed%a0%80"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_paths_that_are_no_text(
    server: Server, reference: Reference, path: str, method: str
) -> None:
    """Nothing is made of them."""
    body = {"type": "file", "format": "text", "content": "x"}
    if path.startswith("kernelspecs"):
        method = "GET"
    answers = [s.request(method, f"/api/{path}", json=body) for s in (server, reference)]
    assert [answer.status_code for answer in answers] == [400, 400]
    for answer in answers:
        assert answer.json()["message"].startswith("Invalid unicode in ")
        assert "b'" in answer.json()["message"]
    assert not list(server.root.glob("*\N{REPLACEMENT CHARACTER}*"))


def test_files_that_are_no_text(server: Server) -> None:
    """The same of files, whose bytes are told."""
    refused = server.get("/files/%ff.txt")
    assert refused.status_code == 400
    assert refused.json()["message"] == r"Invalid unicode in path: b'/files/\xff.txt'"


# ---- Small things


def test_rename_to_nowhere(server: Server) -> None:
    """The folder that is not there is named."""
    (server.root / "a.txt").write_text("a")
    refused = server.request("PATCH", "/api/contents/a.txt", json={"path": "no/such/b.txt"})
    assert refused.status_code == 404
    assert "no/such/b.txt" in refused.json()["message"]
    assert refused.json()["message"].endswith("there is no folder no/such")
    assert (server.root / "a.txt").read_text() == "a"


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ("text/event-stream", True),
        ("text/event-stream;q=0.1", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream; Q=0.000, */*", False),
        ("text/event-stream;q=0, application/x-ndjson", False),
    ],
)
def test_weight_of_nothing(server: Server, accept: str, streams: bool) -> None:
    """What a client does not want to have it does not get."""
    kernel = server.start_kernel()
    body = {"code": "1"}
    headers = {"Accept": accept}
    with server.post(f"/api/kernels/{kernel}/execute", body, headers=headers, stream=True) as ran:
        kind = ran.headers["Content-Type"]
        assert kind.startswith("text/event-stream") == streams
        if "ndjson" in accept:
            assert kind == "application/x-ndjson"
        elif not streams:
            assert (ran.status_code, kind) == (202, "application/json")
    events = server.get(f"/api/kernels/{kernel}/events", headers=headers)
    assert events.headers["Content-Type"].startswith("text/event-stream") == streams
    server.delete(f"/api/kernels/{kernel}")


def test_empty_key(server: Server) -> None:
    """It names no request: two of them are two."""
    kernel = server.start_kernel()
    path = f"/api/kernels/{kernel}/execute"
    asked = [
        server.post(path, {"code": code}, headers={"Idempotency-Key": ""}) for code in ("1", "2")
    ]
    assert [answer.status_code for answer in asked] == [202, 202]
    assert asked[0].json()["request_id"] != asked[1].json()["request_id"]
    server.delete(f"/api/kernels/{kernel}")


def test_kernel_that_is_there(server: Server, reference: Reference) -> None:
    """Its id gives it again, whatever else is asked for."""
    identifier = str(uuid.uuid4())
    for own in (server, reference):
        first = own.request("POST", "/api/kernels", json={"kernel_id": identifier})
        for body in ({}, {"name": "nonsense"}, {"path": "x"}):
            again = own.request("POST", "/api/kernels", json={"kernel_id": identifier} | body)
            assert again.status_code == first.status_code == 201
            assert again.headers["Location"] == first.headers["Location"]
            assert again.json()["id"] == identifier
        assert len(own.request("GET", "/api/kernels").json()) == 1
        assert own.request("DELETE", f"/api/kernels/{identifier}").status_code == 204


# ---- What HTTP has and a server need not


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["Transfer-Encoding: gzip, chunked"], 501),
        (["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], 501),
        (["Transfer-Encoding: Chunked"], 204),
        (["Transfer-Encoding: chunked", "Expect: foo"], 417),
        (["Transfer-Encoding: chunked", "Expect: 100-continue, foo"], 417),
    ],
)
def test_demands(server: Server, lines: list[str], wanted: int) -> None:
    """What cannot be done is refused, and what follows is not taken for another request."""
    head = [
        *("PUT /api/config/demands HTTP/1.1", "Host: localhost", *lines),
        *(f"Authorization: token {server.token}", "", "2\r\n{}\r\n0\r\n\r\n"),
    ]
    plain = b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with RawConnection(server.port) as connection:
        connection.send(plain + "\r\n".join(head).encode() + plain)
        assert connection.answer()[0] == 200
        status, headers, body = connection.answer()
        assert status == wanted, body
        if wanted == 204:
            assert connection.answer()[0] == 200
        else:
            assert headers["connection"] == "close"
            assert json.loads(body)["message"].startswith("Of ")
            assert connection.ending() == b""


def test_an_expectation_that_is_met(server: Server) -> None:
    """The one that there is still is."""
    head = [
        *("PUT /api/config/demands HTTP/1.1", "Host: localhost", "Expect: 100-Continue"),
        *(f"Authorization: token {server.token}", "Content-Length: 2", "\r\n"),
    ]
    with RawConnection(server.port) as connection:
        connection.send("\r\n".join(head).encode())
        assert connection.answer()[0] == 100
        connection.send(b"{}")
        assert connection.answer()[0] == 204
