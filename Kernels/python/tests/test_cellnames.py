"""Tests of the names of cells."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from husk_kernel import cellnames


def reference(data: bytes, seed: int) -> int:
    """Hash byte by byte, as the algorithm's description has it."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    value, length = seed ^ len(data), len(data)
    while length >= 4:
        word = data[0] | data[1] << 8 | data[2] << 16 | data[3] << 24
        word = word * multiplier & mask
        word ^= word >> 24
        word = word * multiplier & mask
        value = value * multiplier & mask
        value ^= word
        data, length = data[4:], length - 4
    if length == 3:
        value ^= data[2] << 16
    if length >= 2:
        value ^= data[1] << 8
    if length >= 1:
        value ^= data[0]
        value = value * multiplier & mask
    value ^= value >> 13
    value = value * multiplier & mask
    return value ^ value >> 15


@pytest.mark.parametrize("code", ["", "a", "ab", "abc", "abcd", "pass", "é🐚" * 5, "x = 1\n" * 99])
def test_hash(code: str) -> None:
    """It is what a debugger's client computes."""
    data = code.encode()
    assert cellnames.murmur2(data, cellnames.HASH_SEED) == reference(data, cellnames.HASH_SEED)


def test_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins and ends as a client is told, unless the environment fixes it."""
    monkeypatch.delenv("IPYKERNEL_CELL_NAME", raising=False)
    name = cellnames.file_name("pass")
    assert name.startswith(cellnames.prefix())
    assert name.endswith(cellnames.SUFFIX)
    monkeypatch.setenv("IPYKERNEL_CELL_NAME", "<cell>")
    assert cellnames.file_name("pass") == "<cell>"
