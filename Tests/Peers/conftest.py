"""Fixtures: an installed kernelspec, kernels that are ended after each test, and their clients."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from playwright.sync_api import Browser, sync_playwright

from peers.husk import BINARIES, PEER_KERNEL, PYTHON, SECOND_PYTHON, Husk
from peers.kernel import Kernel
from peers.processes import end_keeper
from peers.reference import Reference
from peers.server import Server
from peers.users import Users
from peers.wire import Client

StartKernel = Callable[..., Kernel]

BEHIND_SERVER = bool(os.environ.get("HUSK_TEST_SERVER"))
"""Whether a server runs on the session's state directory, and so runs the kernels of the tests."""

CHROMIUM = Path("/usr/bin/chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On another kernel, leaves out what only Husk promises."""
    if PEER_KERNEL is None:
        return
    reason = pytest.mark.skip(reason=f"{PEER_KERNEL} does not promise this")
    for item in items:
        if item.get_closest_marker("husk"):
            item.add_marker(reason)


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """A folder with a short path: unix sockets live in it."""
    folder = Path(tempfile.mkdtemp(prefix="husk-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def husk(base: Path) -> Iterator[Husk]:
    """Husk, with a state directory of this session's own."""
    if PEER_KERNEL is None:
        missing = [path for path in (BINARIES / "husk", PYTHON) if not path.exists()]
        if missing:
            pytest.exit(f"make build makes what is missing: {missing[0]}", returncode=2)
    husk = Husk(base / "state")
    server = Server(husk, base) if BEHIND_SERVER else None
    yield husk
    if server:
        assert server.stop() == 0, server.log
    end_keeper(husk.state)


@pytest.fixture(scope="session")
def users(husk: Husk, base: Path) -> Iterator[Users]:
    """Husk as root and as an ordinary user."""
    users = Users(husk, base)
    yield users
    for installed, _ in users.made:
        end_keeper(installed.state)


@pytest.fixture(scope="session")
def jupyter_path(husk: Husk, base: Path) -> Path:
    """A JUPYTER_PATH with `husk-python`, and `husk-second` when there is a second CPython."""
    prefix = base / "prefix"
    specs = [("husk-python", PYTHON)]
    if SECOND_PYTHON.exists():
        specs.append(("husk-second", SECOND_PYTHON))
    for name, python in specs:
        done = husk.run("install", "--prefix", prefix, "--name", name, "--python", python)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    return prefix / "share/jupyter"


@pytest.fixture(scope="session")
def kernel_name() -> str:
    """Name of the kernelspec under test."""
    return PEER_KERNEL or "husk-python"


@pytest.fixture(scope="session")
def jupyter_environment(request: pytest.FixtureRequest, husk: Husk) -> Iterator[dict[str, str]]:
    """Makes this process, and what it starts, find the kernelspec under test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUSK_STATE", str(husk.state))
        patch.setenv("XDG_DATA_HOME", str(husk.state.parent / "data"))
        patch.setenv("IPYTHONDIR", str(husk.state.parent / "ipython"))
        if PEER_KERNEL is None:
            patch.setenv("JUPYTER_PATH", str(request.getfixturevalue("jupyter_path")))
        yield dict(os.environ)


@pytest.fixture(scope="session")
def kernel_command(kernel_name: str, jupyter_environment: dict[str, str]) -> list[str]:
    """Command line of the kernelspec under test."""
    command = list(KernelSpecManager().get_kernel_spec(kernel_name).argv)
    if command[0] in ("python", "python3"):
        command[0] = sys.executable
    return command


@pytest.fixture
def start_kernel(
    kernel_command: list[str], jupyter_environment: dict[str, str], tmp_path: Path
) -> Iterator[StartKernel]:
    """Starts kernels, with more options if wanted, that end with the test."""
    started: list[Kernel] = []

    def start(*options: str, env: dict[str, str] | None = None, **settings: object) -> Kernel:
        environment = jupyter_environment | (env or {})
        kernel = Kernel([*kernel_command, *options], tmp_path, environment, **settings)
        started.append(kernel)
        return kernel

    yield start
    for kernel in started:
        kernel.stop()


@pytest.fixture
def kernel(start_kernel: StartKernel) -> Kernel:
    """A fresh kernel."""
    return start_kernel()


@pytest.fixture
def client(kernel: Kernel) -> Client:
    """A client of a fresh kernel, that has heard it."""
    return kernel.client()


@pytest.fixture(scope="module")
def shared_kernel(
    kernel_command: list[str],
    jupyter_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Kernel]:
    """One kernel for the tests of a module that leave it as they found it."""
    with Kernel(kernel_command, tmp_path_factory.mktemp("kernel"), jupyter_environment) as kernel:
        yield kernel


@pytest.fixture
def shared(shared_kernel: Kernel) -> Iterator[Client]:
    """A client of the module's kernel."""
    client = shared_kernel.client()
    yield client
    client.close()


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest,
    husk: Husk,
    base: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """One `husk serve` for the module, with a state directory of its own."""
    name = request.module.__name__.removeprefix("test_")
    own = husk.with_state(base / name)
    server = Server(own, tmp_path_factory.mktemp(name))
    yield server
    assert server.stop() == 0, server.log
    end_keeper(own.state)


@pytest.fixture
def own_server(husk: Husk, base: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own."""
    own = husk.with_state(base / tmp_path.name)
    server = Server(own, tmp_path)
    yield server
    server.stop()
    assert "Fatal error" not in server.log
    end_keeper(own.state)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    """One Jupyter Server for the module."""
    reference = Reference(tmp_path_factory.mktemp("reference"))
    yield reference
    reference.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless Chromium for the module."""
    with sync_playwright() as playwright:
        # Root has no sandbox of Chromium's; the only pages are our own.
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()
