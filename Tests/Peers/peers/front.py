"""A real Jupyter Server without kernels of its own: it has those of a `husk serve` behind it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from peers.server import Server
from peers.waiting import wait_until


class Front(Server):
    """A Jupyter Server whose gateway is a `husk serve`. It is asked as that one is.

    It lets everybody in: the client that it has for Python programs opens WebSockets without the
    token that it sends with its other requests. What is behind it has its own token.
    """

    def __init__(self, behind: Server, folder: Path) -> None:
        self.behind = behind
        super().__init__(behind.husk, folder, token="")

    def _spawn(self) -> subprocess.Popen[bytes]:
        home = {
            "HOME": str(self.folder),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "JUPYTER_NO_CONFIG": "1",
        }
        settings = {
            "gateway-url": self.behind.url,
            "GatewayClient.auth_token": self.behind.token,
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.root,
            "IdentityProvider.token": self.token,
            # Without a token it would ask programs for what only its own pages know.
            "ServerApp.disable_check_xsrf": True,
        }
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root"),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                cwd=self.root,
                env=os.environ | home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, 60, "Jupyter Server", 0.05)
        return self.process
