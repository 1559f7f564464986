"""Gives the server of Jupyter Server's own tests a gateway: a plugin of pytest.

The server is made in the tests' process, as ever. Its kernels are those of the `husk serve` that
`HUSK_SUITE_URL` names.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

URL = os.environ["HUSK_SUITE_URL"]
TOKEN = os.environ["HUSK_SUITE_TOKEN"]

CLIENTS = {"jp_fetch", "jp_ws_fetch"}
"""Fixtures of the tests that ask a server."""

VARIANTS = ("jp_argv", "jp_server_config")
"""Fixtures that choose how a server manages its own kernels, of which it has none here."""


class Fixtures:
    """Comes after the fixtures that it is for: the last plugin's are taken."""

    @pytest.fixture
    def jp_serverapp(
        self,
        jp_server_config: dict[str, object],
        jp_argv: list[str],
        jp_configurable_serverapp: Callable[..., ServerApp],
    ) -> ServerApp:
        """A server with a gateway."""
        config = Config(jp_server_config)
        config.ServerApp.pop("kernel_manager_class", None)
        config.GatewayClient.url = URL
        config.GatewayClient.auth_token = TOKEN
        # The last test's client is still there: its server's end comes after its fixtures'.
        GatewayClient.clear_instance()
        return jp_configurable_serverapp(config=config, argv=jp_argv)


def pytest_configure(config: pytest.Config) -> None:
    """Has the last word about fixtures, and lets no test fail before it passes."""
    config.addinivalue_line("markers", "flaky: may be tried again, which hides what it finds")
    config.pluginmanager.register(Fixtures(), "fronted-fixtures")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tests that ask a server, with one of the ways to manage kernels."""

    def is_left(item: pytest.Item) -> bool:
        indices = getattr(getattr(item, "callspec", None), "indices", {})
        asks = CLIENTS & set(getattr(item, "fixturenames", ()))
        return not asks or any(indices.get(name) for name in VARIANTS)

    left = [item for item in items if is_left(item)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
