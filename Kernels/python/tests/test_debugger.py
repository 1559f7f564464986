"""What the debugger's adapter says reaches clients, or is said to be lost."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from husk_kernel.debugger import Debugger


def test_events_that_cannot_be_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """The thread that reads the adapter's messages goes on."""

    def send(kind: str, content: object) -> None:
        raise RecursionError("nested too deeply")

    debugger = object.__new__(Debugger)
    debugger._kernel = SimpleNamespace(send=send)
    debugger._stopped = set()
    debugger._take_event({"event": "output", "body": {}})
    assert "nested too deeply" in capsys.readouterr().err
