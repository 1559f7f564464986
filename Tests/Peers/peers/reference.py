"""Jupyter Server itself, to compare answers with."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from peers.kernel import unused_ports
from peers.waiting import wait_until


class Reference:
    """A running Jupyter Server with a folder and a configuration of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.token = secrets.token_hex(16)
        (self.port,) = unused_ports(1)
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
                *(f"--port={self.port}", f"--ServerApp.root_dir={self.root}"),
                *(f"--IdentityProvider.token={self.token}", *options),
            ],
            env=os.environ | {name: str(folder / name.lower()) for name in names},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, 30, "Jupyter Server")

    def _answers(self) -> bool:
        assert self.process.poll() is None
        try:
            return requests.get(f"{self.url}/api", timeout=5).ok
        except requests.ConnectionError:
            return False

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, **settings: Any) -> requests.Response:  # noqa: ANN401
        """Asks with the token."""
        headers = {"Authorization": f"token {self.token}"} | settings.pop("headers", {})
        return requests.request(method, self.url + path, headers=headers, timeout=60, **settings)

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait(20)
