"""What a Python that cannot be a kernel is told."""

from __future__ import annotations

import importlib.util
import sysconfig
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from husk_kernel import fitness


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this Python lack comm."""
    real = importlib.util.find_spec

    def find(name: str) -> ModuleSpec | None:
        return None if name == "comm" else real(name)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_fit() -> None:
    """This one is."""
    fitness.check("/python")


@pytest.mark.usefixtures("lacking")
def test_missing_package() -> None:
    """In an environment, pip mends it."""
    with pytest.raises(fitness.Unfit, match=r"^/python lacks comm; mend it: /python -m pip install comm$"):
        fitness.check("/python")


@pytest.mark.usefixtures("lacking")
def test_distribution(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the distribution forbids pip, an environment mends it."""
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr("sys.base_prefix", fitness.sys.prefix)
    with pytest.raises(fitness.Unfit, match=r"/python -m venv \.venv && "):
        fitness.check("/python")
