"""Files and contents of `husk serve`: headers, parts and what a client has already, compared."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from peers.reference import Reference
from peers.server import Server

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

HEADERS = (
    *("Accept-Ranges", "Cache-Control", "Content-Disposition", "Content-Length", "Content-Range"),
    *("Content-Type", "ETag", "Last-Modified", "Location"),
)
TIME = 1_700_000_000
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"
SAME = "Tue, 14 Nov 2023 22:13:20 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
NOTEBOOK = '{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}'


def filled(root: Path) -> None:
    """Puts the same files into a folder."""
    (root / "sub").mkdir(exist_ok=True)
    for name, text in [
        *(("a.txt", "0123456789"), ("n.ipynb", NOTEBOOK), ("h.html", "<p>é</p>"), ("d.md", "# d")),
        *(("c.csv", "a,b"), ("p.py", "pass"), ("j.json", "{}"), ("none", "x"), ("empty.txt", "")),
        *(("sub/é.txt", "é"), ("i.png", "\x89PNG"), ("large.txt", "x" * (2 << 20))),
    ]:
        (root / name).write_text(text)
        os.utime(root / name, (TIME + 0.75, TIME + 0.75))


def compared(answer: requests.Response, *without: str) -> tuple[object, ...]:
    """What two servers have to answer alike."""
    headers = {name: answer.headers.get(name) for name in HEADERS if name not in without}
    return answer.status_code, answer.content, headers


def both(
    server: Server, reference: Reference, ask: Callable[[Server | Reference], requests.Response]
) -> tuple[requests.Response, requests.Response]:
    """Asks both servers for the same."""
    for root in (server.root, reference.root):
        filled(root)
    return ask(server), ask(reference)


NAMES = [
    *("a.txt", "n.ipynb", "h.html", "d.md", "c.csv", "p.py", "j.json", "none", "empty.txt"),
    *("i.png", "sub/%C3%A9.txt"),
    *("a.txt?download=1", "h.html?download=", "sub/%C3%A9.txt?download=1", "a.txt?download=1&x=2"),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", NAMES)
def test_file_alike(server: Server, reference: Reference, name: str, method: str) -> None:
    """A file with its type, date and length."""
    ours, theirs = both(server, reference, lambda s: s.request(method, f"/files/{name}"))
    assert compared(ours) == compared(theirs)
    assert ours.headers["Last-Modified"] == SAME
    assert "Expires" not in ours.headers


@pytest.mark.parametrize(
    "wanted",
    [
        *("bytes=0-", "bytes=0-9", "bytes=0-99", "bytes=-", "bytes=0-0", "bytes=2-4", "bytes=7-"),
        *("bytes=9-9", "bytes=9-99", "bytes=-3", "bytes=-10", "bytes=-99", "bytes=-0", "bytes=10-"),
        *("bytes=10-12", "bytes=5-2"),
        *("bytes=99999999999999999999-", "bytes=0-99999999999999999999"),
        *("bytes=0-1,3-4", "lines=0-1", "bytes", "bytes=a-b", "bytes = 2 - 4 ", ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_part_alike(server: Server, reference: Reference, wanted: str, method: str) -> None:
    """A part of a file, or the word that there is none."""
    ours, theirs = both(
        server,
        reference,
        lambda s: s.request(method, "/files/a.txt", headers={"Range": wanted}),
    )
    assert compared(ours) == compared(theirs)


@pytest.mark.parametrize("wanted", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_part_of_nothing_alike(server: Server, reference: Reference, wanted: str) -> None:
    """Of an empty file."""
    ours, theirs = both(
        server, reference, lambda s: s.request("GET", "/files/empty.txt", headers={"Range": wanted})
    )
    assert compared(ours) == compared(theirs)


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Modified-Since": SAME},
        {"If-Modified-Since": LATER},
        {"If-Modified-Since": EARLIER},
        {"If-Modified-Since": EPOCH},
        {"If-Modified-Since": "yesterday"},
        {"If-Modified-Since": SAME, "Range": "bytes=2-4"},
        {"If-Modified-Since": EARLIER, "Range": "bytes=2-4"},
        {"If-Modified-Since": SAME, "If-None-Match": '"x"'},
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "n.ipynb"])
def test_unchanged_alike(
    server: Server, reference: Reference, name: str, headers: dict[str, str]
) -> None:
    """What a client has is not sent again."""
    ours, theirs = both(
        server, reference, lambda s: s.request("GET", f"/files/{name}", headers=headers)
    )
    assert compared(ours) == compared(theirs)


def test_parts_of_different_files(server: Server) -> None:
    """A client that has a part of an older file gets all of the new one."""
    filled(server.root)
    for date, status in ((SAME, 206), (EARLIER, 200), ('"tag"', 200)):
        headers = {"Range": "bytes=2-4", "If-Range": date}
        answer = server.get("/files/a.txt", headers=headers)
        assert answer.status_code == status
        assert answer.content == (b"234" if status == 206 else b"0123456789")


def test_part_of_a_large_file(server: Server) -> None:
    """Only the part is read: what is too large as a whole can be had in pieces."""
    with (server.root / "large.bin").open("wb") as file:
        file.truncate(1 << 30)
        file.seek((1 << 29) + 1)
        file.write(b"here")
    whole = server.get("/files/large.bin")
    assert whole.status_code == 413
    part = server.get("/files/large.bin", headers={"Range": f"bytes={(1 << 29)}-{(1 << 29) + 5}"})
    assert (part.status_code, part.content) == (206, b"\0here\0")
    head = server.request("HEAD", "/files/large.bin")
    assert head.headers["Content-Length"] == str(1 << 30)


# ---- Contents

FILE = {"type": "file", "format": "text", "content": "x"}

CONTENTS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "", None),
    ("GET", "a.txt", None),
    ("GET", "sub", None),
    ("GET", "n.ipynb?content=0", None),
    ("PUT", "new.txt", FILE),
    ("PUT", "new.txt", FILE),
    ("PUT", "sub/%C3%A9%20x.txt", FILE),
    ("PUT", "sub/%C3%A9%20x.txt", FILE),
    ("PUT", "folder", {"type": "directory"}),
    ("POST", "sub", {"type": "file", "ext": ".txt"}),
    ("POST", "sub", {"copy_from": "a.txt"}),
    ("PATCH", "new.txt", {"path": "moved.txt"}),
    ("PATCH", "moved.txt", {"path": "new.txt"}),
]


def test_contents_alike(server: Server, reference: Reference) -> None:
    """Where what was made or saved is, and when it was last changed."""
    for root in (server.root, reference.root):
        filled(root)
    without = ("Content-Length", "ETag", "Last-Modified", "Location")
    for method, path, body in CONTENTS:
        answers = [
            s.request(method, f"/api/contents/{path}", json=body) for s in (server, reference)
        ]
        ours, theirs = answers
        case = (method, path, ours.text)
        assert ours.status_code == theirs.status_code, case
        for name in set(HEADERS).difference(without):
            assert ours.headers.get(name) == theirs.headers.get(name), (name, case)
        places = [a.headers.get("Location", "").replace("+", "%20") for a in answers]
        assert places[0] == places[1], case
        assert ("ETag" in ours.headers) == ("ETag" in theirs.headers), case
        assert "Last-Modified" in theirs.headers, case
        if path == "a.txt" or "content=0" in path:
            assert ours.headers["Last-Modified"] == theirs.headers["Last-Modified"] == SAME
        else:
            assert ours.headers["Last-Modified"].endswith(" GMT"), case


@pytest.mark.parametrize(
    "path",
    [
        *("/api/contents/a.txt", "/api/contents/large.txt", "/api/kernelspecs", "/api/sessions"),
        *("/api", "/api/kernels"),
    ],
)
def test_tags(server: Server, reference: Reference, path: str) -> None:
    """An answer that a client has is not sent again, and one that has changed is."""
    for own in (server, reference):
        filled(own.root)
        first = own.request("GET", path)
        tag = first.headers["ETag"]
        assert own.request("GET", path).headers["ETag"] == tag
        for known in (tag, f"W/{tag}", f'"a,b", {tag}', "*"):
            again = own.request("GET", path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), known
            assert again.headers["ETag"] == tag
            assert "Content-Type" not in again.headers
        for other in ('"x"', tag.strip('"'), f'"{tag}'):
            answer = own.request("GET", path, headers={"If-None-Match": other})
            assert answer.status_code == 200, other
            assert answer.content == first.content
    assert "ETag" not in server.post("/api/sessions", {}).headers


def test_connection_after_an_empty_answer(server: Server) -> None:
    """Nothing of it is taken for the beginning of the next one."""
    filled(server.root)
    headers = {"Authorization": f"token {server.token}"}
    with requests.Session() as session:
        tag = session.get(f"{server.url}/api", headers=headers, timeout=10).headers["ETag"]
        for _ in range(3):
            known = headers | {"If-None-Match": tag}
            again = session.get(f"{server.url}/api", headers=known, timeout=10)
            assert again.status_code == 304
            assert "Content-Length" not in again.headers
            assert "Transfer-Encoding" not in again.headers
            whole = session.get(f"{server.url}/files/a.txt", headers=headers, timeout=10)
            assert whole.text == "0123456789"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["sub", "sub/", "pipe", "missing", "sub/missing", "N.IPYNB"])
def test_what_is_no_file_alike(
    server: Server, reference: Reference, path: str, method: str
) -> None:
    """It is told from what is not there."""
    for own in (server, reference):
        (own.root / "N.IPYNB").write_text(NOTEBOOK)
        if not (own.root / "pipe").exists():
            os.mkfifo(own.root / "pipe")
    ours, theirs = both(server, reference, lambda s: s.request(method, f"/files/{path}"))
    assert ours.status_code == theirs.status_code
    if ours.ok:
        assert ours.headers["Content-Type"] == theirs.headers["Content-Type"]


@pytest.mark.parametrize("query", ["", "&content=0", "&format=base64"])
@pytest.mark.parametrize("name", ["n.ipynb", "N.IPYNB", "none", "a.txt"])
def test_types_of_contents_alike(
    server: Server, reference: Reference, name: str, query: str
) -> None:
    """A notebook that is asked for as a file is a text."""
    for own in (server, reference):
        (own.root / "N.IPYNB").write_text(NOTEBOOK)
    ours, theirs = both(
        server, reference, lambda s: s.request("GET", f"/api/contents/{name}?type=file{query}")
    )
    assert ours.json()["mimetype"] == theirs.json()["mimetype"]
    assert ours.json()["content"] == theirs.json()["content"]


def test_the_kernelspec_itself(server: Server, reference: Reference) -> None:
    """It can be had among the files beside it, as what the API says of it."""
    for own in (server, reference):
        answer = own.request("GET", "/kernelspecs/python3/kernel.json")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"
        spec = own.request("GET", "/api/kernelspecs/python3").json()["spec"]
        assert {name: spec[name] for name in answer.json() if name in spec} == answer.json()
    assert server.get("/kernelspecs/nonsense/kernel.json").status_code == 404
