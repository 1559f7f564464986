"""Clients of `husk serve` that were away, do not listen, or ask for much."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from peers.fixtures import served_kernel
from peers.husk import Husk
from peers.processes import end_keeper, is_alive, keeper_of
from peers.server import V1, Channels, Server, is_idle, text
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]


kernel = served_kernel


def execute(server: Server, kernel: str, code: str, **body: object) -> str:
    """Gives a kernel a cell to run. Returns the request's path."""
    answer = server.post(f"/api/kernels/{kernel}/execute", {"code": code} | body)
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def result(server: Server, path: str, timeout: float = 60) -> dict[str, Any]:
    """Waits for a request's end."""
    wait_until(lambda: server.get(path).status_code != 202, timeout, "the result")
    answer = server.get(path).json()
    assert isinstance(answer, dict)
    return answer


# ---- Away during a restart


@pytest.mark.parametrize("framing", [None, V1])
@pytest.mark.parametrize("knows", [True, False], ids=["since", "stock"])
def test_away_during_a_restart(
    server: Server, kernel: str, framing: str | None, knows: bool
) -> None:
    """What the last interpreter has said comes first, each event once and in order."""
    channels = server.channels(kernel, "away", framing)
    channels.run("x = 1")
    last = channels.run("print('before')")[-1]["metadata"]["husk"]["seq"]
    channels.close()
    watch = server.get(f"/api/kernels/{kernel}/events?since={last}&follow=1", stream=True)
    watched = watch.iter_lines()
    path = execute(server, kernel, "for n in range(1000): print(n)\nimport time; time.sleep(60)")
    request = path.rsplit("/", 1)[1]
    wait_until(lambda: b"999" in next(watched), 10, "the output")
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    execute(server, kernel, "print('after')")
    channels = server.channels(kernel, "away", framing, since=last if knows else None)
    got: list[dict[str, Any]] = []
    while "after\n" not in text(got):
        got.append(channels.receive())
    channels.close()
    watch.close()
    numbers = [m["metadata"]["husk"]["seq"] for m in got]
    assert numbers == sorted(set(numbers))
    if knows:
        assert numbers[0] > last
    printed = [m for m in got if m["parent_header"].get("msg_id") == request]
    assert text(printed).startswith("".join(f"{n}\n" for n in range(1000)))
    assert any(is_idle(request)(m) for m in got)
    assert "dropped" not in text(got)


def test_away_during_two_restarts(server: Server, kernel: str) -> None:
    """What is gone is said to be."""
    channels = server.channels(kernel, "away")
    channels.run("x = 1")
    channels.close()
    for _ in range(2):
        result(server, execute(server, kernel, "print('x')"))
        assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    channels = server.channels(kernel, "away")
    assert "dropped" in channels.receive()["content"]["text"]
    channels.close()


@pytest.mark.parametrize("restarts", [1, 2, 3])
def test_slow_during_restarts(server: Server, kernel: str, restarts: int) -> None:
    """A client that is behind hears the rest of each interpreter, or how much is gone."""
    slow = server.channels(kernel, "slow", V1)
    watch = server.get(f"/api/kernels/{kernel}/events?since=0&follow=1", stream=True)
    # More than the sockets between server and client hold, and less than the journal keeps.
    code = "for n in range(30): print('x' * 999_990, n)"
    result(server, execute(server, kernel, code))
    for number in range(restarts):
        assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
        result(server, execute(server, kernel, f"print('after restart {number + 1}')"))
    seen = [json.loads(line) for line in until(watch.iter_lines(), f"after restart {restarts}")]
    got = []
    while not got or f"after restart {restarts}\n" not in text(got[-1:]):
        got.append(slow.receive())
    slow.close()
    watch.close()
    first = "".join(f"{'x' * 999_990} {n}\n" for n in range(30))
    numbers = [m["metadata"]["husk"]["seq"] for m in got if "husk" in m["metadata"]]
    assert numbers == sorted(set(numbers))
    gaps = [event for event in seen if event.get("type") == "truncated"]
    for messages in (got, [event for event in seen if event not in gaps]):
        said = text(messages)
        assert said.startswith(first)
        assert f"after restart {restarts - 1}\n" in said or restarts == 1
    assert bool(gaps) == ("were dropped" in text(got)) == (restarts == 3)


def until(lines: Iterator[bytes], text: str) -> Iterator[bytes]:
    """The lines up to one with a text."""
    for line in lines:
        yield line
        if text.encode() in line:
            return
    raise AssertionError(f"{text!r} did not come")


def test_restart_is_announced(server: Server, kernel: str) -> None:
    """A restart that nobody has asked for says why."""
    channels = server.channels(kernel)
    channels.run("pass")
    path = execute(server, kernel, "import itertools; sum(itertools.repeat(0))", deadline=0.3)
    *_, said = channels.until(lambda m: m["content"].get("execution_state") == "restarting")
    assert said["content"]["reason"] == "deadline"
    assert result(server, path)["reason"] == "deadline_restarted"
    channels.close()


# ---- Places that there are not


def test_place_to_come(server: Server, kernel: str) -> None:
    """A client that claims to have what has not been said is told all that comes."""
    channels = server.channels(kernel, "ahead", since=10**12)
    assert text(channels.run("print(1)")) == "1\n"
    channels.close()
    execute(server, kernel, "print(2)")
    channels = server.channels(kernel, "ahead")
    got: list[dict[str, Any]] = []
    while "2\n" not in text(got):
        got.append(channels.receive())
    channels.close()


# ---- Not listening


def stalled(server: Server, kernel: str) -> Channels:
    """A client that takes nothing, with little room between it and the server."""
    return server.channels(kernel, uuid.uuid4().hex)


def test_execution_beside_a_client_that_does_not_listen(server: Server, kernel: str) -> None:
    """Nobody waits for it, and a deadline leaves the variables alone."""
    deaf = stalled(server, kernel)
    began = time.monotonic()
    result(server, execute(server, kernel, "x = 1; print('b' * (60 << 20))"))
    assert time.monotonic() - began < 15
    code = "for n in range(10**9): print('line', n)"
    assert result(server, execute(server, kernel, code, deadline=1))["reason"].startswith(
        "deadline_interrupted"
    )
    done = result(server, execute(server, kernel, "print(x)"))
    assert "1\\n" in done["outputs"]
    deaf.drop()


def test_interrupt_of_a_cell_that_waits_for_a_client(server: Server, kernel: str) -> None:
    """Whoever interrupts it wants it to end, and not to wait."""
    deaf = stalled(server, kernel)
    connection = server.post(f"/api/kernels/{kernel}/connect").json()
    with Client(connection) as client:
        client.wait_ready()
        deaf.execute("while True: print('x' * 1000)")
        wait_until(
            lambda: server.get(f"/api/kernels/{kernel}").json()["execution_state"] == "busy",
            5,
            "the cell",
        )
    activities = [""]

    def waits() -> bool:
        activities.append(server.get(f"/api/kernels/{kernel}").json()["last_activity"])
        return activities[-1] == activities[-2]

    wait_until(waits, 20, "the cell to wait", interval=0.3)
    assert server.post(f"/api/kernels/{kernel}/interrupt").status_code == 204
    wait_until(
        lambda: server.get(f"/api/kernels/{kernel}").json()["execution_state"] == "idle",
        10,
        "the end of the cell",
    )
    deaf.drop()


# ---- Much


@pytest.mark.parametrize("size", [40 << 20, 63 << 20])
def test_message_as_large_as_the_journal(server: Server, kernel: str, size: int) -> None:
    """A client that keeps up loses nothing to it."""
    channels = server.channels(kernel, framing=V1)
    channels.run("pass")
    request = channels.send("comm_msg", {"comm_id": "none", "data": {}}, buffers=[bytes(size)])
    got = [
        m for m in channels.until(is_idle(request)) if m["parent_header"].get("msg_id") == request
    ]
    assert "No such comm" in text(got)
    assert text(channels.run("print(1)")) == "1\n"
    channels.close()


def test_many_executions(server: Server, kernel: str) -> None:
    """Their results are there afterwards, and their keys are good for as long."""
    session = requests.Session()
    session.headers["Authorization"] = f"token {server.token}"
    url = f"{server.url}/api/kernels/{kernel}/execute"
    execute(server, kernel, "n = 0")
    places = [
        session.post(
            url, json={"code": f"n += 1; {number}"}, headers={"Idempotency-Key": f"k{number}"}
        ).headers["Location"]
        for number in range(700)
    ]
    result(server, places[-1])
    assert [session.get(server.url + place).status_code for place in places] == [200] * 700
    again = session.post(url, json={"code": "n += 1; 0"}, headers={"Idempotency-Key": "k0"})
    assert again.headers["Location"] == places[0]
    assert "'700'" in result(server, execute(server, kernel, "str(n)"))["outputs"]


# ---- The end of a server


def test_end_with_a_follower(husk: Husk, base: Path, tmp_path: Path) -> None:
    """It does not wait for who only watches, and ends their answer as it should."""
    own = husk.with_state(base / "followed")
    server = Server(own, tmp_path)
    kernel = server.start_kernel()
    watch = server.get(f"/api/kernels/{kernel}/events?since=0&follow=1", stream=True)
    lines = watch.iter_lines()
    assert next(lines)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    list(lines)
    assert server.process.wait(20) == 0
    assert time.monotonic() - began < 5
    end_keeper(own.state)


def test_power_cut(husk: Husk, base: Path, tmp_path: Path) -> None:
    """Kernels that were lost with their keeper are dead, say why, and can be restarted."""
    own = husk.with_state(base / "cut")
    server = Server(own, tmp_path)
    kernel = server.start_kernel()
    done = execute(server, kernel, "1")
    result(server, done)
    running = execute(server, kernel, "import time; time.sleep(60)")
    keeper = keeper_of(own.state)
    assert keeper
    server.kill()
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: not is_alive(keeper), 5, "the keeper's end")
    server.start_again()
    model = server.get(f"/api/kernels/{kernel}").json()
    assert model["execution_state"] == "dead"
    assert model["reason"] == "keeper_lost"
    assert server.get(done).status_code == 200
    lost = server.get(running)
    assert lost.status_code == 500
    assert lost.json()["reason"] == "keeper_lost"
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    assert "'2'" in result(server, execute(server, kernel, "str(2)"))["outputs"]
    assert server.stop() == 0
    end_keeper(own.state)


def test_terminal_in_the_sandbox_of_a_kernel(server: Server) -> None:
    """It ends with the kernel, and so does what both have started."""
    kernel = server.start_kernel()
    terminal = server.post("/api/terminals", {"kernel": kernel})
    result(
        server, execute(server, kernel, "import subprocess; subprocess.Popen(['sleep', '4711'])")
    )
    assert server.delete(f"/api/kernels/{kernel}").status_code == 204
    name = terminal.json()["name"]
    wait_until(
        lambda: name not in [t["name"] for t in server.get("/api/terminals").json()], 5, "its end"
    )
    wait_until(lambda: not sleepers("4711"), 5, "the end of its processes")


def sleepers(seconds: str) -> list[str]:
    """Processes of this machine that sleep so long."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [b"sleep", seconds.encode()]:
                found.append(entry.name)
    return found
