"""Damage to inputs in the ways that find mistakes of parsers, as Tests/FuzzTests has it."""

from __future__ import annotations

import random
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / "FuzzTests" / "Corpus"

EDGES = [
    *(b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\r\n", b"\r\n\r\n", b"\n", b":"),
    *(b" ", b"\t", b"\0", b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n", b"%00"),
    *(b"0\r\n\r\n", b"-1", b"99999999999999999999", b"\xc3", b"\xed\xa0\x80", b"[[[[", b'"'),
]


def corpus(parser: str) -> list[bytes]:
    """The inputs of a parser's folder, in the order of their names."""
    return [path.read_bytes() for path in sorted((CORPUS / parser).iterdir())]


class Mutator:
    """The same seed gives the same damage."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def damage(self, data: bytes, others: list[bytes]) -> bytes:
        """A damaged copy."""
        choose = self.random
        changed = bytearray(data)
        for _ in range(choose.randint(1, 3)):
            at = choose.randint(0, len(changed))
            match choose.randrange(7):
                case 0 if at < len(changed):
                    changed[at] ^= 1 << choose.randrange(8)
                case 1 if at < len(changed):
                    changed[at] = choose.randrange(256)
                case 2:
                    del changed[at:]
                case 3:
                    del changed[at : at + choose.randint(0, 9)]
                case 4:
                    changed[at:at] = choose.choice(EDGES)
                case 5:
                    changed[at:at] = changed[:at]
                case 6:
                    changed[at:at] = choose.choice(others)[:at]
        # Damage must not grow without end.
        return bytes(changed[: 1 << 16])

    def cut(self, data: bytes) -> list[bytes]:
        """The same in a few pieces."""
        places = sorted(self.random.randint(0, len(data)) for _ in range(self.random.randrange(3)))
        return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
