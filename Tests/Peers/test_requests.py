"""Odd requests of `husk serve`: what is refused, with which words, and what is not done then."""

from __future__ import annotations

import pytest

from peers.server import Server, text

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

# ---- Paths that no file can have

TOO_LONG = "x/" * 100_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/kernels", {"path": TOO_LONG}),
        ("/api/sessions", {"path": TOO_LONG, "type": "notebook"}),
        ("/api/terminals", {"cwd": TOO_LONG}),
        ("/api/contents", {"copy_from": TOO_LONG}),
    ],
)
def test_long_paths_in_bodies(server: Server, path: str, body: dict[str, str]) -> None:
    """They are those of nothing, and nobody waits for that to be found out."""
    refused = server.post(path, body)
    assert refused.status_code == 404
    assert "longer than 4095 bytes" in refused.json()["message"]
    assert len(refused.content) < 300
    assert server.get("/api/kernels").json() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH"])
def test_long_paths_in_urls(server: Server, method: str) -> None:
    """The same of every method."""
    body = {"type": "directory", "path": "y"}
    refused = server.request(method, "/api/contents/" + TOO_LONG[:10_000], json=body)
    assert refused.status_code == 404
    assert "longer than 4095 bytes" in refused.json()["message"]


def test_deep_paths(server: Server) -> None:
    """A kernel starts in the root when no folder on its path is there."""
    kernel = server.start_kernel(path="x/" * 2047)
    channels = server.channels(kernel)
    assert text(channels.run("import os; print(os.getcwd())")) == f"{server.root}\n"
    channels.close()
    server.delete(f"/api/kernels/{kernel}")
