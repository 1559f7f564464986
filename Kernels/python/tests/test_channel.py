"""The coding of messages, which the server reads byte by byte."""

from __future__ import annotations

import json
import math
import struct
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from husk_kernel.channel import decode, encode, to_json


def test_parts_come_back() -> None:
    """A message with two buffers, one of them empty."""
    data = encode("display_data", b'{"m":1}', b'{"c":2}', [b"abc", b""])
    message = decode(data, 7)
    assert (message.request, message.type) == (7, "display_data")
    assert (message.header, message.metadata, message.content) == ({}, {"m": 1}, {"c": 2})
    assert message.buffers == [b"abc", b""]


def test_layout_is_the_documented_one() -> None:
    """Count, lengths, parts."""
    assert encode("x", b"{}", b"{}", []) == struct.pack("<5I", 4, 1, 0, 2, 2) + b"x{}{}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": math.nan}, {"a": "nan"}),
        ({"a": [math.inf, 1.5]}, {"a": ["inf", 1.5]}),
        ({"a": b"\x00\xff"}, {"a": "AP8="}),
        ({"a": {1}}, {"a": [1]}),
        ({"a": "é\U0001f600"}, {"a": "é\U0001f600"}),
        ({"a": "\ud800"}, {"a": "\ud800"}),
    ],
)
def test_json_is_what_every_client_reads(value: object, expected: object) -> None:
    """No NaN, no bytes that are not UTF-8."""
    assert json.loads(to_json(value)) == expected


class _Array:
    def tolist(self) -> list[int]:
        return [1, 2]


def test_arrays_become_lists() -> None:
    """As numpy's do."""
    assert json.loads(to_json({"a": _Array()})) == {"a": [1, 2]}
