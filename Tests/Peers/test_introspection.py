"""Completion, inspection, history."""

from __future__ import annotations

import re

import pytest

from peers.wire import Client


def test_complete_counts_code_points(shared: Client) -> None:
    """Cursor positions count code points, also behind those that UTF-16 writes in two units."""
    shared.run_ok("some_long_name = 1")
    code = "'🐚é' + some_long_n"
    reply, _ = shared.request("complete_request", {"code": code, "cursor_pos": len(code)})
    found = reply.content
    assert "some_long_name" in found["matches"]
    assert (found["cursor_start"], found["cursor_end"]) == (code.index("some"), len(code))


def test_complete_in_the_middle(shared: Client) -> None:
    """Text behind the cursor takes no part."""
    reply, _ = shared.request("complete_request", {"code": "zi + 1", "cursor_pos": 2})
    assert "zip" in reply.content["matches"]
    assert reply.content["cursor_start"] == 0


def test_inspect(shared: Client) -> None:
    """What is known is described; what is not is not found, which is no error."""
    shared.run_ok("def documented(a, b=2):\n    'Says what it is.'\n    return a")
    request = {"code": "documented(1)", "cursor_pos": 4, "detail_level": 0}
    reply, _ = shared.request("inspect_request", request)
    assert reply.content["found"] is True
    assert "Says what it is." in reply.content["data"]["text/plain"]
    request["detail_level"] = 1
    reply, _ = shared.request("inspect_request", request)
    source = re.sub(r"\x1b\[[0-9;]*m", "", reply.content["data"]["text/plain"])
    assert "return a" in source
    nothing = {"code": "nothing_here", "cursor_pos": 3}
    reply, _ = shared.request("inspect_request", nothing)
    assert (reply.content["status"], reply.content["found"]) == ("ok", False)
    assert reply.content["data"] == {}


@pytest.mark.parametrize(
    ("code", "status", "indent"),
    [
        ("1 + 1", "complete", None),
        ("for n in range(3):", "incomplete", "    "),
        ("x = (", "incomplete", ""),
        ("import = 7q", "invalid", None),
    ],
)
def test_is_complete(shared: Client, code: str, status: str, indent: str | None) -> None:
    """What a console does at the end of a line."""
    reply, _ = shared.request("is_complete_request", {"code": code})
    assert reply.content["status"] == status
    if indent:
        assert reply.content["indent"] == indent


def test_history(client: Client) -> None:
    """Tail, range and search, with and without outputs."""
    for code in ("zq = 1", "zq + 1", "b = 2", "zq + 1"):
        client.run_ok(code)

    def history(**query: object) -> list[list[object]]:
        reply, _ = client.request("history_request", {"raw": True, "output": False, **query})
        return reply.content["history"]

    tail = history(hist_access_type="tail", n=2)
    assert [entry[1:] for entry in tail] == [[3, "b = 2"], [4, "zq + 1"]]
    ranged = history(hist_access_type="range", session=0, start=1, stop=3)
    assert [entry[2] for entry in ranged] == ["zq = 1", "zq + 1"]
    with_output = history(hist_access_type="range", session=0, start=2, stop=3, output=True)
    assert with_output[0][2] == ["zq + 1", "2"]
    found = history(hist_access_type="search", pattern="zq*", n=10, unique=True)
    assert [entry[2] for entry in found] == ["zq = 1", "zq + 1"]
