"""What `husk serve` answers about itself, beside what Jupyter Server answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from openapi_spec_validator import validate

from peers.husk import Husk
from peers.processes import end_keeper
from peers.reference import Reference
from peers.server import Server

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    """One Jupyter Server for the module."""
    reference = Reference(tmp_path_factory.mktemp("reference"))
    yield reference
    reference.stop()


@pytest.fixture
def own_server(husk: Husk, base: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own."""
    own = husk.with_state(base / tmp_path.name)
    server = Server(own, tmp_path)
    yield server
    server.stop()
    assert "Fatal error" not in server.log
    end_keeper(own.state)


def compared(answer: requests.Response) -> tuple[object, ...]:
    """What two servers have to answer alike."""
    kind = answer.headers.get("Content-Type", "").split(";")[0] if answer.content else ""
    body: Any = answer.json() if kind == "application/json" else None
    names = ("Content-Security-Policy", "X-Content-Type-Options")
    return (answer.status_code, kind, body, *(answer.headers.get(name) for name in names))


# ---- As Jupyter Server

CONFIG: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "none", {}),
    ("PUT", "s", {"json": {"a": 1, "b": {"c": 2, "d": None}, "e": {}}}),
    ("GET", "s", {}),
    ("PATCH", "s", {"json": {"b": {"c": None, "x": [1, None]}, "f": {"g": {"h": None}}}}),
    ("GET", "s", {}),
    ("PATCH", "s", {"json": {"a": None, "b": {"x": None}}}),
    ("GET", "s", {}),
    ("PATCH", "new_1", {"json": {"k": "é"}}),
    ("GET", "new_1", {}),
    ("PUT", "s", {"data": b"{broken"}),
    ("PATCH", "s", {"data": b"{broken"}),
    ("GET", "s", {}),
    ("PUT", "s", {"json": {}}),
    ("GET", "s", {}),
]


def test_config(server: Server, reference: Reference) -> None:
    """Sections are written, changed and read alike."""
    for method, section, settings in CONFIG:
        path = f"/api/config/{section}"
        ours = server.request(method, path, **settings)
        theirs = reference.request(method, path, **settings)
        assert compared(ours) == compared(theirs), (method, section, settings)


def test_config_that_is_none(server: Server) -> None:
    """A name leads to no other file, and what is no object is no section."""
    for name in ("..%2fx", "a.b", "a%00", "a-b", "x" * 300, "%2e%2e"):
        assert server.get(f"/api/config/{name}").status_code == 404, name
        assert server.request("PUT", f"/api/config/{name}", json={}).status_code == 404, name
    for body in (b"", b"null", b"[1]", b"3", b'"x"'):
        assert server.request("PUT", "/api/config/t", data=body).status_code == 400, body
    assert server.get("/api/config/t").json() == {}
    assert requests.get(f"{server.url}/api/config/t", timeout=10).status_code == 403
    assert server.delete("/api/config/t").status_code == 405


def test_config_outlives_the_server(own_server: Server) -> None:
    """It is kept in the state directory, for its user alone."""
    assert own_server.request("PUT", "/api/config/kept", json={"a": 1}).status_code == 204
    own_server.kill()
    own_server.start_again()
    assert own_server.get("/api/config/kept").json() == {"a": 1}
    file = own_server.husk.state / "serverconfig" / "kept.json"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/me?permissions=x",
        "/api/me?permissions=[]",
        '/api/me?permissions={"contents":"read"}',
        "/api/kernels",
        "/api/sessions",
        "/api/kernels/00000000-0000-4000-8000-000000000000",
        "/api/resolvePath",
        "/api/resolvePath?path=there.txt",
        "/api/resolvePath?path=missing.txt",
        "/api/resolvePath?path=/etc/passwd",
        "/api/resolvePath?path=../../etc/passwd",
        "/api/resolvePath?path=there.txt&kernel=00000000-0000-4000-8000-000000000000",
    ],
)
def test_answers_alike(server: Server, reference: Reference, path: str) -> None:
    """Status, type, body, and the headers that keep browsers from taking it for something else."""
    for root in (server.root, reference.root):
        (root / "there.txt").write_text("x")
        (root / "below").mkdir(exist_ok=True)
    ours, theirs = server.get(path), reference.request("GET", path)
    if path == "/api":
        assert ours.json()["version"].split(".")[:2] == theirs.json()["version"].split(".")[:2]
        assert compared(ours)[3:] == compared(theirs)[3:]
    else:
        assert compared(ours) == compared(theirs)


@pytest.mark.parametrize("path", ["/api/status", "/api/me", "/api/kernelspecs"])
def test_members_alike(server: Server, reference: Reference, path: str) -> None:
    """The members are the same where the values cannot be."""

    def shape(value: object) -> object:
        return sorted(value) if isinstance(value, dict) else None

    ours, theirs = server.get(path), reference.request("GET", path)
    assert shape(ours.json()) == shape(theirs.json())
    for name, value in ours.json().items():
        if name != "kernelspecs":
            assert shape(value) == shape(theirs.json()[name])
    assert compared(ours)[3:] == compared(theirs)[3:]


def test_resolved_in_a_kernel(server: Server) -> None:
    """A relative path begins in the kernel's folder, an absolute one is where kernels have it."""
    (server.root / "near").mkdir(exist_ok=True)
    (server.root / "near" / "code.py").write_text("x")
    kernel = server.start_kernel(path="near")
    for path in ("code.py", f"{server.root}/near/code.py"):
        resolved = server.get(f"/api/resolvePath?kernel={kernel}&path={path}").json()["resolved"]
        (found,) = [entry["path"] for entry in resolved if entry["scope"] == "kernel"]
        assert found == f"{server.root}/near/code.py"
    server.delete(f"/api/kernels/{kernel}")


# ---- The server itself


def test_description(server: Server) -> None:
    """It is OpenAPI, and what it describes is there."""
    answer = server.get("/api/spec.yaml")
    assert answer.headers["Content-Type"] == "text/x-yaml"
    description = yaml.safe_load(answer.text)
    validate(description)
    names = {"id": "00000000-0000-4000-8000-000000000000", "section": "s"}
    for path, operations in description["paths"].items():
        for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
            path = path.replace(f"{{{name}}}", names.get(name, name))  # noqa: PLW2901
        methods = {method.upper() for method in operations}
        for method in {"GET", "PUT", "POST", "PATCH", "DELETE"} - methods:
            assert server.request(method, path).status_code == 405, (method, path)
        if "GET" in methods:
            answer = server.get(path)
            allowed = {int(status) for status in operations["get"]["responses"]} | {400}
            assert answer.status_code in allowed, (path, answer.status_code)


def test_reports(server: Server) -> None:
    """A browser's report comes without an XSRF token and from anywhere, and cannot forge the log."""
    browser = requests.Session()
    assert browser.get(f"{server.url}/?token={server.token}", timeout=10).ok
    answer = browser.post(
        f"{server.url}/api/security/csp-report",
        data=b'{"csp-report": {}}\n\x1b[31mforged line',
        headers={"Origin": "http://other.example", "Content-Type": "application/csp-report"},
        timeout=10,
    )
    assert answer.status_code == 200
    assert "Content security violation:" in server.log
    assert "\nforged" not in server.log
    assert "\x1b" not in server.log
    refused = requests.post(f"{server.url}/api/security/csp-report", data=b"x", timeout=10)
    assert refused.status_code == 403


def test_log_out(server: Server) -> None:
    """The cookie is gone, also for who comes with the token."""
    browser = requests.Session()
    assert browser.get(f"{server.url}/?token={server.token}", timeout=10).ok
    assert browser.get(f"{server.url}/api/kernels", timeout=10).ok
    left = browser.get(f"{server.url}/logout", timeout=10)
    assert left.status_code == 200
    assert "Successfully logged out" in left.text
    assert not browser.cookies
    assert browser.get(f"{server.url}/api/kernels", timeout=10).status_code == 403
    assert browser.get(f"{server.url}/logout?token={server.token}", timeout=10).ok
    assert not browser.cookies


def test_shut_down(own_server: Server) -> None:
    """The kernels end, and the server as an operator ends it."""
    own_server.start_kernel()
    own_server.start_kernel()
    refused = requests.post(f"{own_server.url}/api/shutdown", timeout=10)
    assert refused.status_code == 403
    assert own_server.post("/api/shutdown").status_code == 200
    assert own_server.process.wait(20) == 0
    own_server.start_again()
    assert own_server.get("/api/kernels").json() == []
