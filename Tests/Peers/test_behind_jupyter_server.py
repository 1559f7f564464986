"""Jupyter Server in front of `husk serve`: its clients' requests and messages pass through both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.gateway.managers import GatewayKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from peers.front import Front
from peers.husk import Husk
from peers.processes import end_keeper
from peers.server import Server, is_idle, text
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def front(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A Jupyter Server for the module, whose kernels are those of the module's `husk serve`."""
    front = Front(server, tmp_path_factory.mktemp("front"))
    yield front
    assert front.stop() == 0, front.log


@pytest.fixture(scope="module")
def unlocked(husk: Husk, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A `husk serve` without a token: the client of Python programs has none for WebSockets."""
    own = husk.with_state(base / "unlocked")
    unlocked = Server(own, tmp_path_factory.mktemp("unlocked"), token="")
    yield unlocked
    assert unlocked.stop() == 0, unlocked.log
    end_keeper(own.state)


@pytest.fixture
def kernel(front: Front) -> Iterator[str]:
    """A fresh kernel's id."""
    identifier = front.start_kernel()
    yield identifier
    front.delete(f"/api/kernels/{identifier}")


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server, by the name of its fixture, from which this process has its kernels."""
    gateway = request.getfixturevalue(request.param)
    assert isinstance(gateway, Server)
    GatewayClient.clear_instance()
    client = GatewayClient.instance()
    client.url, client.auth_token = gateway.url, gateway.token
    # Without a token a server asks for what a page of another site cannot know.
    client.headers = json.dumps({"Cookie": "_xsrf=same", "X-XSRFToken": "same"})
    yield gateway
    assert gateway.get("/api/kernels").json() == []
    GatewayClient.clear_instance()


def model(front: Front, kernel: str) -> dict[str, Any]:
    """A kernel's model; Jupyter Server asks its gateway for it only when it lists all kernels."""
    (found,) = [m for m in front.get("/api/kernels").json() if m["id"] == kernel]
    assert isinstance(found, dict)
    return found


GATEWAYS = pytest.mark.parametrize("gateway", ["unlocked", "front"], indirect=True)


# ---- Requests


def test_kernelspecs(front: Front, server: Server) -> None:
    """The list, the default, one of them, and the pictures that belong to it."""
    listed = front.get("/api/kernelspecs").json()
    assert listed == server.get("/api/kernelspecs").json()
    spec = listed["kernelspecs"][listed["default"]]
    assert front.get(f"/api/kernelspecs/{spec['name']}").json()["spec"] == spec["spec"]
    assert spec["resources"]
    for path in spec["resources"].values():
        assert front.get(path).content == server.get(path).content
    assert front.get("/api/kernelspecs/nonsense").status_code == 404


def test_life(front: Front, server: Server) -> None:
    """Started, listed, ended: in both servers."""
    assert front.get("/api/kernels").json() == []
    started = front.post("/api/kernels", {"name": "python3"})
    assert started.status_code == 201
    kernel, path = started.json()["id"], started.headers["Location"]
    assert path == f"/api/kernels/{kernel}"
    wait_until(lambda: model(front, kernel)["execution_state"] == "idle", 10, "idle")
    there = [[m["id"] for m in s.get("/api/kernels").json()] for s in (front, server)]
    assert there == [[kernel], [kernel]]
    assert front.get(path).json() == server.get(path).json()
    assert front.delete(path).status_code == 204
    assert front.get(path).status_code == 404
    assert server.get(path).status_code == 404
    assert front.get("/api/kernels").json() == []


def test_a_kernel_that_goes_behind_its_back(front: Front, server: Server) -> None:
    """What has ended in `husk serve` is no longer listed in front of it."""
    kernel = front.start_kernel()
    assert server.delete(f"/api/kernels/{kernel}").status_code == 204
    assert front.get("/api/kernels").json() == []
    assert front.get(f"/api/kernels/{kernel}").status_code == 404


def test_no_kernelspec(front: Front) -> None:
    """A kernel of which there is no kernelspec does not start, and is not there afterwards."""
    assert front.post("/api/kernels", {"name": "nonsense"}).status_code == 501
    assert front.get("/api/kernels").json() == []


def test_sessions(front: Front, server: Server) -> None:
    """A notebook's kernel: made, found, given to another path, replaced, ended."""
    body = {"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    made = front.post("/api/sessions", body)
    assert made.status_code == 201
    session = made.json()
    path = f"/api/sessions/{session['id']}"
    assert front.post("/api/sessions", body).json()["id"] == session["id"]
    assert [s["id"] for s in front.get("/api/sessions").json()] == [session["id"]]
    moved = front.request("PATCH", path, json={"path": "b.ipynb"})
    assert moved.json()["path"] == "b.ipynb"
    changed = front.request("PATCH", path, json={"kernel": {"name": "python3"}}).json()
    assert changed["kernel"]["id"] != session["kernel"]["id"]
    assert [m["id"] for m in server.get("/api/kernels").json()] == [changed["kernel"]["id"]]
    assert front.delete(path).status_code == 204
    assert front.get("/api/sessions").json() == []
    assert server.get("/api/kernels").json() == []


# ---- Messages


def test_cells(front: Front, kernel: str) -> None:
    """Text, results, errors, questions and completion over its WebSocket."""
    channels = front.channels(kernel)
    done = channels.run("print('é', 6 * 7)\n'result'")
    assert text(done) == "é 42\n"
    results = [m for m in done if m["header"]["msg_type"] == "execute_result"]
    assert [m["content"]["data"]["text/plain"] for m in results] == ["'result'"]
    assert "ZeroDivisionError" in {m["content"].get("ename") for m in channels.run("1 / 0")}
    request = channels.execute("print(input('name? '))", allow_stdin=True)
    messages = []
    for message in channels.until(is_idle(request)):
        messages.append(message)
        if message["header"]["msg_type"] == "input_request":
            channels.send("input_reply", {"value": "Ada"}, "stdin", message["header"])
    assert text(messages) == "Ada\n"
    channels.send("complete_request", {"code": "impor", "cursor_pos": 5})
    *_, reply = channels.until(lambda m: m["header"]["msg_type"] == "complete_reply")
    assert "import" in reply["content"]["matches"]
    channels.close()


def test_interrupt_and_restart(front: Front, kernel: str) -> None:
    """An interrupt keeps what the kernel knows, a restart does not; the WebSocket stays."""
    channels = front.channels(kernel)
    channels.run("x = 1")
    request = channels.execute("print('on')\nwhile True: pass")
    list(channels.until(lambda m: text([m]) == "on\n"))
    assert model(front, kernel)["execution_state"] == "busy"
    assert front.post(f"/api/kernels/{kernel}/interrupt").status_code == 204
    assert "KeyboardInterrupt" in {
        m["content"].get("ename") for m in channels.until(is_idle(request))
    }
    assert text(channels.run("print(x)")) == "1\n"
    assert front.post(f"/api/kernels/{kernel}/restart").status_code == 200
    assert text(channels.run("print('x' in globals())")) == "False\n"
    channels.close()


def test_much_text(front: Front, kernel: str) -> None:
    """Every line arrives, in order."""
    channels = front.channels(kernel)
    printed = text(channels.run("for n in range(20000): print(n)"))
    assert [int(line) for line in printed.split()] == list(range(20000))
    channels.close()


def test_a_browser_that_is_lost(front: Front, kernel: str) -> None:
    """Jupyter Server keeps what comes while nobody listens, and its cell is not interrupted."""
    channels = front.channels(kernel, "browser")
    request = channels.execute("input('go on? ')\nprint('after')", allow_stdin=True)
    asked = list(channels.until(lambda m: m["header"]["msg_type"] == "input_request"))[-1]
    channels.drop()
    wait_until(lambda: model(front, kernel)["connections"] == 0, 30, "it is lost")
    channels = front.channels(kernel, "browser")
    channels.send("input_reply", {"value": ""}, "stdin", asked["header"])
    assert "after\n" in text(list(channels.until(is_idle(request))))
    channels.close()


# ---- nbclient


def execute(book: nbformat.NotebookNode) -> None:
    """Runs a notebook with a kernel of the gateway's."""
    NotebookClient(book, kernel_manager_class=GatewayKernelManager, timeout=60).execute()


@GATEWAYS
def test_nbclient(gateway: Server) -> None:
    """A notebook's outputs are in it, and its kernel has ended; also through two gateways."""
    book = new_notebook(
        cells=[
            new_code_cell("print('text')\n6 * 7"),
            new_code_cell("from IPython.display import display\nh = display('1', display_id=True)"),
            new_code_cell("h.update('2')"),
            new_code_cell("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);"),
        ]
    )
    execute(book)
    nbformat.validate(book)
    first, second, _, last = (cell.outputs for cell in book.cells)
    assert [output.output_type for output in first] == ["stream", "execute_result"]
    assert (first[0].text, first[1].data["text/plain"]) == ("text\n", "42")
    assert second[0].data["text/plain"] == "'2'"
    assert "image/png" in last[0].data
    assert [cell.execution_count for cell in book.cells] == [1, 2, 3, 4]


@GATEWAYS
def test_nbclient_errors(gateway: Server) -> None:
    """An error ends the run with the cell's traceback."""
    book = new_notebook(cells=[new_code_cell("1 / 0"), new_code_cell("print('never')")])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(book)
    assert book.cells[1].outputs == []
