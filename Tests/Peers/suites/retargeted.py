"""Points the tests of Jupyter Server at a server that runs already: a plugin of pytest.

Their fixtures make a server in the tests' own process, and clients for it. Here the clients are for
the server that `HUSK_SUITE_URL` names, with `HUSK_SUITE_TOKEN`, which serves `HUSK_SUITE_ROOT`. A
test that reaches for an object of the server's is skipped, and says for which.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from tornado.httpclient import AsyncHTTPClient

URL = os.environ["HUSK_SUITE_URL"]
TOKEN = os.environ["HUSK_SUITE_TOKEN"]
ROOT = Path(os.environ["HUSK_SUITE_ROOT"])

CLIENTS = {"jp_fetch", "jp_ws_fetch"}
"""Fixtures of the tests that ask a server."""

INNER = {
    "event_logger",
    "event_logger_sink",
    "identity_provider",
    "init_gateway",
    "jp_configurable_serverapp",
    "password_identity_provider",
}
"""Fixtures that make or change a server in the tests' process."""

VARIANTS = ("jp_argv", "jp_server_config")
"""Fixtures with variants of a server that is not made here: one of them is as good as all."""


class Stranger:
    """Stands for an object of the server's; whoever asks it for more than it knows is skipped."""

    def __init__(self, name: str, **known: object) -> None:
        vars(self).update(known, _name=name)

    def __getattr__(self, name: str) -> object:
        return pytest.skip(f"reaches into the server: {self._name}.{name}")

    def __setattr__(self, name: str, value: object) -> None:
        pytest.skip(f"changes the server: {self._name}.{name}")


class KernelManager(Stranger):
    """Stands for the server's kernel manager: none of its kernels is pending."""

    def get_kernel(self, kernel: str) -> object:
        """A kernel that is there, and has nothing to say."""
        return object()


class Client:
    """Asks the server, in place of the client of the tests' own one."""

    def __init__(self) -> None:
        self._client = AsyncHTTPClient(force_instance=True)

    def fetch(self, path: str, **settings: Any) -> Any:  # noqa: ANN401
        """Asks for a path."""
        return self._client.fetch(URL + path, **settings)

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()


def ask(method: str, path: str) -> requests.Response:
    """Asks the server outside of a test."""
    return requests.request(
        method, URL + path, headers={"Authorization": f"token {TOKEN}"}, timeout=20
    )


class Fixtures:
    """Comes after the fixtures that it is for: the last plugin's are taken."""

    @pytest.fixture
    def jp_base_url(self) -> str:
        """Where the server's paths begin."""
        return "/"

    @pytest.fixture
    def jp_http_port(self) -> int:
        """Where it listens."""
        port = urlsplit(URL).port
        assert port is not None
        return port

    @pytest.fixture
    def jp_auth_header(self) -> dict[str, str]:
        """What lets a client in."""
        return {"Authorization": f"token {TOKEN}"}

    @pytest.fixture
    def jp_root_dir(self) -> Path:
        """The folder whose files it serves, empty."""
        for path in ROOT.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        return ROOT

    @pytest.fixture
    def jp_serverapp(
        self, jp_argv: object, jp_server_config: object, jp_root_dir: Path
    ) -> Stranger:
        """The server, of which only this much can be known from outside."""
        return Stranger(
            "app",
            base_url="/",
            kernel_manager=KernelManager("kernel_manager", use_pending_kernels=False),
            root_dir=str(jp_root_dir),
            web_app=Stranger("web_app", settings={"base_url": "/"}),
        )

    @pytest.fixture
    def http_server_client(self) -> Iterator[Client]:
        """The client beneath `jp_fetch`."""
        client = Client()
        yield client
        client.close()

    @pytest.fixture(autouse=True)
    def jp_server_cleanup(self) -> Iterator[None]:
        """Ends what a test has left."""
        yield
        for kind, name in (("sessions", "id"), ("kernels", "id"), ("terminals", "name")):
            answer = ask("GET", f"/api/{kind}")
            for model in answer.json() if answer.ok else []:
                with suppress(requests.RequestException):
                    ask("DELETE", f"/api/{kind}/{model[name]}")


def pytest_configure(config: pytest.Config) -> None:
    """Has the last word about fixtures, and lets no test fail before it passes."""
    config.addinivalue_line("markers", "flaky: may be tried again, which hides what it finds")
    config.pluginmanager.register(Fixtures(), "retargeted-fixtures")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tests that ask a server, and skips those that make it themselves."""
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        indices = getattr(getattr(item, "callspec", None), "indices", {})
        if not fixtures & CLIENTS or any(indices.get(name) for name in VARIANTS):
            left.append(item)
            continue
        if inner := sorted(fixtures & INNER):
            item.add_marker(pytest.mark.skip(reason=f"changes the server: {', '.join(inner)}"))
        kept.append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept
