"""An agent of smolagents whose code runs in `husk serve`, in the place of a container."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from peers.husk import Husk
from peers.waiting import wait_until
from suites import ENVIRONMENT, HERE, PLUGINS, make_environment

# The first run makes an environment.
pytestmark = [pytest.mark.husk, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(base: Path) -> Path:
    """Where everything is that the container has."""
    folder = base / "agent"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def run(husk: Husk, folder: Path) -> dict[str, Any]:
    """What an agent did with its task."""
    make_environment()
    done = subprocess.run(
        [ENVIRONMENT / "bin/python3", PLUGINS / "scripted_agent.py"],
        env=husk.environment
        | {
            "PYTHONPATH": os.pathsep.join([str(PLUGINS), str(HERE)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(folder),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def observed(logs: str, value: object) -> str:
    """What an agent makes of what a step has printed, and of its last value."""
    return f"Execution logs:\n{logs}Last output from code snippet:\n{value}"


ANSWER = {"total": 18, "prices": (3, 4, 5, 6), "é": b"x"}

OBSERVED = [
    observed("bought 3 of 20\n", None),
    observed("adding\n", 12),
    observed("1200\n", None),
    None,
    observed("[3, 4, 5, 6] 1800\n", None),
    None,
    observed("", ANSWER),
]
"""By step; None for one that fails."""


def test_answer(run: dict[str, Any]) -> None:
    """It is a value of the kernel's, as it was there."""
    assert run["state"] == "success"
    assert ast.literal_eval(run["output"]) == ANSWER
    assert [step["is_final_answer"] for step in run["steps"]] == [False] * 6 + [True]


def test_observations(run: dict[str, Any]) -> None:
    """Variables and tools stay from step to step, what is printed and the last value are seen."""
    assert [step["step_number"] for step in run["steps"]] == list(range(1, 8))
    assert [step["observations"] for step in run["steps"]] == OBSERVED
    # The model hears of each step when it is asked for the next one.
    for heard, expected in zip(run["told"][1:], OBSERVED, strict=False):
        if expected:
            assert heard == f"Observation:\n{expected}"


def test_errors(run: dict[str, Any]) -> None:
    """A failed cell's traceback reaches the model, and the next step goes on from there."""
    errors = [step["error"] for step in run["steps"]]
    assert [error and error["type"] for error in errors] == (
        [None] * 3 + ["AgentExecutionError", None, "AgentParsingError", None]
    )
    assert "IndexError" in errors[3]["message"]
    assert "list index out of range" in errors[3]["message"]
    assert errors[3]["message"] in run["told"][4]


def test_nothing_is_left(run: dict[str, Any], folder: Path) -> None:
    """No container, no process, no file."""
    assert run["containers"] == 0
    assert list(folder.iterdir()) == []

    def has_ended() -> bool:
        words = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
        return not any(str(folder) in word for line in words for word in line)

    wait_until(has_ended, 10, "the end of the container's processes")
