"""Lets a client's tests start `husk serve` where they start a container: a plugin of pytest.

It stands in for the Docker daemon, and for the Jupyter Kernel Gateway that the clients' images
have. What the clients do before and after is their own: they wait for the container, ask for
kernels, speak to them over WebSockets, and stop the container.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import NotFound

from peers.husk import Husk
from peers.kernel import unused_ports
from peers.processes import end_keeper

PORT = "8888/tcp"
"""Where a gateway listens in its container."""


class Container:
    """A `husk serve`, as its clients see a container."""

    status = "running"

    def __init__(self, containers: Containers, settings: dict[str, Any]) -> None:
        self._containers = containers
        self.id = uuid.uuid4().hex
        self.short_id = self.id[:12]
        self._folder = Path(tempfile.mkdtemp(prefix="husk-"))
        self._husk = Husk(self._folder / "state")
        given = settings.get("ports", {}).get(PORT)
        self._port = given[1] if given else unused_ports(1)[0]
        self.ports = {PORT: [{"HostIp": "127.0.0.1", "HostPort": str(self._port)}]}
        environment = settings.get("environment", {})
        token = environment.get("KG_AUTH_TOKEN") or environment.get("TOKEN")
        assert token, "a container without a token"
        # The one folder that clients mount is the one that their kernels work in.
        root = next(iter(settings.get("volumes") or {}), None) or self._folder / "root"
        Path(root).mkdir(exist_ok=True)
        command = self._husk.command(
            *("serve", "--port", str(self._port), "--token", token, "--root", root),
            *("--python", self._husk.python),
        )
        self._process = subprocess.Popen(
            command,
            env=self._husk.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert "serves" in said, f"husk serve did not start, and said: {said}"

    def reload(self) -> None:
        """Looks again."""

    def stop(self) -> None:
        """Ends the server and its kernels."""
        self._process.terminate()
        self._process.communicate(timeout=20)
        end_keeper(self._husk.state)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._containers.there.pop(self.id, None)

    def remove(self) -> None:
        """Forgets it."""
        self._containers.there.pop(self.id, None)


class Containers:
    """The containers that there are."""

    def __init__(self) -> None:
        self.there: dict[str, Container] = {}

    def run(self, image: str, **settings: Any) -> Container:  # noqa: ANN401
        """Starts one."""
        container = Container(self, settings)
        self.there[container.id] = container
        return container

    def get(self, identifier: str) -> Container:
        """Finds one."""
        if identifier not in self.there:
            raise NotFound(identifier)
        return self.there[identifier]

    def list(self, **settings: Any) -> list[Container]:  # noqa: ANN401
        """All of them."""
        return list(self.there.values())


class Images:
    """Images, of which every one is there."""

    def get(self, name: str) -> object:
        """Finds one."""
        return object()

    def build(self, **settings: Any) -> tuple[object, list[dict[str, str]]]:  # noqa: ANN401
        """Makes one."""
        return object(), []


class Daemon:
    """The client of a Docker daemon."""

    def __init__(self) -> None:
        self.containers = Containers()
        self.images = Images()

    def ping(self) -> bool:
        """Tells whether it is there."""
        return True


DAEMON = Daemon()


def pytest_configure(config: pytest.Config) -> None:
    """Is what the tests find for a daemon."""
    docker.from_env = lambda: DAEMON


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends what tests have left."""
    for container in DAEMON.containers.list():
        container.stop()
