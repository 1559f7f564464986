"""`husk serve`: events without a WebSocket, and cells whose client need not stay."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from peers.fixtures import served_kernel
from peers.husk import Husk
from peers.processes import end_keeper
from peers.server import Server, is_idle, text
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(180)]

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"


kernel = served_kernel


def lines(answer: requests.Response) -> Iterator[dict[str, Any]]:
    """The objects of a body, as they come."""
    for line in answer.iter_lines(chunk_size=None):
        yield json.loads(line)


def events(server: Server, kernel: str, since: int = 0) -> list[dict[str, Any]]:
    """The events up to now."""
    answer = server.get(f"/api/kernels/{kernel}/events?since={since}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == NDJSON
    return list(lines(answer))


def execute(server: Server, kernel: str, code: str, **body: object) -> str:
    """Gives a kernel a cell to run. Returns the request's path."""
    answer = server.post(f"/api/kernels/{kernel}/execute", {"code": code} | body)
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def until(
    server: Server, path: str, test: Callable[[requests.Response], bool]
) -> requests.Response:
    """Asks for a request until an answer passes the test."""
    answers: list[requests.Response] = []

    def asks() -> bool:
        answers.append(server.get(path))
        return test(answers[-1])

    wait_until(asks, 60, path, 0.02)
    return answers[-1]


def result(server: Server, path: str) -> requests.Response:
    """The answer of a request that is through."""
    return until(server, path, lambda answer: answer.status_code not in (202, 300))


def outputs(answer: requests.Response) -> list[dict[str, Any]]:
    """The outputs in an answer."""
    parsed = json.loads(answer.json()["outputs"])
    assert isinstance(parsed, list)
    return parsed


def shown(answer: requests.Response, name: str = "stdout") -> str:
    """The text of a stream in an answer."""
    return "".join(output["text"] for output in outputs(answer) if output.get("name") == name)


# ---- Events


def test_events_are_those_of_a_socket(server: Server, kernel: str) -> None:
    """The same messages, in the same order, under the same numbers."""
    channels = server.channels(kernel, since=0)
    code = "from comm import create_comm\nprint('é')\ncreate_comm(buffers=[b'\\x00\\xff'])\n1 / 0"
    told: list[dict[str, Any]] = []
    request = channels.execute(code)
    told += channels.until(is_idle(request))
    channels.close()
    read = events(server, kernel)
    assert [
        (m["metadata"]["husk"]["seq"], m["channel"], m["header"]["msg_id"], m["content"])
        for m in told
    ] == [(e["seq"], e["channel"], e["header"]["msg_id"], e["content"]) for e in read]
    keys = ["seq", "channel", "header", "parent_header", "metadata", "content", "buffers"]
    assert all(list(event) == keys for event in read)
    (opened,) = [event for event in read if event["header"]["msg_type"] == "comm_open"]
    assert [base64.b64decode(buffer) for buffer in opened["buffers"]] == [b"\x00\xff"]
    middle = read[len(read) // 2]["seq"]
    assert events(server, kernel, middle) == [e for e in read if e["seq"] > middle]
    assert events(server, kernel, read[-1]["seq"]) == []


def test_events_for_browsers(server: Server, kernel: str) -> None:
    """Server-sent events; their ids are what a browser comes back with."""
    result(server, execute(server, kernel, "print('one')"))
    path = f"/api/kernels/{kernel}/events"
    answer = server.get(path, headers={"Accept": SSE})
    assert answer.headers["Content-Type"] == SSE
    parts = [part.split("\n") for part in answer.content.decode().split("\n\n")[:-1]]
    read = [(int(a.removeprefix("id: ")), json.loads(b.removeprefix("data: "))) for a, b in parts]
    assert [identifier for identifier, _ in read] == [event["seq"] for _, event in read]
    assert [event for _, event in read] == events(server, kernel)
    last = server.get(f"{path}?since=0", headers={"Accept": SSE, "Last-Event-ID": str(read[-2][0])})
    assert last.text.count("data: ") == 1


def test_events_are_live(server: Server, kernel: str) -> None:
    """They come as they happen, over restarts; a reader that leaves is let go."""
    path = f"/api/kernels/{kernel}"
    answer = server.get(f"{path}/events?follow=1", stream=True)
    live = lines(answer)
    execute(server, kernel, "print('first')\ninput()")
    assert any(event["content"].get("text") == "first\n" for event in live)
    assert server.get(path).json()["connections"] == 1
    assert server.post(f"{path}/restart").status_code == 200
    execute(server, kernel, "print('second')")
    assert any(event["content"].get("text") == "second\n" for event in live)
    answer.close()
    wait_until(lambda: server.get(path).json()["connections"] == 0, 10, "the reader is gone")


def test_lost_events_are_said_to_be(server: Server, kernel: str) -> None:
    """Where the journal does not reach back to, an event says so."""
    result(server, execute(server, kernel, "x = 1"))
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    path = execute(
        server, kernel, "import os\nfor n in range(1200): print('x' * 65535, flush=True)"
    )
    model = f"/api/kernels/{kernel}"
    wait_until(lambda: server.get(model).json()["execution_state"] == "idle", 60, "idle")
    read = events(server, kernel)
    (said,) = [event for event in read if event.get("type") == "truncated"]
    assert said["dropped"] > 0
    # Also to those who start behind the beginning of what there was.
    late = events(server, kernel, said["seq"] - 5)
    assert late[0]["dropped"] == 5
    assert late[1:] == read[read.index(said) + 1 :]
    assert is_idle(path.rsplit("/", 1)[1])(read[-1])


def test_events_of_a_dead_kernel(server: Server, kernel: str) -> None:
    """They are there, up to the death."""
    execute(server, kernel, "import os; os.kill(os.getpid(), 11)")
    path = f"/api/kernels/{kernel}"
    wait_until(lambda: server.get(path).json()["execution_state"] == "dead", 10, "dead")
    content = events(server, kernel)[-1]["content"]
    assert content["execution_state"] == "dead"
    assert content["reason"] == "interpreter_signalled"
    refused = server.post(f"{path}/execute", {"code": "1"})
    assert refused.status_code == 409
    assert refused.json()["reason"] == "kernel_not_running"


def test_bad_numbers(server: Server, kernel: str) -> None:
    """A place that is none is refused."""
    answer = server.get(f"/api/kernels/{kernel}/events?since=yesterday")
    assert answer.status_code == 400
    assert answer.json()["reason"] == "bad_sequence"


# ---- Executions


def test_execution(server: Server, kernel: str) -> None:
    """In the words of jupyter-server-nbmodel."""
    metadata = {"cell_id": "c1", "document_path": "a.ipynb"}
    body = {"code": "print('on', flush=True)\ninput()\nprint('b')\n6 * 7", "metadata": metadata}
    accepted = server.post(f"/api/kernels/{kernel}/execute", body)
    assert accepted.status_code == 202
    location = accepted.headers["Location"]
    context = {
        "request_id": location.rsplit("/", 1)[1],
        "kernel_id": kernel,
        "request_url": location,
        "cell_id": "c1",
        "document_path": "a.ipynb",
    }
    queued = context | {"pending": True, "request_status": "queued", "outputs": "[]"}
    assert accepted.json() == queued
    asked = until(server, location, lambda answer: answer.status_code == 300)
    assert asked.headers["Location"] == f"/api/kernels/{kernel}/input"
    described = asked.json()
    assert described["parent_header"]["msg_type"] == "input_request"
    assert described["input_request"] == {"prompt": "", "password": False}
    assert described["request_status"] == "input"
    listed = server.get(f"/api/kernels/{kernel}/execute").json()
    assert listed["kernel_id"] == kernel
    assert [entry["request_id"] for entry in listed["requests"]] == [context["request_id"]]
    assert server.post(f"/api/kernels/{kernel}/input", {"input": "line"}).status_code == 201
    done = result(server, location)
    assert done.status_code == 200
    assert outputs(done) == [
        {"output_type": "stream", "name": "stdout", "text": "on\nb\n"},
        {
            "output_type": "execute_result",
            "metadata": {},
            "data": {"text/plain": "42"},
            "execution_count": 1,
        },
    ]
    final = done.json()
    final.pop("outputs")
    complete = {"pending": False, "request_status": "complete", "status": "ok"}
    assert final == context | complete | {"execution_count": 1}
    assert server.get(f"/api/kernels/{kernel}/execute").json()["requests"] == []
    assert server.post(f"/api/kernels/{kernel}/input", {"input": "line"}).status_code == 409


def test_outputs_before_the_end(server: Server, kernel: str) -> None:
    """A cell that runs shows what it has said; DELETE interrupts it."""
    path = execute(server, kernel, "print('so far', flush=True)\nwhile True: pass")
    running = until(server, path, lambda answer: answer.json()["outputs"] != "[]")
    assert running.status_code == 202
    assert running.json()["request_status"] == "running"
    assert shown(running) == "so far\n"
    assert server.delete(path).status_code == 204
    done = result(server, path)
    assert done.status_code == 200
    assert done.json()["status"] == "error"
    assert outputs(done)[-1]["ename"] == "KeyboardInterrupt"


def test_errors(server: Server, kernel: str) -> None:
    """A cell's own error is a result; what did not run, or not to its end, is a failure."""
    waits = execute(server, kernel, "input()\n1 / 0")
    behind = execute(server, kernel, "print('never')")
    until(server, waits, lambda answer: answer.status_code == 300)
    server.post(f"/api/kernels/{kernel}/input", {"input": ""})
    failed = result(server, waits)
    assert (failed.status_code, failed.json()["status"]) == (200, "error")
    aborted = result(server, behind)
    assert aborted.status_code == 500
    assert aborted.json()["reason"] == "aborted"
    assert aborted.json()["error"] == aborted.json()["message"]
    died = result(server, execute(server, kernel, "import os; os.kill(os.getpid(), 11)"))
    assert died.status_code == 500
    assert died.json()["reason"] == "interpreter_signalled"
    assert "SIGSEGV" in died.json()["error"]


def test_what_is_not_there(server: Server, kernel: str) -> None:
    """Unknown requests and bad bodies."""
    unknown = f"/api/kernels/{kernel}/requests/{uuid.uuid4()}"
    assert server.get(unknown).status_code == 404
    assert server.delete(unknown).status_code == 404
    for body in ({}, {"code": 1}, {"code": "1", "deadline": -1}, {"code": "1", "metadata": 1}):
        refused = server.post(f"/api/kernels/{kernel}/execute", body)
        assert refused.status_code == 400
        assert set(refused.json()) == {"message", "reason"}
    other = f"/api/kernels/{uuid.uuid4()}/execute"
    assert server.post(other, {"code": "1"}).status_code == 404


def test_silent_and_expressions(server: Server, kernel: str) -> None:
    """The members of an execute_request mean what they mean there."""
    result(server, execute(server, kernel, "x = 3", store_history=False))
    done = result(server, execute(server, kernel, "x", user_expressions={"y": "x + 1"}))
    assert done.json()["execution_count"] == 1
    assert done.json()["user_expressions"]["y"]["data"] == {"text/plain": "4"}
    refused = result(server, execute(server, kernel, "input()", allow_stdin=False))
    assert outputs(refused)[0]["ename"] == "StdinNotImplementedError"


@pytest.mark.parametrize("accept", [NDJSON, SSE])
def test_streamed(server: Server, kernel: str, accept: str) -> None:
    """The request's events, from busy to idle, as they come; a client that leaves stops nothing."""
    answer = server.post(
        f"/api/kernels/{kernel}/execute",
        {"code": "print('on', flush=True)\nprint(input())"},
        headers={"Accept": accept},
        stream=True,
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == accept
    location = answer.headers["Location"]
    request = location.rsplit("/", 1)[1]
    got: list[dict[str, Any]] = []
    for line in answer.iter_lines(chunk_size=None):
        if not line or line.startswith(b"id: "):
            continue
        got.append(json.loads(line.removeprefix(b"data: ")))
        if got[-1]["header"]["msg_type"] == "input_request":
            assert server.post(f"/api/kernels/{kernel}/input", {"input": "off"}).status_code == 201
    assert text(got) == "on\noff\n"
    assert all(event["parent_header"]["msg_id"] == request for event in got)
    assert got[0]["content"] == {"execution_state": "busy"}
    assert is_idle(request)(got[-1])
    assert [e["channel"] for e in got if e["header"]["msg_type"] == "execute_reply"] == ["shell"]
    left = server.post(
        f"/api/kernels/{kernel}/execute",
        {"code": "print('here', flush=True)\ninput()\ny = 5"},
        headers={"Accept": NDJSON},
        stream=True,
    )
    assert any(e["header"]["msg_type"] == "input_request" for e in lines(left))
    left.close()
    server.post(f"/api/kernels/{kernel}/input", {"input": ""})
    assert result(server, left.headers["Location"]).json()["status"] == "ok"


def test_one_key_one_run(server: Server, kernel: str) -> None:
    """A client that does not know whether it was heard asks again."""
    key = {"Idempotency-Key": "once"}
    path = f"/api/kernels/{kernel}/execute"
    body = {"code": "n = globals().get('n', 0) + 1\nprint(n)"}
    first = server.post(path, body, headers=key)
    result(server, first.headers["Location"])
    again = server.post(path, body, headers=key)
    assert again.headers["Location"] == first.headers["Location"]
    streamed = server.post(path, body, headers=key | {"Accept": NDJSON})
    assert text(list(lines(streamed))) == "1\n"
    assert shown(result(server, execute(server, kernel, "print(n)"))) == "1\n"
    other = server.post(path, {"code": "2"}, headers=key)
    assert other.status_code == 422
    assert other.json()["reason"] == "idempotency_key_reused"


def test_results_outlive_restarts(server: Server, kernel: str) -> None:
    """Those of a kernel's earlier interpreter too."""
    done = execute(server, kernel, "print('kept')")
    result(server, done)
    broken = execute(server, kernel, "print('on', flush=True)\nwhile True: pass")
    until(server, broken, lambda answer: answer.json()["outputs"] != "[]")
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    assert shown(server.get(done)) == "kept\n"
    failed = result(server, broken)
    assert failed.status_code == 500
    assert shown(failed) == "on\n"
    assert result(server, execute(server, kernel, "1")).status_code == 200


def test_results_outlive_the_server(husk: Husk, base: Path, tmp_path: Path) -> None:
    """Killed with a result, a cell at a question, one that waits, and a deadline that runs."""
    own = husk.with_state(base / "execute-killed")
    server = Server(own, tmp_path)
    kernel = server.start_kernel()
    other = server.start_kernel()
    key = {"Idempotency-Key": "k"}
    done = server.post(f"/api/kernels/{kernel}/execute", {"code": "print(1)"}, headers=key)
    result(server, done.headers["Location"])
    asks = execute(server, kernel, "print('before', flush=True)\nprint(input())")
    waits = execute(server, kernel, "print('behind')")
    result(server, execute(server, other, "x = 1"))
    limited = execute(server, other, "while True: pass", deadline=2)
    until(server, asks, lambda answer: answer.status_code == 300)
    until(server, limited, lambda answer: answer.json()["request_status"] == "running")
    server.kill()
    server.start_again()
    assert shown(server.get(done.headers["Location"])) == "1\n"
    again = server.post(f"/api/kernels/{kernel}/execute", {"code": "print(1)"}, headers=key)
    assert again.headers["Location"] == done.headers["Location"]
    assert server.get(waits).json()["request_status"] == "queued"
    until(server, asks, lambda answer: answer.status_code == 300)
    server.post(f"/api/kernels/{kernel}/input", {"input": "after"})
    assert shown(result(server, asks)) == "before\nafter\n"
    assert shown(result(server, waits)) == "behind\n"
    assert result(server, limited).json()["reason"] == "deadline_interrupted"
    assert shown(result(server, execute(server, other, "print(x)"))) == "1\n"
    assert server.stop() == 0
    end_keeper(own.state)


# ---- Deadlines


def test_deadline(server: Server, kernel: str) -> None:
    """A cell that computes for ever ends in time, and what it knew is still known."""
    result(server, execute(server, kernel, "x = 1"))
    began = time.monotonic()
    answer = server.post(
        f"/api/kernels/{kernel}/execute",
        {"code": "while True: pass", "deadline": 2},
        headers={"Accept": NDJSON},
        stream=True,
    )
    got = list(lines(answer))
    took = time.monotonic() - began
    assert 2 <= took <= 2.2, took
    assert "its deadline: interrupted." in text(got)
    done = result(server, answer.headers["Location"])
    assert done.status_code == 200
    assert done.json()["reason"] == "deadline_interrupted"
    assert done.json()["steps"] == ["interrupt"]
    assert outputs(done)[-1]["ename"] == "KeyboardInterrupt"
    assert shown(result(server, execute(server, kernel, "print(x)"))) == "1\n"


def test_deadline_of_a_cell_that_ends_in_time(server: Server, kernel: str) -> None:
    """It is as if there were none; a later cell is not met by it."""
    done = result(server, execute(server, kernel, "1", deadline=0.5))
    assert "reason" not in done.json()
    later = execute(server, kernel, "import time; time.sleep(1); print('whole')")
    assert shown(result(server, later)) == "whole\n"


def test_deadline_begins_with_the_cell(server: Server, kernel: str) -> None:
    """One that waits behind another is not charged for that."""
    execute(server, kernel, "import time; time.sleep(1)")
    done = result(server, execute(server, kernel, "print('ran')", deadline=0.5))
    assert shown(done) == "ran\n"


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    while True: pass\nexcept KeyboardInterrupt:\n    while True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    ],
    ids=["once", "always"],
)
def test_deadline_of_a_cell_that_catches_it(server: Server, kernel: str, code: str) -> None:
    """An interrupt insists: the cell ends, and the kernel lives."""
    result(server, execute(server, kernel, "x = 1"))
    done = result(server, execute(server, kernel, code, deadline=0.5))
    assert done.json()["reason"].startswith("deadline_interrupted")
    assert shown(result(server, execute(server, kernel, "print(x)"))) == "1\n"


def test_deadline_of_a_cell_that_heeds_nothing(server: Server, kernel: str) -> None:
    """C code that never looks: the interpreter is killed; files stay, the next cell runs."""
    code = (
        "import itertools\nopen('/tmp/kept', 'w').write('there')\nx = 1\nsum(itertools.repeat(0))"
    )
    began = time.monotonic()
    done = result(server, execute(server, kernel, code, deadline=0.5))
    assert time.monotonic() - began < 4
    assert done.status_code == 500
    assert done.json()["reason"] == "deadline_restarted"
    assert done.json()["steps"] == ["interrupt", "second_interrupt", "restart"]
    assert "restarted" in shown(done, "stderr")
    path = f"/api/kernels/{kernel}"
    wait_until(lambda: server.get(path).json()["execution_state"] == "idle", 10, "restarted")
    after = result(server, execute(server, kernel, "print(open('/tmp/kept').read(), 'x' in dir())"))
    assert shown(after) == "there False\n"


# ---- Variables of one cell


def test_environment_of_one_cell(server: Server, kernel: str) -> None:
    """It is there for the cell and what it starts, and gone afterwards, also behind an error."""
    result(server, execute(server, kernel, "import os; os.environ['OLD'] = 'before'"))
    code = "print(os.environ['OLD'])\n!echo $NEW\n1 / 0"
    done = result(server, execute(server, kernel, code, environment={"OLD": "o", "NEW": "n"}))
    assert shown(done).split() == ["o", "n"]
    code = "import asyncio; await asyncio.sleep(0); print(os.environ['NEW'])"
    assert shown(result(server, execute(server, kernel, code, environment={"NEW": "a"}))) == "a\n"
    after = result(server, execute(server, kernel, "print(os.environ['OLD'], 'NEW' in os.environ)"))
    assert shown(after) == "before False\n"
    body = {"code": "1", "environment": {"A=B": "1"}}
    assert server.post(f"/api/kernels/{kernel}/execute", body).status_code == 400
