"""Nothing is lost, repeated or run twice, whoever is killed and whenever."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from peers.husk import SEED, Husk
from peers.kernel import Kernel
from peers.processes import Place, end_keeper, is_alive, keeper_of, place_of
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

LINES = 100_000
CELL = f"runs += 1\nfor n in range({LINES}): print(n)"
TEXT = "".join(f"{n}\n" for n in range(LINES))


@dataclass(frozen=True)
class Record:
    """An entry of a kernel's journal."""

    sequence: int
    kind: str
    frame: int
    request: int
    text: str


def journal(husk: Husk) -> list[Record]:
    """The journal of the only kernel in the state directory."""
    done = husk.run("journal", "--state", husk.state)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        Record(e["sequence"], e["kind"], e["frame"], e["request"], e.get("text", ""))
        for e in entries
    ]


def assert_each_frame_once(records: list[Record]) -> list[Record]:
    """Checks that frames stand in the journal once and in order; returns them."""
    sequences = [r.sequence for r in records]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    frames = [r for r in records if r.kind == "frame"]
    numbers = [r.frame for r in frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return frames


@pytest.fixture
def durable_husk(husk: Husk, base: Path) -> Iterator[Husk]:
    """Husk with a state directory of this test's own, so that it holds one kernel."""

    state = base / f"durable-{uuid.uuid4().hex[:8]}"
    yield husk.with_state(state)
    end_keeper(state)


@pytest.fixture
def durable(durable_husk: Husk, tmp_path: Path) -> Iterator[Kernel]:
    """A durable kernel."""
    with Kernel.husk(durable_husk, tmp_path, "--lease", "durable") as kernel:
        yield kernel


def take_over(kernel: Kernel) -> Client:
    """Starts the server again and connects a client that it answers."""
    kernel.restart_server("--attach")
    return kernel.client()


MOMENTS = [random.Random(SEED * 1000 + n).random() for n in range(20)]
"""When the server is killed, as a part of the time that the cell takes."""


@pytest.fixture(scope="module")
def duration(husk: Husk, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds that the cell takes when nobody is killed."""
    with Kernel.husk(husk, tmp_path_factory.mktemp("timing")) as kernel:
        client = kernel.client()
        client.run_ok("runs = 0")
        start = time.monotonic()
        assert client.run_ok(CELL).stdout == TEXT
        return time.monotonic() - start


@pytest.mark.parametrize("moment", MOMENTS, ids=[f"{moment:.3f}" for moment in MOMENTS])
def test_server_killed_in_a_cell(
    durable_husk: Husk, durable: Kernel, duration: float, moment: float
) -> None:
    """Variables are there, the cell has run once, and the journal holds each frame once."""
    client = durable.client()
    client.run_ok("import os\nruns = 0\nkept = {'pid': os.getpid()}")
    client.start(CELL)
    client.wait_for("iopub", lambda m: m.type == "execute_input", 10, "start of the cell")
    # The moment is what is tested.
    time.sleep(moment * duration)
    durable.kill()
    durable.process.wait()
    client.close()

    after = take_over(durable)
    done = after.run_ok("print(runs, kept['pid'] == os.getpid())", timeout=60)
    assert done.stdout == "1 True\n"
    frames = assert_each_frame_once(journal(durable_husk))
    printed = "".join(frame.text for frame in frames)
    assert printed.startswith(TEXT)
    assert printed.count("99999\n") == 1


def test_server_killed_again_and_again(
    durable_husk: Husk, durable: Kernel, duration: float
) -> None:
    """Five times within one cell."""
    client = durable.client()
    client.run_ok("import time\nruns = 0")
    client.start("runs += 1\nfor n in range(5000): print(n, flush=True); time.sleep(0.001)")
    client.wait_for("iopub", lambda m: m.type == "stream", 10, "text")
    for moment in MOMENTS[:5]:
        # The moment is what is tested.
        time.sleep(moment * 0.5)
        durable.kill()
        durable.process.wait()
        durable.restart_server("--attach")
        # The next kill is to hit a server that serves.
        durable.client().close()
    after = durable.client()
    assert after.run_ok("print(runs)", timeout=60).stdout == "1\n"
    frames = assert_each_frame_once(journal(durable_husk))
    expected = "".join(f"{n}\n" for n in range(5000))
    assert "".join(frame.text for frame in frames).startswith(expected)


def test_reply_comes_after_the_server_is_back(durable: Kernel) -> None:
    """A client that stays connected gets the reply of the cell that it started."""
    client = durable.client()
    request = client.start("import time; print('armed', flush=True); time.sleep(2); x = 5")
    client.stream_holding(request, "armed")
    durable.kill()
    durable.process.wait()
    durable.restart_server("--attach")
    reply = client.reply(request, timeout=30)
    assert reply.content["status"] == "ok"
    assert client.run_ok("print(x)").stdout == "5\n"


def test_request_sent_while_the_server_is_down(durable: Kernel) -> None:
    """It is served, once, when the server is back."""
    client = durable.client()
    client.run_ok("count = 0")
    durable.kill()
    durable.process.wait()
    client.wait_for_loss()
    request = client.start("count += 1; print(count)")
    durable.restart_server("--attach")
    assert client.reply(request, timeout=30).content["status"] == "ok"
    assert client.run_ok("print(count)").stdout == "1\n"


def test_execution_count_goes_on(durable: Kernel) -> None:
    """Also what the server knows comes back: numbers and history."""
    client = durable.client()
    for code in ("a = 1", "b = 2", "a + b"):
        client.run_ok(code)
    durable.kill()
    durable.process.wait()
    after = take_over(durable)
    done = after.run_ok("a * 10")
    assert done.reply["execution_count"] == 4
    query = {"hist_access_type": "tail", "n": 4, "output": False, "raw": True}
    reply, _ = after.request("history_request", query)
    assert [entry[2] for entry in reply.content["history"]] == ["a = 1", "b = 2", "a + b", "a * 10"]


def test_server_ended_by_a_signal(durable: Kernel) -> None:
    """SIGTERM ends the server, not what it serves."""
    client = durable.client()
    client.run_ok("kept = 5")
    durable.kill(signal.SIGTERM)
    assert durable.wait(5) == 0
    assert take_over(durable).run_ok("print(kept)").stdout == "5\n"


def interpreter_gone(place: Place, pid: int) -> Callable[[], bool]:
    """A condition: the interpreter has ended."""
    return lambda: not is_alive(pid) or place.processes.get(place.inside) != pid


def test_interpreter_killed_with_output_unread(
    durable_husk: Husk, durable: Kernel, tmp_path: Path
) -> None:
    """1 MB that nobody has acknowledged is in the journal, and then the death."""
    size = 1 << 20
    client = durable.client()
    place = place_of(client)
    interpreter = place.interpreter
    request = client.start(
        "import os, time\n"
        "while not os.path.exists('go'): time.sleep(0.01)\n"
        f"for n in range({size // 64}): print(str(n).rjust(63, '.'))\n"
        "import sys; sys.stdout.flush()\n"
        "open('written', 'w').close()\n"
        "time.sleep(60)"
    )
    client.wait_for("iopub", lambda m: m.type == "execute_input", 10, "start of the cell")
    os.kill(durable.process.pid, signal.SIGSTOP)
    (tmp_path / "go").touch()
    wait_until((tmp_path / "written").exists, 20, "a megabyte in the channel")
    os.kill(interpreter, signal.SIGKILL)
    wait_until(interpreter_gone(place, interpreter), 5, "death of the interpreter")
    os.kill(durable.process.pid, signal.SIGCONT)

    messages = list(client.published(request, timeout=30))
    text = "".join(m.content["text"] for m in messages if m.type == "stream")
    expected = "".join(str(n).rjust(63, ".") + "\n" for n in range(size // 64))
    assert text == expected
    error = next(m for m in messages if m.type == "error")
    assert error.content["ename"] == "KernelDied"
    assert error.content["evalue"] == "The interpreter ended with signal 9 (SIGKILL)."
    assert durable.wait(10) == 1

    records = journal(durable_husk)
    frames = assert_each_frame_once(records)
    assert expected in "".join(frame.text for frame in frames)
    death = next(r.sequence for r in records if r.kind == "death")
    assert max(frame.sequence for frame in frames) < death


def test_orphan_ends_by_itself(durable_husk: Husk, tmp_path: Path) -> None:
    """A durable sandbox waits for as long as it was told to."""
    kernel = Kernel.husk(durable_husk, tmp_path, "--lease", "durable", "--orphan-timeout", "1s")
    place = place_of(kernel.client())
    kernel.kill()
    kernel.process.wait()
    took = wait_until(lambda: not place.processes, 5, "end of the orphan")
    assert took > 0.5


def test_attach_without_a_kernel(durable_husk: Husk, tmp_path: Path) -> None:
    """There is nothing to take over: one line, and no success."""
    kernel = Kernel.husk(durable_husk, tmp_path, "--attach")
    assert kernel.wait(10) != 0
    assert len(kernel.stderr.splitlines()) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")
def test_full_disk(husk: Husk, base: Path, tmp_path: Path) -> None:
    """The kernel ends with the reason; what was journaled before has been shown."""
    disk = base / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "small", disk], check=True)
    try:
        kernel = Kernel.husk(husk.with_state(disk / "state"), tmp_path)
        client = kernel.client()
        request = client.start("for n in range(500_000): print(n)")
        assert "no room" in client.death(request)["evalue"]
        assert kernel.wait(10) == 1
        assert "no room" in kernel.stderr
        kernel.stop()
        wait_until(lambda: not (disk / "state").exists(), 5, "end of the keeper")
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_keeper_killed(durable_husk: Husk, durable: Kernel) -> None:
    """The cell gets the reason at once; the journal of the kernel stays, and nothing else."""
    client = durable.client()
    place = place_of(client)
    request = client.start("print('armed', flush=True)\nimport time; time.sleep(60)")
    client.stream_holding(request, "armed")
    keeper = keeper_of(durable_husk.state)
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    assert "keeps the sandboxes was killed" in client.death(request, timeout=5)["evalue"]
    assert durable.wait(5) == 1
    wait_until(lambda: not place.processes, 5, "end of the sandbox")
    left = durable_husk.state
    wait_until(lambda: [path.name for path in left.iterdir()] == ["ended"], 5, "clean-up")
    records = journal(durable_husk)
    assert "armed" in "".join(record.text for record in records)
    assert records[-1].kind in ("death", "publish", "reply")
