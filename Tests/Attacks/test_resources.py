"""A sandbox that takes all it can get: it is stopped, and nobody beside it notices."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from attacks.arena import Arena
from attacks.resources import HELPERS, HOGS, LIMITS, SHARES, Hog, Limit, Share
from conftest import KINDS
from peers.processes import place_of
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = pytest.mark.parametrize("kind", KINDS)

PATIENCE = 2
"""Seconds within which somebody who is not concerned answers."""


def named(row: Limit | Share | Hog) -> str:
    """A row's name for people."""
    return row.name


def has_controller(name: str) -> bool:
    """Tells whether this user can limit by a control group's controller, of either version."""
    own = Path("/sys/fs/cgroup") / name
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    unified = controllers.exists() and name in controllers.read_text().split()
    return os.access(own, os.W_OK) or (unified and os.access(controllers.parent, os.W_OK))


@pytest.fixture(scope="module")
def options(arena: Arena) -> str:
    """What `husk kernel` says that it can be told."""
    return arena.ground(KINDS[-1]).husk.run("kernel", "--help").stdout


@pytest.fixture
def need(options: str) -> object:
    """Leaves a test out when this Husk does not have an option yet."""

    def need(words: tuple[str, ...]) -> None:
        for word in words:
            if word.startswith("--") and word not in options:
                pytest.skip(f"husk kernel has no {word}")

    return need


@pytest.fixture
def neighbour(arena: Arena, kind: str) -> Client:
    """A client of a kernel beside the one that takes all."""
    _, client = arena.kernel(kind)
    client.run_ok(HELPERS, store_history=False)
    return client


def answers(client: Client, times: int = 5) -> None:
    """Checks that a kernel that is not concerned answers in time, server and interpreter."""
    for _ in range(times):
        start = time.monotonic()
        client.run_ok("1 + 1", timeout=PATIENCE, store_history=False)
        client.request("kernel_info_request", channel="control", timeout=PATIENCE)
        assert time.monotonic() - start < PATIENCE


def outcome_of(client: Client, expression: str) -> str:
    """What stopped the taking; what was taken is held until the next cell."""
    return client.run_ok(f"held = {expression}\nprint(held[1])", timeout=50).stdout.strip()


@pytest.mark.parametrize("limit", LIMITS, ids=named)
def test_limit(arena: Arena, kind: str, neighbour: Client, need: object, limit: Limit) -> None:
    """It binds, and the kernel goes on, as does the one beside it."""
    need(limit.options)
    with arena.start(kind, *limit.options) as kernel:
        client = kernel.client()
        client.run_ok(HELPERS)
        assert outcome_of(client, limit.code) == limit.refused
        answers(neighbour)
        client.request("kernel_info_request", channel="control", timeout=PATIENCE)


@pytest.mark.parametrize("limit", LIMITS, ids=named)
def test_without_limit(arena: Arena, kind: str, need: object, limit: Limit) -> None:
    """The same is not stopped: the test above would notice."""
    need(limit.options)
    with arena.start(kind, *limit.free) as kernel:
        client = kernel.client()
        client.run_ok(HELPERS)
        assert outcome_of(client, limit.code) == "succeeded"


def test_orphans(arena: Arena, kind: str) -> None:
    """PID 1 collects them: they do not fill the table."""
    with arena.start(kind, "--pids", "64") as kernel:
        client = kernel.client()
        client.run_ok(HELPERS)
        assert outcome_of(client, "take(orphan, 150)") == "succeeded"


def outcome_outside(arena: Arena, kind: str, expression: str) -> str:
    """What stops a process of the same user's on the host."""
    husk = arena.ground(kind).husk
    program = f"{HELPERS}\nprint(({expression})[1])"
    command = [*husk.prefix, str(husk.python), "-I", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("share", SHARES, ids=named)
def test_share(arena: Arena, kind: str, neighbour: Client, share: Share) -> None:
    """Who takes all that there is has taken none of a neighbour's, and none of the host's."""
    if share.is_of_a_user and kind == "ordinary":
        pytest.skip("an ordinary user is the same user inside, and has one number of them")
    with arena.start(kind) as kernel:
        client = kernel.client()
        client.run_ok(HELPERS)
        assert outcome_of(client, f"take({share.get}, {share.most})") != "succeeded"
        assert outcome_of(client, f"take({share.get}, 1)") != "succeeded"
        outside = outcome_outside(arena, kind, f"take({share.get}, 1)")
        beside = outcome_of(neighbour, f"take({share.get}, 1)")
        assert (outside, beside) == ("succeeded", "succeeded")
    neighbour.run_ok("del held")


@pytest.mark.parametrize("hog", HOGS, ids=named)
def test_hog(arena: Arena, kind: str, neighbour: Client, hog: Hog) -> None:
    """The one beside it answers; its own server too, and it can be ended."""
    kernel = arena.start(kind, *hog.options)
    try:
        client = kernel.client()
        client.run_ok(HELPERS)
        place = place_of(client)
        client.start(f"print('begun', flush=True)\n{hog.code}")
        client.wait_for("iopub", lambda m: "begun" in m.content.get("text", ""), 10, "begin")
        answers(neighbour, 20)
        assert client.beat() < PATIENCE
        client.request("kernel_info_request", channel="control", timeout=PATIENCE)
    finally:
        kernel.stop()
    wait_until(lambda: place.processes == {}, 10, "end of all that it has started")


def test_neighbour_that_is_slow(arena: Arena, kind: str) -> None:
    """A neighbour that does not answer fails the tests above."""
    with arena.start(kind) as kernel:
        client = kernel.client()
        os.kill(kernel.process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError):
                answers(client, 1)
        finally:
            os.kill(kernel.process.pid, signal.SIGCONT)


def test_text_can_be_interrupted(arena: Arena, kind: str) -> None:
    """However much of it nobody has read yet."""
    with arena.start(kind) as kernel:
        client = kernel.client()
        request = client.start("while True: print('x' * 1000)")
        client.stream_holding(request, "x")
        client.interrupt()
        assert client.finish(request, 20).reply["ename"] == "KeyboardInterrupt"
        assert client.run_ok("print('goes on')").stdout == "goes on\n"


def test_journal_is_bounded(arena: Arena, kind: str) -> None:
    """A kernel that says a lot does not fill the disk of the host."""
    ground = arena.ground(kind)
    with arena.start(kind) as kernel:
        client = kernel.client()
        client.run_ok("for _ in range(200): print('x' * 1_000_000)", timeout=50)
        used = subprocess.run(
            ["du", "-s", "-m", ground.husk.state], capture_output=True, text=True, check=False
        )
        assert int(used.stdout.split()[0]) < 120


# ---- Memory

TAKEN = "x = bytearray(400 << 20)"
OF_CHILD = (
    f"import subprocess, sys; print(subprocess.run([sys.executable, '-c', {TAKEN!r}]).returncode)"
)
SHARED = """
import ctypes
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
address = libc.shmat(libc.shmget(0, ctypes.c_size_t(400 << 20), 0o1600), None, 0)
ctypes.memset(address, 1, 400 << 20)
"""


@pytest.fixture
def memory(kind: str) -> tuple[str, ...]:
    """The options for a limit of memory, where this user can have one."""
    if kind == "ordinary" or not has_controller("memory"):
        pytest.skip("this user cannot write control groups of memory")
    return ("--memory", "256M")


@pytest.mark.parametrize("code", [TAKEN, SHARED], ids=["own memory", "shared memory"])
def test_memory(
    arena: Arena, kind: str, neighbour: Client, memory: tuple[str, ...], code: str
) -> None:
    """The death says why, and nobody else dies."""
    with arena.start(kind, *memory) as kernel:
        client = kernel.client()
        reason = client.death(client.start(code))["evalue"]
        assert "memory limit" in reason
        assert kernel.wait(10) == 1
        answers(neighbour)


def test_memory_of_a_child(
    arena: Arena, kind: str, neighbour: Client, memory: tuple[str, ...]
) -> None:
    """The child dies, and the kernel goes on."""
    with arena.start(kind, *memory) as kernel:
        client = kernel.client()
        assert client.run_ok(OF_CHILD).stdout == f"{-signal.SIGKILL}\n"
        answers(neighbour)


def test_memory_of_files(
    arena: Arena, kind: str, neighbour: Client, memory: tuple[str, ...]
) -> None:
    """Files in memory count, and end before the kernel does."""
    with arena.start(kind, *memory) as kernel:
        client = kernel.client()
        client.run_ok(HELPERS)
        assert outcome_of(client, "fill('/tmp', 300)") == "ENOSPC"
        answers(neighbour)


@pytest.mark.parametrize("code", [TAKEN, OF_CHILD, SHARED], ids=["own", "a child's", "shared"])
def test_memory_without_limit(arena: Arena, kind: str, code: str) -> None:
    """The same is not stopped: the tests above would notice."""
    with arena.start(kind) as kernel:
        done = kernel.client().run_ok(code)
        assert done.stdout in ("", "0\n")
