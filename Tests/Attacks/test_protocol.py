"""A hostile interpreter on its channel: its kernel ends with a reason, or goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attacks.arena import Arena
from attacks.protocol import (
    HELPERS,
    LEAVE_PIPES,
    MARK,
    WIDE,
    Forgery,
    bombs,
    frames,
    holds,
    lies,
    messages,
)
from conftest import KINDS
from peers.kernel import Kernel
from peers.waiting import wait_until
from peers.wire import Client, Message

pytestmark = pytest.mark.parametrize("kind", KINDS)


def named(forgery: Forgery) -> str:
    """A forgery's name for people."""
    return forgery.name


@pytest.fixture
def kernel(arena: Arena, kind: str) -> Iterator[Kernel]:
    """A kernel of the test's own, beside the one that all share."""
    with arena.start(kind) as kernel:
        yield kernel


@pytest.fixture
def client(kernel: Kernel) -> Client:
    """Its client, whose kernel has what the cells need."""
    client = kernel.client()
    client.run_ok(HELPERS)
    return client


def holds_mark(message: Message) -> bool:
    """Tells whether a message is a forgery, or shows one."""
    return MARK in json.dumps([message.header, message.metadata, message.content])


def goes_on_or_is_dead(message: Message) -> bool:
    """Tells whether a message is the last that there is of a kernel."""
    is_dead: bool = message.content.get("execution_state") == "dead"
    return is_dead or "goes on" in message.content.get("text", "")


def has_replied(client: Client, request: str) -> bool:
    """Tells whether a request has its reply, without a look at what is published."""
    try:
        client.reply(request, timeout=0.02)
    except TimeoutError:
        return False
    return True


def hears_forgery(client: Client) -> bool:
    """Tells whether a forgery has come, on any channel."""
    for channel in ("shell", "stdin", "control", "iopub"):
        try:
            client.wait_for(channel, holds_mark, 0.02, "forgery")
        except TimeoutError:
            continue
        return True
    return False


@contextmanager
def ended_if_held(kernel: Kernel) -> Iterator[None]:
    """Ends a server that does not answer: it would not end when it is asked to."""
    try:
        yield
    except (AssertionError, TimeoutError):
        kernel.kill()
        raise


@pytest.mark.parametrize("forgery", frames() + messages(), ids=named)
def test_damage(arena: Arena, kind: str, kernel: Kernel, client: Client, forgery: Forgery) -> None:
    """The kernel ends with the reason, in one line that steers nobody's terminal."""
    _, neighbour = arena.kernel(kind)
    request = client.start(
        f"own = kernel.request_number()\n{forgery.code}\nimport signal; signal.pause()"
    )
    reason = client.death(request, timeout=30)["evalue"]
    assert forgery.reason in reason
    assert kernel.wait(10) == 1
    assert [line for line in kernel.stderr.splitlines() if reason in line] != []
    assert len(kernel.stderr.splitlines()) == 1
    assert not hears_forgery(client)
    assert not hears_forgery(neighbour)
    assert neighbour.run_ok("print('goes on')").stdout == "goes on\n"


@pytest.mark.parametrize("forgery", lies(), ids=named)
def test_lies(arena: Arena, kind: str, client: Client, forgery: Forgery) -> None:
    """Nobody hears them; the cell has its own reply, and so has the one that waited behind it."""
    _, neighbour = arena.kernel(kind)
    code = f"own = kernel.request_number()\ninput('go on? ')\n{forgery.code}\nprint('said')"
    request = client.start(code, allow_stdin=True)
    asked = client.any_message("stdin")
    waiting = client.start("print('waited')")
    client.request("kernel_info_request", channel="control")
    client.send("stdin", "input_reply", {"value": ""}, parent=asked.header)
    first = client.finish(request)
    second = client.finish(waiting)
    assert (first.reply["status"], first.stdout.endswith("said\n")) == ("ok", True)
    assert (second.reply["status"], second.stdout) == ("ok", "waited\n")
    assert client.run_ok("print('goes on')").stdout == "goes on\n"
    assert not hears_forgery(client)
    assert client.is_silent("shell", 0.02)
    assert not hears_forgery(neighbour)
    assert neighbour.run_ok("print('goes on')").stdout == "goes on\n"


@pytest.mark.parametrize("forgery", holds(), ids=named)
def test_server_that_is_held(arena: Arena, kind: str, folder: Path, forgery: Forgery) -> None:
    """The server does not wait for the interpreter: it answers, and ends it."""
    _, neighbour = arena.kernel(kind)
    with arena.start(kind, cwd=folder) as kernel, ended_if_held(kernel):
        client = kernel.client()
        client.run_ok(HELPERS)
        client.start(f"own = kernel.request_number()\n{forgery.code}")
        wait_until((folder / "held").exists, 10, "end of the attack")
        client.send("control", "usage_request")
        for _ in range(20):
            assert client.beat(3) < 1
            request = client.send("control", "kernel_info_request")
            assert client.reply(request, "control", timeout=5).content["status"] == "ok"
        assert neighbour.run_ok("print('goes on')").stdout == "goes on\n"
        kernel.stop(5)
        assert kernel.process.returncode in (0, 1)


@pytest.mark.parametrize("pipes", [(), (7, 8)], ids=["as they are", "made to wait"])
def test_pipes_that_stay_open(
    arena: Arena, kind: str, folder: Path, pipes: tuple[int, ...]
) -> None:
    """The sandbox lives on, for another kernel is in it; the server tells of its own one's end."""
    sandbox = ("--sandbox", folder.name)
    with (
        arena.start(kind, *sandbox, cwd=folder) as other,
        arena.start(kind, *sandbox, cwd=folder) as kernel,
        ended_if_held(kernel),
    ):
        beside, client = other.client(), kernel.client()
        request = client.start(LEAVE_PIPES.format(pipes=pipes))
        assert "exit status 3" in client.death(request, timeout=10)["evalue"]
        assert kernel.wait(10) == 1
        assert beside.run_ok("print('goes on')").stdout == "goes on\n"


@pytest.mark.parametrize("content", WIDE.values(), ids=WIDE.keys())
def test_wide_messages(kernel: Kernel, client: Client, content: str) -> None:
    """The server answers while it reads them, and takes little more memory than they have bytes."""
    request = client.start(f"c = {content}\nprint('made', flush=True)\nsay('display_data', c)")
    client.stream_holding(request, "made")
    while not has_replied(client, request):
        assert client.beat(20) < 3
    status = Path(f"/proc/{kernel.process.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 1_000_000, peak


def test_frames_that_are_right(client: Client) -> None:
    """They arrive: the damage above is damage to something that works."""
    client.start(
        "own = kernel.request_number()\npublish(frame(message()))\nimport signal; signal.pause()"
    )
    shown = client.wait_for("iopub", holds_mark, 10, "message")
    assert shown.type == "display_data"


def test_messages_that_are_right(client: Client) -> None:
    """They arrive too, for the cell that says them."""
    done = client.run_ok(
        "own = kernel.request_number()\n"
        "say('display_data', json.dumps({'data': {'text/plain': MARK}, 'metadata': {}}).encode())"
    )
    assert [m.type for m in done.messages if holds_mark(m)] == ["display_data"]


def test_escapes_in_a_type(kernel: Kernel, client: Client) -> None:
    """Quoted in the reason, they neither steer a terminal nor forge a line."""
    kinds = ["\x1b]0;title\x07", "\x9b2J", "a\nhusk kernel: forged", "a\rhusk kernel: forged"]
    request = client.start(
        f"say({kinds[0] + kinds[1] + kinds[2]!r}, b'[]')\nimport signal; signal.pause()"
    )
    client.death(request)
    assert kernel.wait(10) == 1
    assert not [one for one in kernel.stderr[:-1] if ord(one) < 0x20 or 0x7F <= ord(one) < 0xA0]


def test_another_hello(client: Client) -> None:
    """What the server itself says of the kernel stays."""
    before, _ = client.request("kernel_info_request")
    lie = {"status": "error", "protocol_version": "9.9", "supported_features": [MARK], "banner": ""}
    client.run_ok(f"say('hello', json.dumps({lie!r}).encode())")
    after, _ = client.request("kernel_info_request")
    for name in ("status", "protocol_version"):
        assert after.content[name] == before.content[name]
    assert MARK not in after.content["supported_features"]
    assert client.run_ok("print('goes on')").stdout == "goes on\n"


@pytest.mark.parametrize("forgery", bombs(), ids=named)
def test_bombs(arena: Arena, kind: str, kernel: Kernel, client: Client, forgery: Forgery) -> None:
    """They are delivered as they are, or the kernel ends and says why."""
    _, neighbour = arena.kernel(kind)
    client.start(forgery.code)
    client.start("print('goes on')")
    last = client.wait_for("iopub", goes_on_or_is_dead, 20, "end")
    if last.type == "status":
        assert kernel.wait(10) == 1
        assert "channel was damaged" in kernel.stderr
    assert neighbour.run_ok("print('goes on')").stdout == "goes on\n"


def test_tail_of_requests(arena: Arena, kind: str, kernel: Kernel, client: Client) -> None:
    """The interpreter says that it has taken more than there was: found out at the next request."""
    client.run_ok("put(REQUEST_TAIL, word(REQUEST_TAIL) + 2**30)")
    reason = client.death(client.start("1"))["evalue"]
    assert "request tail" in reason
    assert kernel.wait(10) == 1
    _, neighbour = arena.kernel(kind)
    assert neighbour.run_ok("print('goes on')").stdout == "goes on\n"


def test_channel_let_go(kernel: Kernel, client: Client) -> None:
    """A kernel without its channel says nothing any more; it is there to be ended."""
    client.start("os.closerange(3, 9)\nimport signal; signal.pause()")
    assert client.beat() < 1
    client.request("kernel_info_request", channel="control", timeout=5)
    kernel.stop()
    assert kernel.process.returncode == 0


def test_words_after_the_end(client: Client) -> None:
    """What a process of the interpreter's says after it has been told to end reaches nobody."""
    client.start(
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    while True: publish(frame(message(), number=2**40))\n"
        "os._exit(3)"
    )
    dead = client.wait_for(
        "iopub", lambda m: m.content.get("execution_state") == "dead", 20, "death"
    )
    assert dead.type == "status"
    assert not hears_forgery(client)


def test_header_of_a_channel_that_is_taken_over(arena: Arena, kind: str) -> None:
    """A new server does not believe it: it says why in one line."""
    kernel = arena.start(kind, "--lease", "durable")
    client = kernel.client()
    client.run_ok(HELPERS)
    client.run_ok("memory[0:8] = bytes(8)")
    kernel.kill()
    kernel.process.wait()
    kernel.restart_server("--attach")
    assert kernel.wait(20) == 1
    assert "does not begin like one" in kernel.stderr
    assert len(kernel.stderr.splitlines()) == 1
    kernel.stop()
