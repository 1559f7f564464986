"""What `husk serve` answers about itself, beside what Jupyter Server answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket
import yaml
from openapi_spec_validator import validate

from peers.husk import Husk
from peers.processes import end_keeper
from peers.reference import Reference
from peers.server import Server
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]


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
            path = path.replace(f"{{{name}}}", names.get(name, name))
        methods = {method.upper() for method in operations}
        for method in {"GET", "PUT", "POST", "PATCH", "DELETE"} - methods:
            assert server.request(method, path).status_code == 405, (method, path)
        if "GET" in methods:
            answer = server.get(path)
            allowed = {int(status) for status in operations["get"]["responses"]} | {400}
            assert answer.status_code in allowed, (path, answer.status_code)


def test_reports(server: Server) -> None:
    """A browser reports without an XSRF token and from anywhere, and cannot forge the log."""
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
    """The login cookie is gone, also for who comes with the token."""
    browser = requests.Session()
    assert browser.get(f"{server.url}/?token={server.token}", timeout=10).ok
    assert browser.get(f"{server.url}/api/kernels", timeout=10).ok
    left = browser.get(f"{server.url}/logout", timeout=10)
    assert left.status_code == 200
    assert "Successfully logged out" in left.text
    assert browser.cookies.keys() == ["_xsrf"]
    assert browser.get(f"{server.url}/api/kernels", timeout=10).status_code == 403
    assert browser.get(f"{server.url}/logout?token={server.token}", timeout=10).ok
    assert browser.cookies.keys() == ["_xsrf"]


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


# ---- Events


class Subscriber:
    """Somebody who hears the events of a server."""

    def __init__(self, url: str, token: str) -> None:
        self.socket = websocket.create_connection(
            f"{url.replace('http', 'ws')}/api/events/subscribe",
            header={"Authorization": f"token {token}"},
            timeout=20,
        )

    def take(self, count: int = 1) -> list[dict[str, Any]]:
        """The next events."""
        return [json.loads(self.socket.recv()) for _ in range(count)]

    def until(self, is_last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """The events up to one."""
        events = self.take()
        while not is_last(events[-1]):
            events += self.take()
        return events

    def close(self) -> None:
        """Leaves."""
        self.socket.close()


@pytest.fixture
def subscriber(server: Server) -> Iterator[Subscriber]:
    """A subscriber of the module's server."""
    subscriber = Subscriber(server.url, server.token)
    yield subscriber
    subscriber.close()


KERNEL_ACTIONS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
CONTENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"
DEATH = "urn:husk:events:kernel_death:v1"


def test_events_of_kernels(server: Server, reference: Reference, subscriber: Subscriber) -> None:
    """The events of Jupyter Server, but for the end and the start that make a restart there."""
    theirs = Subscriber(reference.url, reference.token)
    for ask, heard in ((server.request, subscriber), (reference.request, theirs)):
        started = ask("POST", "/api/kernels", json={"name": "python3"})
        assert started.status_code == 201, (ask, started.text)
        kernel = started.json()["id"]
        path = f"/api/kernels/{kernel}"
        seen = heard.until(lambda e: e["action"] == "start")
        assert ask("POST", f"{path}/interrupt").status_code == 204
        seen += heard.until(lambda e: e["action"] == "interrupt")
        assert ask("POST", f"{path}/restart").status_code == 200
        # One restart, and there the parts of it before.
        seen += heard.until(lambda e: e["action"] == "restart")[-1:]
        assert ask("DELETE", path).status_code == 204
        seen += heard.until(lambda e: e["action"] == "shutdown")
        words = [("start", "started"), ("interrupt", "interrupted")]
        words += [("restart", "restarted"), ("shutdown", "shutdown")]
        assert seen == [
            {
                "schema_id": KERNEL_ACTIONS,
                "action": action,
                "status": "success",
                "kernel_id": kernel,
                "kernel_name": "python3",
                "msg": f"Kernel {kernel} was {word}.",
            }
            for action, word in words
        ]
    theirs.close()


def test_event_of_a_start_that_fails(server: Server, subscriber: Subscriber) -> None:
    """With the status of the refusal."""
    assert server.post("/api/kernels", {"name": "nonsense"}).status_code == 501
    (event,) = subscriber.take()
    assert event["action"] == "start"
    assert event["status"] == "error"
    assert event["status_code"] == 501
    assert "nonsense" in event["msg"]


def test_events_of_contents(server: Server, reference: Reference, subscriber: Subscriber) -> None:
    """The events of Jupyter Server, but for what that one looks at by itself."""
    theirs = Subscriber(reference.url, reference.token)
    file = {"type": "file", "format": "text", "content": "x"}
    asked: list[tuple[str, str, object]] = [
        ("PUT", "/api/contents/ev", {"type": "directory"}),
        ("PUT", "/api/contents/ev/a.txt", file),
        ("GET", "/api/contents/ev/a.txt", None),
        ("POST", "/api/contents/ev", {"type": "file", "ext": ".txt"}),
        ("POST", "/api/contents/ev", {"copy_from": "ev/a.txt"}),
        ("PATCH", "/api/contents/ev/a.txt", {"path": "ev/b.txt"}),
        ("PATCH", "/api/contents/ev/b.txt", {"path": "ev/b.txt"}),
        ("GET", "/api/contents/ev/missing.txt", None),
        ("DELETE", "/api/contents/ev/b.txt", None),
    ]
    heard = []
    for ask, one in ((server.request, subscriber), (reference.request, theirs)):
        for method, path, body in asked:
            ask(method, path, json=body)
        events = one.until(lambda e: e["action"] == "delete")
        heard.append([e for e in events if e["action"] != "get"])
        assert [e for e in events if e["action"] == "get" and e["path"] == "ev/a.txt"]
    assert heard[0] == heard[1]
    assert {e["schema_id"] for e in heard[0]} == {CONTENTS}
    theirs.close()


def test_events_of_clients(server: Server, reference: Reference, subscriber: Subscriber) -> None:
    """What a client says has happened is told, when it is what its schema wants."""
    data = {"action": "start", "kernel_id": "i", "msg": "x", "status": "success", "more": 1}
    right = {"schema_id": KERNEL_ACTIONS, "version": "1", "data": data}
    theirs = Subscriber(reference.url, reference.token)
    for body in (
        right,
        right | {"version": 1},
        right | {"timestamp": "2022-05-26T13:50:00+05:00Z"},
    ):
        assert server.post("/api/events", body).status_code == 204
        assert reference.request("POST", "/api/events", json=body).status_code == 204
        assert subscriber.take() == theirs.take() == [{"schema_id": KERNEL_ACTIONS} | data]
    wrong: list[Any] = [
        None,
        {"schema_id": KERNEL_ACTIONS, "version": "1"},
        right | {"version": "2"},
        right | {"schema_id": "nonsense"},
        right | {"data": {"action": "interrupt", "msg": "x"}},
        right | {"timestamp": "yesterday"},
        {},
        right | {"data": data | {"action": "nonsense"}},
    ]
    for index, body in enumerate(wrong):
        ours = server.post("/api/events", body)
        other = reference.request("POST", "/api/events", json=body)
        assert ours.status_code == other.status_code == 400, body
        if index < 6:
            # What a validator explains in many lines is one sentence here.
            line = " ".join(other.json()["message"].split("\n\n")[0].split())
            assert ours.json()["message"] in line
    # There, nothing is looked at while nobody listens.
    theirs.close()
    own = {
        "schema_id": DEATH,
        "version": "1",
        "data": {"kernel_id": "i", "reason": "x", "msg": "x"},
    }
    assert server.post("/api/events", own).status_code == 400
    assert requests.post(f"{server.url}/api/events", json=right, timeout=10).status_code == 403


def test_event_of_a_death(server: Server, subscriber: Subscriber) -> None:
    """A kernel that dies by itself is told with its reason, and one that is ended is not."""
    kernel = server.start_kernel()
    channels = server.channels(kernel)
    channels.execute("import os; os.kill(os.getpid(), 11)")
    event = subscriber.until(lambda e: e["schema_id"] == DEATH)[-1]
    channels.close()
    assert event["kernel_id"] == kernel
    assert event["kernel_name"] == "python3"
    assert event["reason"] == "interpreter_signalled"
    assert "SIGSEGV" in event["msg"]
    assert f"The kernel {kernel} has ended (interpreter_signalled)" in server.log
    server.delete(f"/api/kernels/{kernel}")
    other = server.start_kernel()
    server.delete(f"/api/kernels/{other}")
    seen = subscriber.until(lambda e: e.get("action") == "shutdown" and e["kernel_id"] == other)
    assert not [e for e in seen if e["schema_id"] == DEATH]


def test_no_events_for_others(server: Server) -> None:
    """The WebSocket wants the token, and nothing else is there."""
    url = f"ws://127.0.0.1:{server.port}/api/events/subscribe"
    with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
        websocket.create_connection(url, timeout=10)
    assert refusal.value.status_code == 403
    plain = server.get("/api/events/subscribe")
    assert plain.status_code == 400
    assert "WebSocket" in plain.json()["message"]


# ---- How long kernels live, and how many

StartServer = Callable[..., Server]


@pytest.fixture
def start_server(husk: Husk, base: Path, tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server of the test's own, with options."""
    started: list[Server] = []

    def start(*options: str) -> Server:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        own = husk.with_state(base / f"{tmp_path.name}-{len(started)}")
        started.append(Server(own, folder, *options))
        return started[-1]

    yield start
    for server in started:
        server.stop()
        assert "Fatal error" not in server.log
        end_keeper(server.husk.state)


def is_there(server: Server, kernel: str) -> bool:
    """Whether there is a kernel."""
    return server.get(f"/api/kernels/{kernel}").status_code == 200


OWN = ("--cull-idle-timeout=1", "--cull-interval=1")
JUPYTERS = tuple(f"--MappingKernelManager.cull_{name}=1" for name in ("idle_timeout", "interval"))


@pytest.mark.parametrize("options", [OWN, JUPYTERS], ids=["own", "jupyter"])
def test_culling(start_server: StartServer, options: tuple[str, ...]) -> None:
    """A kernel that nobody uses is ended, with its reason; one that is used stays."""
    server = start_server(*options)
    subscriber = Subscriber(server.url, server.token)
    idle, busy, connected = (server.start_kernel() for _ in range(3))
    channels = server.channels(connected)
    cell = {"code": "import time; time.sleep(6)"}
    assert server.post(f"/api/kernels/{busy}/execute", cell).status_code == 202
    events = subscriber.until(lambda e: e["schema_id"] == DEATH)
    assert events[-1]["kernel_id"] == idle
    assert events[-1]["reason"] == "idle"
    assert events[-1]["idle_seconds"] >= 1
    assert [e for e in events if e.get("action") == "shutdown" and e["kernel_id"] == idle]
    assert f"({idle}) with 0 connections due to" in server.log
    assert "(idle)" in server.log
    assert not is_there(server, idle)
    assert is_there(server, busy)
    assert subscriber.until(lambda e: e["schema_id"] == DEATH)[-1]["kernel_id"] == busy
    assert is_there(server, connected)
    channels.close()
    assert subscriber.until(lambda e: e["schema_id"] == DEATH)[-1]["kernel_id"] == connected
    subscriber.close()


@pytest.mark.parametrize(
    "options",
    [
        ("--cull-connected", "--cull-busy"),
        (
            "--MappingKernelManager.cull_connected=True",
            "--AsyncMappingKernelManager.cull_busy=True",
        ),
    ],
    ids=["own", "jupyter"],
)
def test_culling_all(start_server: StartServer, options: tuple[str, ...]) -> None:
    """Connected and busy kernels go too, when that is wanted, and dead ones at once."""
    server = start_server(*OWN, *options)
    kernels = [server.start_kernel() for _ in range(2)]
    channels = server.channels(kernels[0])
    channels.execute("import time; time.sleep(60)")
    dying = server.channels(kernels[1])
    dying.execute("import os; os._exit(3)")
    for kernel in kernels:
        wait_until(lambda kernel=kernel: not is_there(server, kernel), 30, "its end")
    channels.drop()
    dying.drop()


def test_no_culling_by_itself(server: Server) -> None:
    """Without a word about it, kernels stay."""
    kernel = server.start_kernel()
    time.sleep(3)
    assert is_there(server, kernel)
    server.delete(f"/api/kernels/{kernel}")


def test_as_many_kernels_as_there_may_be(start_server: StartServer) -> None:
    """One more is refused as the kernel gateway does it; a restart is no more than a kernel."""
    server = start_server("--max-kernels", "2")
    first, second = server.start_kernel(), server.start_kernel()
    session = {"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    for path, body in (("/api/kernels", None), ("/api/sessions", session)):
        refused = server.post(path, body)
        assert refused.status_code == 403
        assert refused.json()["message"].startswith("Resource Limit")
        assert refused.json()["reason"] == "max_kernels"
    assert server.post(f"/api/kernels/{first}/restart").status_code == 200
    server.delete(f"/api/kernels/{second}")
    server.start_kernel()


def test_status_tells_activity(server: Server) -> None:
    """What counts is what a client wants, and not whether it looks at the server."""
    before = server.get("/api/status").json()["last_activity"]
    time.sleep(1.1)
    assert server.get("/api/status").json()["last_activity"] == before
    server.get("/api/sessions?no_track_activity=1")
    assert server.get("/api/status").json()["last_activity"] == before
    server.get("/api/sessions")
    assert server.get("/api/status").json()["last_activity"] > before


# ---- Use


def test_usage(husk: Husk, base: Path, tmp_path: Path) -> None:
    """What kernels, owners and all together have used: live, and the numbers of `husk usage`."""
    prices = tmp_path / "prices.json"
    prices.write_text('{"currency": "EUR", "cpu_second": 2, "memory_gib_second": 0.5}')
    own = husk.with_state(base / tmp_path.name).with_env(XDG_DATA_HOME=str(tmp_path / "data"))
    server = Server(own, tmp_path, "--owner", "ada", "--prices", str(prices))
    assert server.get("/api/usage").json()["kernels"] == []
    first, second = server.start_kernel(), server.start_kernel()
    channels = server.channels(first)
    channels.run(
        "import time\nbegan = time.process_time()\nwhile time.process_time() - began < 0.7: pass"
    )
    used = server.get("/api/usage").json()
    by_kernel = {one["kernel_id"]: one for one in used["kernels"]}
    assert set(by_kernel) == {first, second}
    assert by_kernel[first]["cpu_user_seconds"] + by_kernel[first]["cpu_system_seconds"] > 0.6
    assert (by_kernel[first]["cells"], by_kernel[second]["cells"]) == (1, 0)
    assert by_kernel[first]["cost"] > 0.6
    assert {one["currency"] for one in used["kernels"]} == {"EUR"}
    # A restart has the same sandbox, and a cell that runs is counted up to now.
    assert server.post(f"/api/kernels/{first}/restart").status_code == 200
    channels.run("1")
    before = server.get(f"/api/usage?kernel={first}").json()
    assert [one["cells"] for one in before["kernels"]] == [2]
    assert [one["name"] for one in before["sandboxes"]] == [first] * len(before["sandboxes"])
    channels.execute("while True: pass")

    def grows() -> bool:
        (now,) = server.get(f"/api/usage?kernel={first}").json()["kernels"]
        return now["cpu_user_seconds"] > before["kernels"][0]["cpu_user_seconds"] + 0.3

    wait_until(grows, 20, "more CPU")
    channels.close()
    assert server.get("/api/usage?owner=nobody").json()["owners"] == []
    unknown = server.get("/api/usage?kernel=00000000-0000-4000-8000-000000000000")
    assert unknown.status_code == 404
    assert requests.get(f"{server.url}/api/usage", timeout=10).status_code == 403
    # When nobody adds anything any more, both say the same.
    for kernel in (first, second):
        server.delete(f"/api/kernels/{kernel}")
    used = server.get("/api/usage").json()
    assert used.pop("kernels") == []
    total = used.pop("total")
    assert total["sandboxes"] == len(used["sandboxes"])
    told = own.run("usage", "--json", "--prices", str(prices))
    assert used == json.loads(told.stdout)
    assert server.get("/api/usage?owner=ada").json()["owners"] == used["owners"]
    assert [one["owner"] for one in used["owners"]] == ["ada"]
    assert server.stop() == 0
    end_keeper(own.state)


def test_prices_that_are_none(husk: Husk, base: Path, tmp_path: Path) -> None:
    """The server does not start, and says why."""
    prices = tmp_path / "prices.json"
    prices.write_text('{"cpu": 1}')
    own = husk.with_state(base / tmp_path.name)
    done = own.run("serve", "--port", "0", "--root", tmp_path, "--prices", prices)
    assert done.returncode != 0
    assert "price table" in done.stderr
