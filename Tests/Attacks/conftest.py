"""Fixtures: Husk for both kinds of user, and the arena in which attacks are made."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from attacks.arena import Arena
from peers.husk import BINARIES, PYTHON, Husk
from peers.processes import end_keeper
from peers.users import Users

pytest_plugins = ("peers.fixtures",)

KINDS = ("root", "ordinary")


@pytest.fixture(scope="session")
def husk(base: Path) -> Husk:
    """Husk, with a state directory and a copy of the environment of this session's own."""
    missing = [path for path in (BINARIES / "husk", PYTHON) if not path.exists()]
    if missing:
        pytest.exit(f"make build makes what is missing: {missing[0]}", returncode=2)
    environment = base / "environment"
    original = PYTHON.parents[1].resolve()
    if subprocess.run(["cp", "-al", original, environment], check=False).returncode != 0:
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", original, environment], check=True)
    return Husk(base / "state", python=environment / "bin/python3")


@pytest.fixture(scope="session")
def users(husk: Husk, base: Path) -> Iterator[Users]:
    """Husk as root and as an ordinary user."""
    users = Users(husk, base)
    yield users
    for state in {husk.state, *(made.state for made, _ in users.made)}:
        end_keeper(state)


@pytest.fixture(scope="session")
def arena(husk: Husk, users: Users, base: Path) -> Iterator[Arena]:
    """Where attacks are made."""
    arena = Arena(husk, users, base)
    yield arena
    arena.close()


@pytest.fixture
def folder(arena: Arena, kind: str, tmp_path: Path) -> Path:
    """A new folder of the user's."""
    ground = arena.ground(kind)
    folder = ground.folder / tmp_path.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.chown(folder, ground.uid, ground.uid)
    return folder


@pytest.fixture
def lair(arena: Arena, kind: str) -> Path:
    """A folder of the user's that no sandbox is shown."""
    return arena.new_lair(kind)
