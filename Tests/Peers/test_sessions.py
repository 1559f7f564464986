"""Sessions of `husk serve`: they outlive the server, as their kernels do."""

from __future__ import annotations

import signal
import sqlite3
from typing import Any

import pytest

from peers.server import Server
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]


def made(server: Server, path: str, **members: object) -> dict[str, Any]:
    """Makes a session."""
    answer = server.post("/api/sessions", {"path": path, "type": "notebook"} | members)
    assert answer.status_code == 201, answer.text
    model: dict[str, Any] = answer.json()
    return model


def facts(models: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """What of sessions stays."""
    names = ("id", "path", "name", "type")
    return [(*(m[name] for name in names), m["kernel"]["id"]) for m in models]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_sessions_outlive_the_server(own_server: Server, end: signal.Signals) -> None:
    """Each is as it was, and a notebook that is opened again gets its kernel again."""
    first = made(own_server, "dir/é 'a'.ipynb", name="a")
    shared = made(own_server, "b", type="console", kernel={"id": first["kernel"]["id"]})
    assert shared["kernel"]["id"] == first["kernel"]["id"]
    deleted = made(own_server, "c.ipynb")
    assert own_server.delete(f"/api/sessions/{deleted['id']}").status_code == 204
    moved = own_server.request("PATCH", f"/api/sessions/{shared['id']}", json={"path": "d"})
    assert moved.status_code == 200
    before = facts(own_server.get("/api/sessions").json())
    assert [fact[1] for fact in before] == ["dir/é 'a'.ipynb", "d"]
    own_server.process.send_signal(end)
    own_server.process.wait(20)
    own_server.start_again()
    assert facts(own_server.get("/api/sessions").json()) == before
    assert made(own_server, "dir/é 'a'.ipynb")["id"] == first["id"]
    assert len(own_server.get("/api/kernels").json()) == 1
    file = own_server.husk.state / "sessions.sqlite"
    assert file.stat().st_mode & 0o777 == 0o600


def test_session_of_a_kernel_that_was_stopped(own_server: Server) -> None:
    """It is there, and its kernel is dead and says why, until somebody restarts it."""
    session = made(own_server, "a.ipynb")
    kept = made(own_server, "b.ipynb")
    own_server.kill()
    kernel = session["kernel"]["id"]
    stopped = own_server.husk.run("stop", kernel)
    assert stopped.returncode == 0, stopped.stderr
    own_server.start_again()
    models = {model["id"]: model["kernel"] for model in own_server.get("/api/sessions").json()}
    assert models.keys() == {session["id"], kept["id"]}
    model = models[session["id"]]
    assert (model["id"], model["execution_state"]) == (kernel, "dead")
    assert own_server.get(f"/api/kernels/{kernel}").json()["reason"] == "operator"
    assert own_server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    wait_until(
        lambda: (
            own_server.get(f"/api/kernels/{kernel}").json()["execution_state"]
            in ("starting", "idle")
        ),
        20,
        "the kernel",
    )


def test_sessions_of_a_later_version(own_server: Server) -> None:
    """They are not touched, and the server says so."""
    own_server.kill()
    database = sqlite3.connect(own_server.husk.state / "sessions.sqlite")
    with database:
        database.execute("INSERT INTO grdb_migrations VALUES ('of tomorrow')")
    database.close()
    done = own_server.husk.run("serve", "--port", "0", "--root", own_server.root)
    assert done.returncode == 1
    assert "sessions.sqlite was written by a later version of Husk" in done.stderr
