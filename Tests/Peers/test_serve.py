"""`husk serve`: kernels over HTTP and WebSockets, for stock clients and others that come back."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from peers.fixtures import served_kernel
from peers.husk import SEED, Husk, one_line
from peers.processes import end_keeper
from peers.server import V1, Server, is_idle, text
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(180)]

COUNT = """
import time
for n in range(20000):
    print(n, flush=True)
    if n % 100 == 0: time.sleep(0.01)
"""

FRAMINGS = pytest.mark.parametrize("framing", [None, V1], ids=["legacy", "v1"])


kernel = served_kernel


# ---- Who may


def test_nobody_without_the_token(server: Server) -> None:
    """Only the version is for everybody."""
    assert requests.get(f"{server.url}/api", timeout=10).status_code == 200
    for path in ("/api/kernels", "/api/status", "/api/contents", "/api/nonsense"):
        assert requests.get(server.url + path, timeout=10).status_code == 403
    for header in ("token wrong", "Bearer wrong", "wrong"):
        refused = requests.get(
            f"{server.url}/api/kernels", headers={"Authorization": header}, timeout=10
        )
        assert refused.status_code == 403
        assert set(refused.json()) == {"message", "reason"}
    assert server.get("/api/kernels", headers={"Authorization": f"Bearer {server.token}"}).ok
    assert requests.get(f"{server.url}/api/kernels?token={server.token}", timeout=10).ok


def test_no_socket_without_the_token(server: Server, kernel: str) -> None:
    """The handshake is answered as a request."""
    with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
        websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/api/kernels/{kernel}/channels", timeout=10
        )
    assert refusal.value.status_code == 403


def test_what_is_not_there(server: Server) -> None:
    """Codes and words of Jupyter Server."""
    unknown = "00000000-0000-4000-8000-000000000000"
    for method, path, status in [
        ("GET", f"/api/kernels/{unknown}", 404),
        ("DELETE", f"/api/kernels/{unknown}", 404),
        ("POST", f"/api/kernels/{unknown}/interrupt", 404),
        ("POST", f"/api/kernels/{unknown}/restart", 404),
        ("GET", f"/api/kernels/{unknown}/channels", 404),
        ("GET", "/api/kernels/../../etc/passwd", 404),
        ("GET", "/api/kernelspecs/nonsense", 404),
        ("PUT", "/api/kernels", 405),
        ("GET", "/api/nonsense", 404),
        ("GET", "/api/contents/no/such", 404),
        ("GET", "/api/contents/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/files/..%2f..%2fetc%2fpasswd", 404),
    ]:
        answer = server.request(method, path)
        assert answer.status_code == status, (method, path, answer.text)
        assert "message" in answer.json()
    assert server.post("/api/kernels", {"name": "nonsense"}).status_code == 501
    broken = server.request("POST", "/api/kernels", data=b"{not json")
    assert broken.status_code == 400
    assert server.get("/api/kernels").json() == []


# ---- Kernels


def test_life(server: Server) -> None:
    """Started, seen, interrupted, restarted, ended."""
    started = server.post("/api/kernels")
    assert started.status_code == 201
    model = started.json()
    assert started.headers["Location"] == f"/api/kernels/{model['id']}"
    assert model["name"] == "python3"
    path = f"/api/kernels/{model['id']}"
    assert [m["id"] for m in server.get("/api/kernels").json()] == [model["id"]]
    wait_until(lambda: server.get(path).json()["execution_state"] == "idle", 10, "idle")
    assert server.post(f"{path}/interrupt", {}).status_code == 204
    assert server.post(f"{path}/restart", {}).status_code == 200
    assert server.get("/api/status").json()["kernels"] == 1
    assert server.delete(path).status_code == 204
    assert server.get(path).status_code == 404


@FRAMINGS
def test_cells(server: Server, kernel: str, framing: str | None) -> None:
    """Streams, results, errors, questions and buffers."""
    channels = server.channels(kernel, framing=framing)
    assert text(channels.run("print('é', 6 * 7)")) == "é 42\n"
    done = channels.run("1 / 0")
    assert {m["content"].get("ename") for m in done if m["header"]["msg_type"] == "error"} == {
        "ZeroDivisionError"
    }
    request = channels.execute("print(input('name? '))", allow_stdin=True)
    messages: list[dict[str, Any]] = []
    for message in channels.until(is_idle(request)):
        messages.append(message)
        if message["header"]["msg_type"] == "input_request":
            assert message["channel"] == "stdin"
            channels.send("input_reply", {"value": "Ada"}, "stdin", message["header"])
    assert "Ada\n" in text(messages)
    code = (
        "from comm import create_comm\n"
        "create_comm(target_name='t', data={'n': 1}, buffers=[b'\\x00\\xff', b'abc'])"
    )
    (opened,) = [m for m in channels.run(code) if m["header"]["msg_type"] == "comm_open"]
    assert [bytes(buffer) for buffer in opened["buffers"]] == [b"\x00\xff", b"abc"]
    sequences = [m["metadata"]["husk"]["seq"] for m in messages]
    assert sequences == sorted(sequences)
    channels.close()


def test_sloppy_clients(server: Server, kernel: str) -> None:
    """No channel, no date, no session, no parent: it is a message to the shell."""
    channels = server.channels(kernel)
    channels.connection.send(
        '{"header": {"msg_id": "m1", "msg_type": "execute_request"}, "buffers": {},'
        ' "content": {"code": "print(1)"}}'
    )
    messages = list(channels.until(is_idle("m1")))
    assert text(messages) == "1\n"
    assert all(m["msg_type"] == m["header"]["msg_type"] for m in messages)
    channels.close()


def test_restart_keeps_files_and_forgets_variables(server: Server, kernel: str) -> None:
    """The sandbox stays; the client is told, and goes on over the same connection."""
    channels = server.channels(kernel)
    channels.run("x = 1; open('/tmp/kept', 'w').write('there')")
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    done = channels.run("print(open('/tmp/kept').read(), 'x' in globals())")
    assert text(done) == "there False\n"
    channels.close()


def test_interrupt(server: Server, kernel: str) -> None:
    """A cell that runs is interrupted, and what it knew is still known."""
    channels = server.channels(kernel)
    channels.run("x = 1")
    request = channels.execute("print('on')\nwhile True: pass")
    list(channels.until(lambda m: text([m]) == "on\n"))
    assert server.post(f"/api/kernels/{kernel}/interrupt").status_code == 204
    names = [m["content"].get("ename") for m in channels.until(is_idle(request))]
    assert "KeyboardInterrupt" in names
    assert text(channels.run("print(x)")) == "1\n"
    channels.close()


def test_death_says_why(server: Server, kernel: str) -> None:
    """In the status, and in the model."""
    channels = server.channels(kernel)
    channels.execute("import os; os.kill(os.getpid(), 11)")
    *_, dead = channels.until(lambda m: m["content"].get("execution_state") == "dead")
    model = server.get(f"/api/kernels/{kernel}").json()
    assert model["execution_state"] == "dead"
    for place in (model, dead["content"]):
        assert place["reason"] == "interpreter_signalled"
        assert "SIGSEGV" in place["message"]
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    assert text(channels.run("print(2)")) == "2\n"
    channels.close()


def test_two_clients_see_one_kernel(server: Server, kernel: str) -> None:
    """What one runs, the other sees; replies go to who asked."""
    first, second = server.channels(kernel), server.channels(kernel, framing=V1)
    request = first.execute("print('seen')")
    seen = list(second.until(is_idle(request)))
    assert "seen\n" in text(seen)
    assert not any(m["channel"] == "shell" for m in seen)
    first.close()
    second.close()


# ---- Coming back


def numbers(messages: list[dict[str, Any]]) -> list[int]:
    """The numbered lines that messages print."""
    return [int(line) for line in text(messages).split()]


@FRAMINGS
def test_a_client_that_is_lost_goes_on(server: Server, kernel: str, framing: str | None) -> None:
    """`since` gives each event once, and the cell does not notice."""
    chance = random.Random(SEED)
    channels = server.channels(kernel, "s1", framing)
    request = channels.execute(COUNT)
    got: list[dict[str, Any]] = []
    last, drops = 0, 0
    while not (got and is_idle(request)(got[-1])):
        for _ in range(chance.randrange(1, 60)):
            message = channels.receive()
            if (sequence := message["metadata"].get("husk", {}).get("seq", 0)) > 0:
                last = sequence
            got.append(message)
            if is_idle(request)(message):
                break
        else:
            channels.drop()
            drops += 1
            channels = server.channels(kernel, "s1", framing, since=last)
    assert numbers([m for m in got if m["parent_header"].get("msg_id") == request]) == list(
        range(20000)
    )
    assert drops > 3
    sequences = [m["metadata"]["husk"]["seq"] for m in got if "husk" in m["metadata"]]
    assert len(sequences) == len(set(sequences))
    channels.close()


@FRAMINGS
def test_a_stock_client_that_is_lost_misses_nothing(
    server: Server, kernel: str, framing: str | None
) -> None:
    """It comes back with its session id alone; what it gets twice comes after its last pong."""
    channels = server.channels(kernel, "stock", framing)
    request = channels.execute(
        "import time\nfor n in range(300):\n    print(n, flush=True)\n    time.sleep(0.01)"
    )
    got: list[dict[str, Any]] = []
    began = time.monotonic()
    for message in channels.until(lambda m: time.monotonic() > began + 1.8):
        got.append(message)
    channels.drop()
    time.sleep(0.3)
    channels = server.channels(kernel, "stock", framing)
    got += list(channels.until(is_idle(request)))
    mine = [m for m in got if m["parent_header"].get("msg_id") == request]
    assert sorted(set(numbers(mine))) == list(range(300))
    assert any(m["header"]["msg_type"] == "execute_reply" for m in mine)
    # Pongs come every second; what was shown before the first is not shown again.
    assert numbers(mine).count(0) == 1
    channels.close()


@pytest.mark.parametrize("moment", range(5))
def test_server_killed_in_a_cell(husk: Husk, base: Path, tmp_path: Path, moment: int) -> None:
    """The cell goes on, and a client that says what it knows gets the rest, each event once."""
    own = husk.with_state(base / f"killed-{moment}")
    server = Server(own, tmp_path)
    kernel = server.start_kernel()
    channels = server.channels(kernel, "client")
    channels.run("before = 'kept'")
    request = channels.execute(COUNT)
    got: list[dict[str, Any]] = []
    last = 0
    enough = random.Random(SEED * 100 + moment).randrange(5, 120)
    for message in channels.until(lambda m: len(got) >= enough):
        got.append(message)
        last = message["metadata"].get("husk", {}).get("seq", last)
    server.kill()
    server.start_again()
    (model,) = server.get("/api/kernels").json()
    assert model["id"] == kernel
    channels = server.channels(kernel, "client", since=last)
    got += list(channels.until(is_idle(request)))
    mine = [m for m in got if m["parent_header"].get("msg_id") == request]
    assert numbers(mine) == list(range(20000))
    done = channels.run("print(before)")
    assert text(done) == "kept\n"
    counts = {m["content"].get("execution_count") for m in done} - {None}
    assert counts == {3}
    assert server.stop() == 0
    end_keeper(own.state)


def test_second_server_is_refused(server: Server) -> None:
    """Two would tell each other's kernels what to do."""
    done = server.husk.run("serve", "--port", "0", "--root", server.root)
    assert done.returncode == 1
    assert "another server runs in" in done.stderr


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("127.0.0.1", ["127.0.0.1:{port}", "another program listens", "--port"]),
        ("192.0.2.1", ["192.0.2.1:{port}", "does not have the address", "--host"]),
    ],
)
def test_nowhere_to_listen(server: Server, tmp_path: Path, host: str, words: list[str]) -> None:
    """Address and port are named, and what to do."""
    own = server.husk.with_state(tmp_path / "state")
    options = ("--host", host, "--port", str(server.port), "--token", "t", "--root", server.root)
    done = own.run("serve", *options)
    assert done.returncode == 1
    line = one_line(done.stderr)
    assert line.startswith("husk serve: ")
    assert all(word.format(port=server.port) in line for word in words), line


# ---- Sessions and contents


def test_sessions(server: Server) -> None:
    """One session a path; its end is its kernel's."""
    made = server.post(
        "/api/sessions",
        {"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}},
    )
    assert made.status_code == 201
    again = server.post(
        "/api/sessions",
        {"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}},
    )
    assert again.json()["id"] == made.json()["id"]
    path = f"/api/sessions/{made.json()['id']}"
    moved = server.request("PATCH", path, json={"path": "b.ipynb"})
    assert moved.json()["path"] == "b.ipynb"
    assert server.delete(path).status_code == 204
    assert server.get(path).status_code == 404
    assert server.get("/api/kernels").json() == []


def test_contents(server: Server) -> None:
    """Files, folders and checkpoints; the kernel of a document starts beside it."""
    put = server.request("PUT", "/api/contents/sub", json={"type": "directory"})
    assert put.status_code == 201
    file = {"type": "file", "format": "text", "content": "hello"}
    assert server.request("PUT", "/api/contents/sub/a.txt", json=file).status_code == 201
    assert server.get("/api/contents/sub/a.txt").json()["content"] == "hello"
    kept = server.post("/api/contents/sub/a.txt/checkpoints")
    assert kept.status_code == 201
    body = {"path": "sub/n.ipynb", "type": "notebook", "name": "", "kernel": {}}
    session = server.post("/api/sessions", body).json()
    channels = server.channels(session["kernel"]["id"])
    assert text(channels.run("print(open('a.txt').read())")) == "hello\n"
    channels.close()
    assert server.delete(f"/api/sessions/{session['id']}").status_code == 204
    assert server.delete("/api/contents/sub").status_code == 204
