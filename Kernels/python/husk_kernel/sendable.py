"""What can be sent: JSON that every client reads, within the limits of the server's reader.

A message beyond a limit ends the kernel, since no correct interpreter sends one: whoever makes one has to
be told before.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import accumulate
from typing import Any

SERVER_DEPTH = 900
"""Levels of JSON that the server passes on. Python's own reader, which most clients have, ends at 1000 calls,
of which its caller has made some."""

MAXIMUM_DEPTH = SERVER_DEPTH - 1
"""Levels of brackets that an interpreter sends: what is in the innermost is a level, too."""

MAXIMUM_MESSAGE = 256 << 20
"""Bytes of a message with all its parts."""

MAXIMUM_BUFFERS = 4096 - 4
"""The server reads 4096 parts; the others are type, header, metadata and content."""

MAXIMUM_DIGITS = 4300
"""Characters of a number, sign and all: what clients in Python read (`sys.set_int_max_str_digits`)."""

EVENTS = frozenset(
    {
        "display_data",
        "update_display_data",
        "execute_result",
        "error",
        "clear_output",
        "comm_open",
        "comm_msg",
        "comm_close",
        "debug_event",
    }
)
"""What can be published; text is written to the streams instead."""

_TOO_DEEP = (
    f"data for clients may be nested {MAXIMUM_DEPTH} levels deep, and as deep as Python's recursion limit "
    "allows: flatten it, or send it as text"
)
_TOO_LARGE = (
    f"a message to clients may have {MAXIMUM_MESSAGE >> 20} MiB with its buffers: "
    "send it in several, or write it to a file"
)
_TOO_MANY = (
    f"a message to clients may have {MAXIMUM_BUFFERS} buffers: put several into one, or send several messages"
)
_TOO_LONG = f"a number for clients may have {MAXIMUM_DIGITS} characters: send it as text"

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_LONG_NUMBER = re.compile(rb"(?<![0-9])(?:-[0-9]{4300}|[0-9]{4301})")
_LONG_NEGATIVE = re.compile(rb"-[0-9]{4300}")
_TEXT_WITH_BRACKETS = re.compile(rb'"[^"]*+"')
_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_AS_STEPS = bytes.maketrans(b"[]", b"\x01\xff")
_NO_MARKS = bytes(set(range(256)) - set(b'{}[]"'))
_ROUNDS = 16


def to_json(value: Any) -> bytes:
    """Encode as JSON, what it cannot hold as jupyter_client does, and the rest as its representation."""
    try:
        data = _encode(value)
    except RecursionError:
        raise RecursionError(_TOO_DEEP) from None
    check_json(data)
    return data


def check_json(data: bytes) -> None:
    """Refuse JSON that the server does not read."""
    if data.count(b"[") + data.count(b"{") > MAXIMUM_DEPTH and _is_too_deep(data):
        raise RecursionError(_TOO_DEEP)
    if len(data) > MAXIMUM_DIGITS and _has_long_number(data):
        raise ValueError(_TOO_LONG)


def check_buffers(buffers: list[memoryview]) -> None:
    """Refuse more of them, or more in them, than the server reads, before they are copied."""
    if len(buffers) > MAXIMUM_BUFFERS:
        raise ValueError(_TOO_MANY)
    if sum(buffer.nbytes for buffer in buffers) > MAXIMUM_MESSAGE:
        raise ValueError(_TOO_LARGE)


def check_size(count: int) -> None:
    """Refuse a message of more bytes than the server reads."""
    if count > MAXIMUM_MESSAGE:
        raise ValueError(_TOO_LARGE)


def check_object(value: object, name: str) -> None:
    """Refuse what is no object in JSON."""
    if not isinstance(value, dict):
        raise TypeError(f"{name} of a message must be a dict, not {type(value).__name__}")


def _is_too_deep(data: bytes) -> bool:
    brackets = _structure(data)
    # Each round takes the innermost level off, everywhere at once: nearly always a few rounds take them all.
    for _ in range(_ROUNDS):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    steps = memoryview(brackets.translate(_AS_STEPS)).cast("b")
    return max(accumulate(steps), default=0) + _ROUNDS > MAXIMUM_DEPTH


def _structure(data: bytes) -> bytes:
    """Return the brackets alone, all of them square."""
    marks = data.replace(rb"\\", b"").replace(rb"\"", b"").translate(_AS_BRACKETS, _NO_MARKS)
    # Most texts have no brackets, and of those only the quotes are left.
    return _TEXT_WITH_BRACKETS.sub(b"", marks.replace(b'""', b""))


def _has_long_number(data: bytes) -> bool:
    limit = sys.get_int_max_str_digits()
    if 0 < limit < MAXIMUM_DIGITS:
        return False
    # Of the numbers that Python writes by itself only negative ones are too long, and those are found fast.
    pattern = _LONG_NEGATIVE if limit == MAXIMUM_DIGITS else _LONG_NUMBER
    return bool(pattern.search(data) and _LONG_NUMBER.search(_STRING.sub(b"", data)))


def _encode(value: Any) -> bytes:
    made: dict[int, tuple[Any, Any]] = {}

    def plain(other: Any) -> Any:
        # Once only: a generator has nothing more to say to the second attempt.
        if id(other) not in made:
            made[id(other)] = other, _plain(other)
        return made[id(other)][1]

    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=plain)
    except (TypeError, ValueError):
        text = json.dumps(_clean(value, plain), ensure_ascii=False, allow_nan=False)
    # What is no Unicode, half a surrogate, becomes what JSON writes for it.
    return text.encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _with_zone(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, (bytes, bytearray, memoryview)):
        import base64

        return base64.b64encode(bytes(value)).decode()
    for name in ("tolist", "isoformat"):
        convert = getattr(value, name, None)
        if callable(convert):
            return convert()
    if isinstance(value, Iterable):
        return list(value)
    import numbers

    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    return repr(value)


def _with_zone(value: datetime) -> datetime:
    # pandas has a time that is no time, and not equal to itself.
    if value.tzinfo is not None or value != value:
        return value
    try:
        plain = datetime(*value.timetuple()[:6], value.microsecond, fold=value.fold)
        return value.replace(tzinfo=plain.astimezone().tzinfo)
    except (OverflowError, ValueError, OSError):
        # Years that no zone is known for.
        return value


def _clean(value: Any, plain: Callable[[Any], Any], depth: int = 0) -> Any:
    """Return it with what JSON has: names that are text, no NaN."""
    if depth > MAXIMUM_DEPTH:
        raise RecursionError(_TOO_DEEP)
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        is_finite = value == value and value not in (float("inf"), float("-inf"))
        return value if is_finite else float.__repr__(value)
    if isinstance(value, dict):
        names = [key if isinstance(key, str) else str(key) for key in value]
        if len(set(names)) != len(names):
            raise ValueError(
                "dict cannot be safely converted to JSON: key collision would lead to dropped values"
            )
        members = [_clean(member, plain, depth + 1) for member in value.values()]
        return dict(zip(names, members, strict=True))
    if isinstance(value, (list, tuple)):
        return [_clean(member, plain, depth + 1) for member in value]
    return _clean(plain(value), plain, depth + 1)
