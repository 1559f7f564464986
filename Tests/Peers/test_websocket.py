"""WebSockets of `husk serve`, by the rules: what the suite of Autobahn tries."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from peers.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    RawConnection,
    closing,
    frame,
)
from peers.server import Server

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

QUESTION = json.dumps(
    {
        "channel": "shell",
        "header": {"msg_id": "q", "msg_type": "kernel_info_request", "username": "κόσμε"},
        "parent_header": {},
        "metadata": {},
        "content": {},
    },
    ensure_ascii=False,
).encode()

# It is understood, and is for nobody.
DROPPED = QUESTION.replace(b'"shell"', b'"nowhere"')


@pytest.fixture(scope="module")
def path(server: Server) -> str:
    """The path of a kernel's channels, with the token."""
    return f"/api/kernels/{server.start_kernel()}/channels?token={server.token}"


@pytest.fixture
def connection(server: Server, path: str) -> Iterator[RawConnection]:
    """An open WebSocket."""
    with RawConnection(server.port) as connection:
        connection.open(path)
        yield connection


def has_answer(one: Frame) -> bool:
    """Whether a frame is the answer to the question."""
    return one.opcode == TEXT and json.loads(one.payload)["msg_type"] == "kernel_info_reply"


def until_answer(connection: RawConnection) -> list[Frame]:
    """The control frames before the answer to the question, but for the server's own pings."""
    frames: list[Frame] = []
    while not has_answer(one := connection.receive()):
        if one.opcode in (CLOSE, PONG):
            frames.append(one)
    return frames


def in_pieces(message: bytes, size: int, *between: bytes, opcode: int = TEXT) -> bytes:
    """A message in fragments, with other frames between them."""
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    frames = [
        frame(CONTINUATION if at else opcode, piece, fin=at == len(pieces) - 1)
        for at, piece in enumerate(pieces)
    ]
    return b"".join(between).join(frames)


# ---- What is right

RIGHT = {
    "a text": (frame(TEXT, QUESTION), []),
    "a text behind one for nobody": (frame(TEXT, DROPPED) + frame(TEXT, QUESTION), []),
    "a mask of zeros": (frame(TEXT, QUESTION, mask=bytes(4)), []),
    "fragments": (in_pieces(QUESTION, 7), []),
    "fragments of a byte": (in_pieces(QUESTION, 1), []),
    "an empty first fragment": (
        frame(TEXT, fin=False) + frame(CONTINUATION, QUESTION),
        [],
    ),
    "an empty last fragment": (
        frame(TEXT, QUESTION, fin=False) + frame(CONTINUATION),
        [],
    ),
    "empty fragments between": (
        frame(TEXT, QUESTION[:9], fin=False)
        + frame(CONTINUATION, fin=False) * 3
        + frame(CONTINUATION, QUESTION[9:]),
        [],
    ),
    "a ping": (frame(PING, b"hello") + frame(TEXT, QUESTION), [b"hello"]),
    "a ping without anything": (frame(PING) + frame(TEXT, QUESTION), [b""]),
    "a ping of 125 bytes": (frame(PING, b"\xfe" * 125) + frame(TEXT, QUESTION), [b"\xfe" * 125]),
    "ten pings": (
        b"".join(frame(PING, bytes([n])) for n in range(10)) + frame(TEXT, QUESTION),
        [bytes([n]) for n in range(10)],
    ),
    "a pong that nobody asked for": (frame(PONG, b"x") + frame(TEXT, QUESTION), []),
    "pongs with numbers": (
        b"".join(frame(PONG, str(n).encode()) for n in (0, 1, 2**63, 2**64 - 1, 2**64, -1))
        + frame(TEXT, QUESTION),
        [],
    ),
    "pings between fragments": (
        in_pieces(QUESTION, 64, frame(PING, b"within"), frame(PONG)),
        [b"within"] * (-(-len(QUESTION) // 64) - 1),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("way", ["at once", "byte by byte"])
def test_right(connection: RawConnection, name: str, way: str) -> None:
    """Frames that are allowed arrive, however the network has cut them."""
    data, pongs = RIGHT[name]
    if way == "at once":
        connection.send(data)
    else:
        for at in range(len(data)):
            connection.send(data[at : at + 1])
    assert [one.payload for one in until_answer(connection)] == pongs


# ---- What is not

MUCH = 1 << 26

WRONG = {
    "reserved bit 1": (frame(TEXT, b"x", reserved=4), 1002),
    "reserved bit 2": (frame(TEXT, b"x", reserved=2), 1002),
    "reserved bit 3": (frame(TEXT, b"x", reserved=1), 1002),
    "reserved bits on a ping": (frame(PING, b"x", reserved=7), 1002),
    "reserved bits on a close": (frame(CLOSE, b"", reserved=3), 1002),
    "a reserved bit on a fragment": (
        frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", reserved=4),
        1002,
    ),
    **{f"opcode {n}": (frame(n, b"x"), 1002) for n in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "an unknown opcode between fragments": (
        frame(TEXT, b"x", fin=False) + frame(3) + frame(CONTINUATION, b"x"),
        1002,
    ),
    "no mask": (frame(TEXT, b"x", mask=None), 1002),
    "no mask on a ping": (frame(PING, b"x", mask=None), 1002),
    "no mask on a close": (frame(CLOSE, b"", mask=None), 1002),
    "no mask on nothing": (frame(TEXT, b"", mask=None), 1002),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a close of 126 bytes": (closing(1000, b"x" * 124), 1002),
    "a ping in fragments": (frame(PING, b"x", fin=False) + frame(CONTINUATION, b"x"), 1002),
    "a pong in fragments": (frame(PONG, b"x", fin=False), 1002),
    "a close in fragments": (frame(CLOSE, b"", fin=False), 1002),
    "a last fragment of nothing": (frame(CONTINUATION, b"x"), 1002),
    "a fragment of nothing": (frame(CONTINUATION, b"x", fin=False), 1002),
    "an empty fragment of nothing": (frame(CONTINUATION), 1002),
    "a fragment behind the last": (
        in_pieces(DROPPED, 99) + frame(CONTINUATION, b"z"),
        1002,
    ),
    "a text within a text": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
    "a text within a binary": (frame(BINARY, b"x", fin=False) + frame(TEXT, b"y"), 1002),
    "an empty text within an empty text": (frame(TEXT, fin=False) + frame(TEXT), 1002),
    "another begin within a text": (
        frame(TEXT, b"x", fin=False) + frame(BINARY, b"y", fin=False),
        1002,
    ),
    "a text that is no UTF-8": (frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80x"), 1007),
    "a text with a byte too long": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "a text with an overlong NUL": (frame(TEXT, b"\xc0\x80"), 1007),
    "half a character": (frame(TEXT, b"\xce"), 1007),
    "half a character, then nothing": (
        frame(TEXT, b"\xce", fin=False) + frame(CONTINUATION),
        1007,
    ),
    "bytes that are none, in fragments": (
        frame(TEXT, b"\xce", fin=False) + frame(CONTINUATION, b"\xce"),
        1007,
    ),
    "a frame that is too large": (frame(BINARY, length=(127, MUCH + 1)), 1009),
    "a frame of 2^63 bytes": (frame(BINARY, length=(127, 1 << 63)), (1002, 1009)),
    "a frame of 2^64 - 1 bytes": (frame(TEXT, length=(127, (1 << 64) - 1)), (1002, 1009)),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("way", ["at once", "byte by byte"])
def test_wrong(connection: RawConnection, name: str, way: str) -> None:
    """Who breaks a rule is told by one close frame, and nothing more is said or heard."""
    data, wanted = WRONG[name]
    if way == "at once":
        connection.send(data + frame(PING, b"too late"))
    else:
        # The server may have failed the connection before all of it has come (RFC 6455, 7.1.7).
        with contextlib.suppress(ConnectionError):
            for at in range(len(data)):
                connection.send(data[at : at + 1])
    codes = (wanted,) if isinstance(wanted, int) else wanted
    while (one := connection.receive()).opcode != CLOSE:
        assert one.payload != b"too late"
    assert one.code in codes
    # The server has failed the connection (RFC 6455, 7.1.7), and need not wait for the answer.
    with contextlib.suppress(ConnectionError):
        connection.send(closing(one.code or 1002))
        assert connection.rest() == []


# ---- Closing

CLOSES = {
    "nothing": (b"", None),
    **{
        str(code): (code.to_bytes(2, "big"), code)
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    },
    "a reason": (b"\x03\xe8" + "ὑψόθεν".encode(), 1000),
    "a reason of 123 bytes": (b"\x03\xe8" + b"x" * 123, 1000),
    "half a code": (b"\x03", 1002),
    "a reason that is no UTF-8": (b"\x03\xe8\xce\xba\xed\xa0\x80", 1007),
    **{
        str(code): (code.to_bytes(2, "big"), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}


@pytest.mark.parametrize("name", CLOSES)
def test_close(connection: RawConnection, name: str) -> None:
    """A close is answered once, by its own code if there is one, and is the end."""
    payload, wanted = CLOSES[name]
    connection.send(frame(CLOSE, payload) + frame(PING, b"too late") + frame(TEXT, QUESTION))
    frames = connection.rest()
    assert frames[-1].opcode == CLOSE
    assert frames[-1].code == wanted
    assert not any(one.opcode in (CLOSE, PONG) or has_answer(one) for one in frames[:-1])


def test_a_close_within_a_message(connection: RawConnection) -> None:
    """What has been begun is given up."""
    connection.send(frame(TEXT, QUESTION[:20], fin=False) + closing(1000))
    assert connection.rest()[-1] == Frame(CLOSE, b"\x03\xe8")


# ---- Limits


@pytest.mark.parametrize("size", [125, 126, 127, 65535, 65536, 1 << 20, MUCH - 4096])
@pytest.mark.parametrize("piece", [MUCH, 1 << 16])
def test_sizes(connection: RawConnection, size: int, piece: int) -> None:
    """Messages of every size come through, up to the limit."""
    question = QUESTION + b" " * max(0, size - len(QUESTION))
    connection.send(in_pieces(question, piece))
    until_answer(connection)


def test_fragments_that_are_too_much(connection: RawConnection) -> None:
    """The limit is the message's, not the frame's."""
    piece = b"x" * (MUCH // 4)
    connection.send(frame(BINARY, piece, fin=False))
    for _ in range(3):
        connection.send(frame(CONTINUATION, piece, fin=False))
    connection.send(frame(CONTINUATION, b"x"))
    while (one := connection.receive()).opcode != CLOSE:
        pass
    assert one.code == 1009


# ---- The handshake


def handshake(server: Server, path: str, *lines: str, verb: str = "GET") -> int:
    """The status of an answer, which is the connection's last unless it opens a WebSocket."""
    with RawConnection(server.port) as connection:
        connection.send("\r\n".join([f"{verb} {path} HTTP/1.1", *lines, "\r\n"]).encode())
        status, headers, _ = connection.answer()
        if status != 101:
            assert headers["connection"] == "close"
            assert connection.rest() == []
        return status


KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
ASKED = ("Host: localhost", "Upgrade: websocket", "Connection: Upgrade")


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ((*ASKED, "Sec-WebSocket-Version: 13", KEY), 101),
        (
            (
                *("Host: localhost", "Upgrade: WebSocket", "Connection: keep-alive, UPGRADE"),
                *("Sec-WebSocket-Version: 13", KEY),
            ),
            101,
        ),
        ((*ASKED, KEY), 400),
        ((*ASKED, "Sec-WebSocket-Version: 12", KEY), 400),
        ((*ASKED, "Sec-WebSocket-Version: 13"), 400),
        ((*ASKED, "Sec-WebSocket-Version: 13", KEY, KEY), 400),
        (("Host: localhost", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY), 400),
        (("Host: localhost", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings"), 400),
        ((*ASKED, "Upgrade: h2c", "Sec-WebSocket-Version: 13", KEY), 400),
        ((*ASKED, "Sec-WebSocket-Version: 13", KEY, "Origin: http://evil.example"), None),
    ],
)
def test_handshakes(server: Server, path: str, lines: tuple[str, ...], wanted: int | None) -> None:
    """What is no handshake gets an answer, and the end: another protocol might follow it."""
    status = handshake(server, path, *lines)
    assert wanted is None or status == wanted


@pytest.mark.parametrize("verb", ["POST", "DELETE", "OPTIONS"])
def test_no_handshake_by_another_verb(server: Server, path: str, verb: str) -> None:
    """A WebSocket is opened by GET."""
    lines = (*ASKED, "Sec-WebSocket-Version: 13", KEY, "Content-Length: 0")
    assert handshake(server, path, *lines, verb=verb) in (200, 405)


def test_a_declined_handshake_with_a_body(server: Server, path: str) -> None:
    """The body is not taken for a request."""
    lines = (*ASKED, "Sec-WebSocket-Version: 12", KEY, "Content-Length: 39")
    with RawConnection(server.port) as connection:
        head = "\r\n".join([f"GET {path} HTTP/1.1", *lines, "\r\n"])
        connection.send(head.encode() + b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n ")
        assert connection.answer()[0] == 400
        assert connection.rest() == []


def used(connection: RawConnection, count: int = 3) -> None:
    """Has requests answered over a connection, as a proxy does that keeps connections open."""
    for _ in range(count):
        connection.send(b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.answer()[0] == 200


def test_an_upgrade_on_a_connection_in_use(server: Server, path: str) -> None:
    """Any request opens a WebSocket; frames may follow it at once, and a close ends it."""
    head = "\r\n".join([f"GET {path} HTTP/1.1", *ASKED, "Sec-WebSocket-Version: 13", KEY, "\r\n"])
    with RawConnection(server.port) as connection:
        used(connection)
        connection.send(head.encode() + frame(PING, b"early") + frame(TEXT, QUESTION))
        status, headers, _ = connection.answer()
        assert status == 101
        assert headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert [one.payload for one in until_answer(connection)] == [b"early"]
        connection.send(closing(1000))
        assert connection.rest()[-1].code == 1000


def test_an_upgrade_behind_unanswered_requests(server: Server, path: str) -> None:
    """The answers come in order, and the WebSocket's frames behind them."""
    plain = b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = "\r\n".join([f"GET {path} HTTP/1.1", *ASKED, "Sec-WebSocket-Version: 13", KEY, "\r\n"])
    with RawConnection(server.port) as connection:
        connection.send(plain * 5 + head.encode() + frame(TEXT, QUESTION))
        assert [connection.answer()[0] for _ in range(6)] == [200] * 5 + [101]
        until_answer(connection)


def test_a_declined_upgrade_on_a_connection_in_use(server: Server) -> None:
    """It is answered, and is the connection's last."""
    lines = (*ASKED, "Sec-WebSocket-Version: 13", KEY)
    with RawConnection(server.port) as connection:
        used(connection)
        connection.send("\r\n".join(["GET /api/kernels HTTP/1.1", *lines, "\r\n"]).encode())
        status, headers, _ = connection.answer()
        assert (status, headers["connection"]) == (403, "close")
        assert connection.rest() == []


def test_much_over_a_connection_in_use(server: Server, path: str) -> None:
    """A large message and many small ones pass, and a client that breaks a rule is told."""
    with RawConnection(server.port) as connection:
        used(connection)
        connection.open(path)
        connection.send(frame(TEXT, QUESTION + b" " * (MUCH // 2)))
        until_answer(connection)
        connection.send(frame(PING, b"x") * 1000 + frame(TEXT, QUESTION))
        assert [one.payload for one in until_answer(connection)] == [b"x"] * 1000
        connection.send(frame(TEXT, b"{}", mask=None))
        assert connection.rest()[-1].code == 1002


def test_frames_right_behind_the_handshake(server: Server, path: str) -> None:
    """A client need not wait for the answer to say something."""
    head = "\r\n".join([f"GET {path} HTTP/1.1", *ASKED, "Sec-WebSocket-Version: 13", KEY, "\r\n"])
    with RawConnection(server.port) as connection:
        connection.send(head.encode() + frame(PING, b"early") + frame(TEXT, QUESTION))
        assert connection.answer()[0] == 101
        assert [one.payload for one in until_answer(connection)] == [b"early"]


@pytest.mark.parametrize("since", ["abc", "-1", "%2B1", "1e3", "", "%201", "9" * 20, "%EF%BC%91"])
def test_a_place_that_is_none(server: Server, path: str, since: str) -> None:
    """A client that says nonsense of what it has is told so, and does not miss the rest."""
    lines = (*ASKED, "Sec-WebSocket-Version: 13", KEY)
    assert handshake(server, f"{path}&since={since}", *lines) == 400
    for part in ("channels", "events"):
        where = path.replace("/channels?", f"/{part}?")
        refused = server.get(f"{where}&since={since}")
        assert refused.status_code == 400
        assert refused.json()["reason"] == "bad_sequence"
    last = {"Last-Event-ID": "+1"}
    assert server.get(path.replace("/channels?", "/events?"), headers=last).status_code == 400


@pytest.mark.parametrize("since", ["0", "007", str(2**64 - 1)])
def test_a_place_that_is_one(server: Server, path: str, since: str) -> None:
    """Every number of 64 bits is one."""
    with RawConnection(server.port) as connection:
        connection.open(f"{path}&since={since}")
        connection.send(frame(PING, b"x"))
        while (one := connection.receive()).opcode != PONG:
            pass
        assert one.payload == b"x"
    events = server.get(f"{path.replace('/channels?', '/events?')}&since={since}")
    assert events.status_code == 200
