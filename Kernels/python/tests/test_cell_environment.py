"""Tests of variables that one cell has."""

from __future__ import annotations

import os

import pytest

from husk_kernel.cell_environment import CellEnvironment


def test_set_and_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """New ones go, changed ones come back, also when the cell has changed them itself."""
    monkeypatch.setenv("HUSK_OLD", "before")
    monkeypatch.delenv("HUSK_NEW", raising=False)
    own = CellEnvironment()
    own.set({"HUSK_OLD": "within", "HUSK_NEW": "new"})
    assert (os.environ["HUSK_OLD"], os.environ["HUSK_NEW"]) == ("within", "new")
    os.environ["HUSK_OLD"] = "changed"
    del os.environ["HUSK_NEW"]
    own.reset()
    assert os.environ["HUSK_OLD"] == "before"
    assert "HUSK_NEW" not in os.environ
    os.environ["HUSK_OLD"] = "later"
    own.reset()
    assert os.environ["HUSK_OLD"] == "later"
