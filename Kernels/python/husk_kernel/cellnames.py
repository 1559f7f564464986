"""The names under which cells are compiled: files that a debugger's client can name too."""

from __future__ import annotations

import os
import struct
import tempfile

from IPython.core.compilerop import CachingCompiler

HASH_SEED = 0xC70F6907
"""What a client starts the hash with that leads from a cell to its name."""

SUFFIX = ".py"

_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF


def prefix() -> str:
    """Return what all names begin with; the name is ipykernel's, by which tools know a cell."""
    return os.path.join(tempfile.gettempdir(), f"ipykernel_{os.getpid()}", "")


def file_name(code: str) -> str:
    """Return the name of a cell as a file, which need not exist."""
    return os.environ.get("IPYKERNEL_CELL_NAME") or f"{prefix()}{murmur2(code.encode(), HASH_SEED)}{SUFFIX}"


def murmur2(data: bytes, seed: int) -> int:
    """Return the 32-bit MurmurHash2 of the data."""
    value = seed ^ len(data)
    whole = len(data) & ~3
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        word = word * _MULTIPLIER & _MASK
        value = (value * _MULTIPLIER & _MASK) ^ ((word ^ word >> 24) * _MULTIPLIER & _MASK)
    if rest := data[whole:]:
        value = (value ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _MASK
    value = (value ^ value >> 13) * _MULTIPLIER & _MASK
    return value ^ value >> 15


class CellCompiler(CachingCompiler):
    """Compiles cells under these names."""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return file_name(raw_code)
