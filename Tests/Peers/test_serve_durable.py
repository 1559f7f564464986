"""`husk serve`: nothing of a cell is lost, whoever is killed, and how many there are."""

from __future__ import annotations

import json
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
import requests
from nbclient import NotebookClient
from nbformat import NotebookNode, from_dict

from peers.books import execute_over, normalised, widget_states
from peers.fixtures import served_kernel
from peers.husk import ROOT, SEED, Husk
from peers.processes import end_keeper
from peers.readers import (
    LINES,
    WHOLE,
    Noting,
    Reader,
    assert_whole,
    cell,
    kinds,
    of,
    sequence,
    told,
)
from peers.server import V1, Server, is_idle
from peers.slow import SlowClient, flood
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = [pytest.mark.husk, pytest.mark.timeout(180)]

KILLS = 20
"""How often the server is killed in one cell."""

LOSS = "output that was on its way to this client may be missing here"

DROPS = 50
"""How often a client is killed in one cell."""

FLOOD = 200_000_000
"""Bytes that are written beside a client that hardly reads."""

KERNELS = 200
"""Kernels that wait."""

BOOKS = sorted((ROOT / "Notebooks").glob("*.ipynb"))

NOTEBOOKS = pytest.mark.parametrize("notebook", BOOKS, ids=[path.stem for path in BOOKS])

FRAMINGS = pytest.mark.parametrize("framing", [None, V1], ids=["legacy", "v1"])


kernel = served_kernel


def places(count: int, seed: int) -> list[int]:
    """Lines at which something is killed; the cell has some way to go from the last."""
    return sorted(random.Random(SEED * 1000 + seed).sample(range(LINES * 8 // 10), count))


def numbers(messages: list[dict[str, Any]]) -> list[int]:
    """The numbers of those messages that have one."""
    return [number for number in map(sequence, messages) if number]


def is_increasing(values: list[int]) -> bool:
    """Whether each is greater than the one before."""
    return all(one < other for one, other in pairwise(values))


# ---- The server is killed


def has_seen(line: int, reader: Reader) -> bool:
    """Whether a client has seen a line."""
    return reader.line >= line


@pytest.fixture(scope="module")
def killed(
    husk: Husk, base: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[bool, str | None], Reader]]:
    """Four clients, each with a cell of its own, in which the server was killed twenty times.

    They are told apart by whether they say `since`, and by their framing.
    """
    own = husk.with_state(base / "serve-durable-killed")
    server = Server(own, tmp_path_factory.mktemp("killed"))
    ways = [(knows, framing) for knows in (True, False) for framing in (None, V1)]
    readers = {
        (knows, framing): Reader(server, framing, 20, knows=knows) for knows, framing in ways
    }
    everybody = list(readers.values())
    try:
        for reader in everybody:
            reader.start()
        for place in places(KILLS, 1):
            wait_until(of(everybody, partial(has_seen, place), any), 60, f"line {place}")
            wait_until(of(everybody, lambda r: r.is_connected), 30, "all are connected")
            server.kill()
            wait_until(of(everybody, lambda r: not r.is_connected), 30, "all have noticed")
            server.start_again()
        wait_until(of(everybody, lambda r: not r.is_alive()), 60, "all are through")
        yield readers
        assert server.stop() == 0, server.log
    finally:
        server.kill()
        end_keeper(own.state)


@FRAMINGS
def test_server_killed_and_a_client_that_knows(
    killed: dict[tuple[bool, str | None], Reader], framing: str | None
) -> None:
    """With `since` each event comes once, and in order."""
    reader = killed[True, framing]
    assert len(reader.heard) == KILLS + 1
    messages = reader.messages
    assert len(numbers(messages)) == len(messages)
    assert is_increasing(numbers(messages))
    assert_whole(messages)
    rest = kinds(messages, reader.request)
    assert rest[:2] == ["busy", "execute_input"]
    assert sorted(rest[2:]) == ["execute_reply", "idle"]


@FRAMINGS
def test_server_killed_and_a_stock_client(
    killed: dict[tuple[bool, str | None], Reader], framing: str | None
) -> None:
    """Nothing is missing or out of order, and what comes again comes behind the last pong."""
    reader = killed[False, framing]
    assert len(reader.heard) == KILLS + 1
    # Else nothing was said by a pong, and everything might come again.
    assert len(set(reader.known)) >= 3
    covered = 0
    """How much of what the cell tells was told so far."""
    end = {0: 0}
    """By the number of a message, how far it has told."""
    for known, messages in zip([0, *reader.known], reader.heard, strict=True):
        assert is_increasing(numbers(messages))
        assert min(numbers(messages), default=known + 1) > known
        piece = "".join(map(told, messages))
        if piece.count("\n") < 2:
            # It has no whole line, which would tell its place; what is missing is missed below.
            continue
        place = WHOLE.find(piece)
        assert max(at for number, at in end.items() if number <= known) <= place <= covered
        for message in messages:
            place += len(told(message))
            end[sequence(message)] = place
        covered = max(covered, place)
    assert covered == len(WHOLE)
    # Of what comes again the text may be in other pieces; the rest is the same.
    once = {m["header"]["msg_id"]: m for m in reader.messages}
    rest = kinds(once.values(), reader.request)
    assert rest[:2] == ["busy", "execute_input"]
    assert sorted(rest[2:]) == ["execute_reply", "idle"]


# ---- The client is killed


@FRAMINGS
def test_client_killed(server: Server, kernel: str, framing: str | None) -> None:
    """Fifty times within a cell, with what it had not read: with `since` each event comes once."""
    channels = server.channels(kernel, "killed", framing, since=0)
    request = channels.execute(cell(5))
    got: list[dict[str, Any]] = []
    wanted = {"idle", "execute_reply"}
    line, left = 0, places(DROPS, 2)
    while wanted:
        message = channels.receive()
        got.append(message)
        if message["parent_header"].get("msg_id") != request:
            continue
        kind, content = message["header"]["msg_type"], message["content"]
        wanted.discard(content.get("execution_state", kind))
        line += content["text"].count("\n") if kind == "stream" else 0
        if left and line >= left[0]:
            left.pop(0)
            # With data that was not read the system says RST, as for a process that was killed.
            channels.connection.sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            channels.drop()
            channels = server.channels(kernel, "killed", framing, since=max(map(sequence, got)))
    channels.close()
    assert left == []
    assert is_increasing(numbers(got))
    assert len(numbers(got)) == len(got)
    assert_whole(got)
    rest = kinds(got, request)
    assert rest[:2] == ["busy", "execute_input"]
    assert sorted(rest[2:]) == ["execute_reply", "idle"]


def test_server_killed_and_a_zeromq_client(server: Server, kernel: str) -> None:
    """Five times in a cell: reply and idle arrive, and what is missing is said to be, where it is.

    Nothing comes twice but the reply and the idle.
    """
    connection = server.post(f"/api/kernels/{kernel}/connect").json()
    with Client(connection) as client:
        client.wait_ready()
        request = client.start(cell(5))
        left = places(5, 3)
        seen, notices = -1, 0
        is_announced, is_cut = False, False
        """Whether there was a notice since the last line, and whether the next may be of pieces."""
        rest = ""
        """A line that has begun."""
        for message in client.published(request, 90):
            if message.type != "stream":
                continue
            if message.content["name"] == "stderr":
                assert LOSS in message.content["text"]
                notices += 1
                is_announced, is_cut = True, True
                continue
            *lines, rest = (rest + message.content["text"]).split("\n")
            for line in lines[1:] if is_cut else lines:
                number = int(line)
                assert number == seen + 1 or (number > seen and is_announced)
                seen, is_announced = number, False
            is_cut = is_cut and not lines
            if left and seen >= left[0]:
                left.pop(0)
                server.kill()
                server.start_again()
        assert left == []
        assert seen == LINES - 1
        assert rest == ""
        assert notices == 5
        assert client.reply(request).content["status"] == "ok"
        assert client.run_ok("print('still', n)").stdout == f"still {LINES - 1}\n"


# ---- A client that hardly reads


def test_slow_client(server: Server, kernel: str) -> None:
    """The other one gets everything, and the server does not keep what the slow one has not read.

    Tests/Peers/slow_client.py measures how fast.
    """
    before = server.anonymous_memory
    highest = before
    with SlowClient(server, kernel) as slow:
        channels = server.channels(kernel, framing=V1, since=0)
        request = channels.execute(flood(FLOOD))
        size, last = 0, 0
        for message in channels.until(is_idle(request)):
            assert sequence(message) > last
            last = sequence(message)
            if message["header"]["msg_type"] == "stream":
                size += len(message["content"]["text"])
                highest = max(highest, server.anonymous_memory)
        channels.close()
        assert size == FLOOD
        assert not slow.is_through
    print(f"server: {before >> 20} MiB, at most {highest >> 20} MiB with a client that is stuck")
    assert highest - before < 96 << 20


@pytest.mark.parametrize("is_lost", [False, True], ids=["stays", "lost"])
def test_client_that_is_behind(server: Server, kernel: str, is_lost: bool) -> None:
    """It is told all in order, the reply behind the output: what it has says what it lacks."""
    size = 12_000_000
    channels = server.channels(kernel, "behind", V1, since=0, kind=Noting)
    channels.run("pass")
    request = channels.execute(flood(size))
    wait_until(lambda: states(server) == ["idle"], 60, "the cell is through")
    got: list[dict[str, Any]] = []
    if is_lost:
        for _ in range(40):
            got.append(channels.receive())
        channels.drop()
        channels = server.channels(kernel, "behind", V1, since=max(map(sequence, got)))
    got += channels.until(is_idle(request))
    channels.close()
    sequences = [sequence(message) for message in got]
    assert sequences == sorted(sequences)
    kinds = [m["header"]["msg_type"] for m in got]
    assert "stream" not in kinds[kinds.index("execute_reply") :]
    text = [m["content"]["text"] for m in got if m["header"]["msg_type"] == "stream"]
    assert sum(map(len, text)) >= size


# ---- Many kernels


def test_idle_kernels_cost_nothing(husk: Husk, base: Path, tmp_path: Path) -> None:
    """Two hundred wait for their clients: the server does not use the processor."""
    own = husk.with_state(base / "serve-durable-idle")
    server = Server(own, tmp_path)
    try:
        process = psutil.Process(server.process.pid)
        # What the first kernel needs once is none of the others' cost.
        kernels = [server.start_kernel()]
        memory, descriptors = process.memory_full_info().uss, process.num_fds()
        with ThreadPoolExecutor(4) as pool:
            kernels += pool.map(lambda _: server.start_kernel(), range(KERNELS - 1))
        assert len(set(kernels)) == KERNELS
        wait_until(lambda: states(server) == ["idle"] * KERNELS, 60, "all are idle")
        used = cpu(process)
        # The time is what is tested.
        time.sleep(10)
        used = cpu(process) - used
        more = process.memory_full_info().uss - memory
        print(
            f"{KERNELS} idle kernels: {used:.2f} s of CPU in 10 s; each"
            f" {(process.num_fds() - descriptors) / (KERNELS - 1):.1f} descriptors and"
            f" {more / (KERNELS - 1) / 1e3:.0f} kB of the server"
        )
        assert used <= 0.05
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(lambda name: server.delete(f"/api/kernels/{name}"), kernels)
            assert {answer.status_code for answer in answers} == {204}
        assert server.get("/api/kernels").json() == []
        # Those of the first kernel are among them.
        wait_until(lambda: process.num_fds() <= descriptors, 10, "descriptors are closed")
        assert server.stop() == 0, server.log
    finally:
        server.kill()
        end_keeper(own.state)


def states(server: Server) -> list[str]:
    """States of all kernels."""
    return [model["execution_state"] for model in server.get("/api/kernels").json()]


def cpu(process: psutil.Process) -> float:
    """Seconds that a process has computed."""
    times = process.cpu_times()
    return times.user + times.system


# ---- Notebooks


@pytest.fixture(scope="module")
def over_zeromq(
    jupyter_environment: dict[str, str], kernel_name: str
) -> Callable[[Path], NotebookNode]:
    """Gives a notebook as nbclient runs it with the kernelspec; each is run once."""
    done: dict[Path, NotebookNode] = {}

    def run(path: Path) -> NotebookNode:
        if path not in done:
            done[path] = nbformat.read(path, 4)
            NotebookClient(done[path], kernel_name=kernel_name, timeout=60).execute()
        return done[path]

    return run


@NOTEBOOKS
def test_notebooks_over_a_websocket(
    server: Server, kernel: str, over_zeromq: Callable[[Path], NotebookNode], notebook: Path
) -> None:
    """nbclient over a WebSocket gets what it gets over ZeroMQ, with the states of widgets."""
    book = nbformat.read(notebook, 4)
    channels = server.channels(kernel, framing=V1)
    execute_over(channels, book)
    channels.close()
    expected = over_zeromq(notebook)
    assert normalised(book) == normalised(expected)
    assert widget_states(book) == widget_states(expected)


@NOTEBOOKS
def test_notebooks_over_http(
    server: Server, kernel: str, over_zeromq: Callable[[Path], NotebookNode], notebook: Path
) -> None:
    """The results of requests have the outputs that nbclient puts together over ZeroMQ."""
    book = nbformat.read(notebook, 4)
    for one in book.cells:
        if one.cell_type != "code":
            continue
        body = {"code": one.source, "allow_stdin": False, "stop_on_error": False}
        answer = server.post(f"/api/kernels/{kernel}/execute", body)
        assert answer.status_code == 202, answer.text
        done = result(server, answer.headers["Location"])
        assert done.status_code == 200, done.text
        one.outputs = [from_dict(output) for output in json.loads(done.json()["outputs"])]
        one.execution_count = done.json()["execution_count"]
    # What a later cell changes of an earlier one's outputs is told by events only.
    own = partial(normalised, ignoring="nbval-ignore-output")
    assert own(book) == own(over_zeromq(notebook))


def test_questions(server: Server, kernel: str) -> None:
    """The cells of a notebook that ask, answered in each of the three ways, show the same."""
    book = nbformat.read(ROOT / "Notebooks/input.ipynb", 4)
    asking = [
        cell.source for cell in book.cells if "raises-exception" in cell.metadata.get("tags", [])
    ]
    assert len(asking) == 2
    code = [f"{source}" for source in asking]
    expected = [("What is your name? ", False, "'Ada'"), ("Password: ", True, "'Ada'")]
    over_http = []
    for source in code:
        answer = server.post(f"/api/kernels/{kernel}/execute", {"code": source})
        path = answer.headers["Location"]
        asked = result(server, path, 300).json()["input_request"]
        assert server.post(f"/api/kernels/{kernel}/input", {"input": "Ada"}).status_code == 201
        (output,) = json.loads(result(server, path).json()["outputs"])
        over_http.append((asked["prompt"], asked["password"], output["data"]["text/plain"]))
    assert over_http == expected
    over_websocket = []
    channels = server.channels(kernel)
    for source in code:
        request = channels.execute(source, allow_stdin=True)
        for message in channels.until(is_idle(request)):
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "input_request":
                question = content
                channels.send("input_reply", {"value": "Ada"}, "stdin", message["header"])
            elif kind == "execute_result":
                shown = content["data"]["text/plain"]
        over_websocket.append((question["prompt"], question["password"], shown))
    channels.close()
    assert over_websocket == expected
    over_zeromq = []
    with Client(server.post(f"/api/kernels/{kernel}/connect").json()) as client:
        client.wait_ready()
        for source in code:
            request = client.start(source, allow_stdin=True)
            asks = client.wait_for("stdin", lambda m: m.type == "input_request", 10, "question")
            client.send("stdin", "input_reply", {"value": "Ada"}, parent=asks.header)
            shown = client.finish(request).only("execute_result").content["data"]["text/plain"]
            over_zeromq.append((asks.content["prompt"], asks.content["password"], shown))
    assert over_zeromq == expected


def result(server: Server, path: str, status: int = 200) -> requests.Response:
    """The answer of a request, once it has that status."""
    answers: list[requests.Response] = []

    def is_there() -> bool:
        answers.append(server.get(path))
        return answers[-1].status_code == status or answers[-1].status_code >= 400

    wait_until(is_there, 60, path, 0.02)
    return answers[-1]
