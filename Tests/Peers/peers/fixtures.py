"""Fixtures that the tests against real clients share with the attacks: a plugin of pytest."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.husk import Husk
from peers.processes import end_keeper
from peers.server import Server


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """A folder with a short path: unix sockets live in it."""
    folder = Path(tempfile.mkdtemp(prefix="husk-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_server(husk: Husk, base: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own."""
    own = husk.with_state(base / tmp_path.name)
    server = Server(own, tmp_path)
    yield server
    server.stop()
    assert "Fatal error" not in server.log
    end_keeper(own.state)


@pytest.fixture
def served_kernel(server: Server) -> Iterator[str]:
    """The id of a fresh kernel of the module's server."""
    identifier = server.start_kernel()
    yield identifier
    server.delete(f"/api/kernels/{identifier}")
