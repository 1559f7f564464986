"""Dead kernels of `husk serve`: why, what they have said, and what can be done with them."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest

from peers.fixtures import served_kernel
from peers.husk import one_line
from peers.server import Server, text
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

kernel = served_kernel

KILL = "import os; os.kill(os.getpid(), 9)"


def model(server: Server, kernel: str) -> dict[str, Any]:
    """What the API says of a kernel."""
    answer = server.get(f"/api/kernels/{kernel}")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert isinstance(found, dict)
    return found


def events(server: Server, kernel: str, since: int = 0) -> list[dict[str, Any]]:
    """What a kernel has said."""
    answer = server.get(f"/api/kernels/{kernel}/events?since={since}")
    return [json.loads(line) for line in answer.text.splitlines()]


def killed(server: Server, kernel: str, code: str = KILL) -> str:
    """Lets a cell kill the interpreter. Returns the path of its execution."""
    answer = server.post(f"/api/kernels/{kernel}/execute", {"code": f"print('said'); {code}"})
    place = answer.headers["Location"]
    wait_until(lambda: server.get(place).status_code == 500, 20, "the end of the cell")
    wait_until(lambda: model(server, kernel)["execution_state"] == "dead", 10, "the death")
    return place


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("other", [False, True], ids=["alone", "beside another"])
def test_death_outlives_servers(own_server: Server, end: signal.Signals, other: bool) -> None:
    """The reason, the events and their numbers are as they were, through any number of servers."""
    server = own_server
    if other:
        server.start_kernel()
    kernel = server.start_kernel()
    channels = server.channels(kernel, "away")
    channels.run("x = 1")
    channels.close()
    place = killed(server, kernel)
    before = model(server, kernel)
    said, result = events(server, kernel), server.get(place).json()
    assert before["reason"] == result["reason"] == "interpreter_signalled"
    assert said[-1]["content"]["reason"] == "interpreter_signalled"
    for _ in range(2):
        server.process.send_signal(end)
        server.process.wait(20)
        length = len(server.log)
        server.start_again()
        assert kernel not in server.log[length:]
        after = model(server, kernel)
        for name in ("execution_state", "reason", "message"):
            assert after[name] == before[name]
        assert events(server, kernel) == said
        assert events(server, kernel, said[3]["seq"]) == said[4:]
        assert server.get(place).json() == result
    channels = server.channels(kernel, "away")
    heard = list(channels.until(lambda m: m["content"].get("execution_state") == "dead"))
    assert "said\n" in text(heard)
    assert heard[-1]["content"]["reason"] == "interpreter_signalled"
    # The channels stay open for the kernel's next life, whose events have higher numbers.
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    run = channels.run("print('back')")
    assert text(run).endswith("back\n")
    channels.close()
    numbers = [e["seq"] for e in events(server, kernel)]
    assert numbers == sorted(set(numbers))
    assert numbers[: len(said)] == [e["seq"] for e in said]
    server.kill()
    server.start_again()
    assert model(server, kernel)["execution_state"] == "idle"
    assert "reason" not in model(server, kernel)


def test_death_while_there_was_no_server(own_server: Server) -> None:
    """It is known to every later server, and told once."""
    server = own_server
    kernel = server.start_kernel()
    server.kill()
    assert server.husk.run("stop", kernel).returncode == 0
    for number in range(2):
        length = len(server.log)
        server.start_again()
        assert model(server, kernel)["reason"] == "operator"
        assert (kernel in server.log[length:]) == (number == 0)
        server.kill()
    server.start_again()


def test_new_client_of_a_dead_kernel(server: Server, kernel: str) -> None:
    """It is told at once that it is dead, and why."""
    killed(server, kernel)
    channels = server.channels(kernel)
    content = channels.receive()["content"]
    assert content["execution_state"] == "dead"
    assert content["reason"] == "interpreter_signalled"
    channels.close()


def test_shutdown_by_a_client(server: Server, kernel: str) -> None:
    """Every client is told, the one that has asked for it and the others."""
    clients = [server.channels(kernel) for _ in range(2)]
    clients[0].run("x = 1")
    clients[0].send("shutdown_request", {"restart": False}, "control")
    for channels in clients:
        *_, last = channels.until(lambda m: m["content"].get("execution_state") == "dead")
        assert last["content"]["reason"] == "requested"
        channels.close()
    assert model(server, kernel)["reason"] == "requested"


def test_sockets_of_a_dead_kernel(server: Server, kernel: str) -> None:
    """Nobody is sent to them, whether or not it had some while it lived."""
    assert server.post(f"/api/kernels/{kernel}/connect").status_code == 200
    killed(server, kernel)
    assert server.post(f"/api/kernels/{kernel}/connect").status_code == 409
    for command in ("connect", "attach"):
        done = subprocess.run(
            [*server.husk.prefix, server.husk.binaries / "husk", command, kernel],
            env=server.husk.environment,
            input="print(1)\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert done.returncode == 1
        assert "run" in one_line(done.stderr)
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    assert server.post(f"/api/kernels/{kernel}/connect").status_code == 200


def test_executions_that_a_restart_ends(server: Server, kernel: str) -> None:
    """They say so, the one that ran and those that waited."""
    path = f"/api/kernels/{kernel}/execute"
    codes = ("import time; time.sleep(60)", "print('never')", "print('nor this')")
    places = [server.post(path, {"code": code}).headers["Location"] for code in codes]
    wait_until(lambda: server.get(places[0]).json().get("status") != "queued", 10, "the cell")
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    for number, place in enumerate(places):
        wait_until(lambda place=place: server.get(place).status_code != 202, 10, "the end")
        result = server.get(place).json()
        assert result["reason"] == "kernel_restarted", (number, result)
        assert number == 0 or result["execution_count"] is None
