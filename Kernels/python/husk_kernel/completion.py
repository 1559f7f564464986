"""Completion and inspection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.utils.tokenutil import token_at_cursor

if TYPE_CHECKING:
    from .shell import ZMQInteractiveShell


def complete(shell: ZMQInteractiveShell, code: str, position: int) -> dict[str, Any]:
    """Answer a complete request; positions count Unicode characters."""
    with provisionalcompleter():
        found = list(rectify_completions(code, shell.Completer.completions(code, position)))
    typed = [
        {
            "start": item.start,
            "end": item.end,
            "text": item.text,
            "type": item.type,
            "signature": item.signature,
        }
        for item in found
    ]
    start, end = (found[0].start, found[0].end) if found else (position, position)
    return {
        "status": "ok",
        "matches": [item.text for item in found],
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {"_jupyter_types_experimental": typed},
    }


def inspect(
    shell: ZMQInteractiveShell, code: str, position: int, detail: int, omitted: list[str]
) -> dict[str, Any]:
    """Answer an inspect request."""
    reply: dict[str, Any] = {"status": "ok", "found": False, "data": {}, "metadata": {}}
    name = token_at_cursor(code, position)
    try:
        data = shell.object_inspect_mime(name, detail_level=detail, omit_sections=omitted)
    except KeyError:
        return reply
    if not shell.enable_html_pager:
        data.pop("text/html", None)
    return {**reply, "found": True, "data": data}
