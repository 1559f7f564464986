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


# ---- Variables that no kernel can be given

LIMIT = 131_072 - 8192


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"BIG": "x" * 131_069}, ["'BIG'", "131074 bytes", str(LIMIT)]),
        ({"BIG": "é" * 100_000, "A": "b"}, ["'BIG'", "200005 bytes", str(LIMIT)]),
        ({"N" * 300_000: ""}, ["'NNN", "300002 bytes", str(LIMIT)]),
        ({f"V{n:03}": "x" * 1000 for n in range(500)}, ["500 environment", "505000", str(LIMIT)]),
    ],
)
def test_large_environment(server: Server, variables: dict[str, str], words: list[str]) -> None:
    """The variable is named, or all of them are counted, and the limit; nothing is started."""
    refused = server.post("/api/kernels", {"env": variables})
    assert refused.status_code == 400, refused.text
    assert refused.json()["reason"] == "environment_too_large"
    assert all(word in refused.json()["message"] for word in words), refused.text
    assert len(refused.content) < 400
    assert server.get("/api/kernels").json() == []


def test_largest_environment(server: Server) -> None:
    """As much as is said to be possible is, in one variable and in many."""
    one = {"BIG": "x" * (LIMIT - 9)}
    many = {f"V{n:03}": "x" * 1014 for n in range(LIMIT // 1024)}
    for variables in (one, many):
        kernel = server.start_kernel(env=variables)
        channels = server.channels(kernel)
        code = f"import os; print(sum(len(os.environ[n]) for n in {list(variables)}))"
        assert text(channels.run(code)) == f"{sum(map(len, variables.values()))}\n"
        assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
        channels.close()
        server.delete(f"/api/kernels/{kernel}")
