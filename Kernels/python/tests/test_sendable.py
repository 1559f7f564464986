"""What the server does not read is refused before it is sent, and the rest is what jupyter_client sends."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from husk_kernel import sendable
from husk_kernel.channel import decode, encode
from husk_kernel.sendable import MAXIMUM_BUFFERS, MAXIMUM_DEPTH, SERVER_DEPTH, to_json


def tower(levels: int, top: object = 1) -> Any:
    """A list in a list in a list."""
    for _ in range(levels):
        top = [top]
    return top


@pytest.fixture
def deep_recursion() -> Iterator[None]:
    """A Python that follows more levels than the server."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(4 * SERVER_DEPTH)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("deep_recursion")
def test_depth() -> None:
    """The deepest that may be sent, and one level more."""
    for levels, wrap in ((0, lambda top: top), (2, lambda top: {"a": [top, {}], "b": "]}"})):
        assert to_json(wrap(tower(MAXIMUM_DEPTH - levels)))
        with pytest.raises(RecursionError, match=f"{MAXIMUM_DEPTH} levels"):
            to_json(wrap(tower(MAXIMUM_DEPTH - levels + 1)))


def test_what_python_does_not_follow() -> None:
    """Its own refusal says what to do too."""
    with pytest.raises(RecursionError, match="flatten it"):
        to_json(tower(100_000))
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(RecursionError):
        to_json(circle)


@pytest.mark.parametrize(
    "value",
    [
        "[" * 5000,
        ['"[' * 5000, '\\"{' * 5000],
        [[{}] * 2, "[" * 3] * 3000,
        {'"[\\': ["\\" * 2001 + '"[[' * 1000]},
        tower(450, [tower(400)] * 3),
    ],
    ids=range(5),
)
@pytest.mark.usefixtures("deep_recursion")
def test_many_brackets_are_not_deep(value: object) -> None:
    """Those of texts do not count, nor those beside each other."""
    assert json.loads(to_json(value)) == value


@pytest.mark.parametrize("digits", [0, 4300, 10_000])
def test_long_numbers(digits: int) -> None:
    """One that clients cannot read is refused, however long Python lets it be; in a text it is a text."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(digits)
    try:
        for good in (10**4299, -(10**4298), {"a": ["-" + "1" * 5000, f"pi = {'3' * 5000}"]}):
            assert json.loads(to_json(good)) == good
        for bad in (10**4300, -(10**4299), [1, {"a": -(10**4299)}]):
            with pytest.raises(ValueError, match="4300"):
                to_json(bad)
    finally:
        sys.set_int_max_str_digits(before)


def test_buffers_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many buffers as the server takes apart, and as many bytes."""
    part = memoryview(b"x")
    sendable.check_buffers([part] * MAXIMUM_BUFFERS)
    with pytest.raises(ValueError, match="4092 buffers"):
        sendable.check_buffers([part] * (MAXIMUM_BUFFERS + 1))
    monkeypatch.setattr(sendable, "MAXIMUM_MESSAGE", 100)
    # Four lengths and their number.
    encode("x", b"{}", b"y" * (100 - 20 - 3), [])
    with pytest.raises(ValueError, match="MiB"):
        encode("x", b"{}", b"y" * (100 - 20 - 2), [])
    with pytest.raises(ValueError, match="MiB"):
        sendable.check_buffers([memoryview(b"x" * 101)])


@pytest.mark.parametrize("value", [5, [1], "text", None])
def test_contents_are_objects(value: object) -> None:
    """The server reads no others."""
    with pytest.raises(TypeError, match="must be a dict"):
        sendable.check_object(value, "content")


def test_deep_requests_are_read() -> None:
    """The server's limit counts, not that of the code that happens to run."""
    content = b'{"a":' + b"[" * (SERVER_DEPTH - 1) + b"]" * (SERVER_DEPTH - 1) + b"}"
    before = sys.getrecursionlimit()
    message = decode(encode("comm_msg", b"{}", content, []), 1)
    assert sys.getrecursionlimit() == before
    assert list(message.content) == ["a"]


class _Integral:
    """As numpy's numbers, which are known as keys too."""

    def __str__(self) -> str:
        return "7"


class _Numbers:
    def tolist(self) -> list[float]:
        return [1.0, math.nan]


KEYS = [
    ({_Integral(): 1}, {"7": 1}),
    ({(1, 2): 3}, {"(1, 2)": 3}),
    ({date(2020, 1, 2): {("a",): (1,)}}, {"2020-01-02": {"('a',)": [1]}}),
    ({1: 2, None: 3, 1.5: 4}, {"1": 2, "null": 3, "1.5": 4}),
]


@pytest.mark.parametrize(("value", "expected"), KEYS)
def test_keys_become_text(value: object, expected: object) -> None:
    """As in ipykernel; those that JSON has as JSON has them."""
    assert json.loads(to_json(value)) == expected


def test_keys_that_would_be_one() -> None:
    """Nothing is lost without a word."""
    with pytest.raises(ValueError, match="key collision"):
        to_json({(1,): 1, "(1,)": 2})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2020-01-02T03:04:05.000006Z"),
        (datetime(2020, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2020-01-02T00:00:00+02:00"),
        (date(2020, 1, 2), "2020-01-02"),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.items(), [["a", 1]]),
        (frozenset({1}), [1]),
        (Fraction(1, 2), 0.5),
        (_Numbers(), [1.0, "nan"]),
        (bytearray(b"ab"), "YWI="),
    ],
)
def test_values(value: object, expected: object) -> None:
    """What JSON has no word for is what jupyter_client makes of it."""
    assert json.loads(to_json({"a": [value]})) == {"a": [expected]}


def test_times_without_a_zone_are_local() -> None:
    """They say so."""
    value = datetime(2020, 7, 1, 12)
    text = json.loads(to_json([value]))[0]
    assert datetime.fromisoformat(text) == value.astimezone()
    assert json.loads(to_json([datetime.min])) != []


def test_generators_are_read_once() -> None:
    """Also when the encoding begins anew, for a name or a number that JSON does not have."""
    value = {"a": (number for number in (1, math.nan)), (1,): 2}
    assert json.loads(to_json(value)) == {"a": [1, "nan"], "(1,)": 2}


def test_the_rest_is_shown() -> None:
    """A representation, where ipykernel fails."""
    assert json.loads(to_json([1j, ...])) == ["1j", "Ellipsis"]
