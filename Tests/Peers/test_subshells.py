"""Subshells: threads of the same Python, that answer while another shell is busy (JEP 91)."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import StartKernel
from peers.husk import Husk
from peers.kernel import Kernel
from peers.wire import Client, Execution

pytestmark = pytest.mark.husk


def create(client: Client) -> str:
    """Makes a subshell."""
    reply, _ = client.request("create_subshell_request", channel="control")
    assert reply.content["status"] == "ok"
    return str(reply.content["subshell_id"])


def start(client: Client, subshell: str, code: str, **options: object) -> str:
    """Starts a cell on a subshell."""
    content = {"code": code, "allow_stdin": False} | options
    return client.send("shell", "execute_request", content, header={"subshell_id": subshell})


def run(client: Client, subshell: str, code: str) -> Execution:
    """Runs a cell on a subshell."""
    return client.finish(start(client, subshell, code))


BUSY = {
    "sleeping": "time.sleep(60)",
    "spinning": "while True: pass",
    "in C that lets others run": "select.select([], [], [], 60)",
    "waiting for a process": "subprocess.run(['sleep', '60'])",
    "awaiting": "await asyncio.sleep(60)",
    "blocking a coroutine": "await nap()",
    "asking": "input('?')",
}


@pytest.mark.parametrize("code", BUSY.values(), ids=BUSY.keys())
def test_answers_while_the_main_shell_is_busy(client: Client, code: str) -> None:
    """It can be made then, sees the same variables, completes and ends."""
    client.run_ok("import asyncio, select, subprocess, time\nkept = [1]")
    client.run_ok("async def nap(): time.sleep(60)")
    cell = client.start(f"print('armed', flush=True)\n{code}", allow_stdin=True)
    client.stream_holding(cell, "armed")
    subshell = create(client)
    assert run(client, subshell, "kept.append(2); print(kept)").stdout == "[1, 2]\n"
    assert run(client, subshell, "await asyncio.sleep(0.01); print('slept')").stdout == "slept\n"
    wanted = {"code": "kep", "cursor_pos": 3}
    request = client.send("shell", "complete_request", wanted, header={"subshell_id": subshell})
    assert client.reply(request).content["matches"] == ["kept"]
    reply, _ = client.request("usage_request", channel="control")
    assert reply.content["kernel_memory"] > 1 << 20
    reply, _ = client.request(
        "delete_subshell_request", {"subshell_id": subshell}, channel="control"
    )
    assert reply.content["status"] == "ok"
    client.interrupt()
    assert client.finish(cell).reply["status"] == "error"
    assert client.run_ok("print(kept)").stdout == "[1, 2]\n"
    names = "import threading; print([t.name for t in threading.enumerate()])"
    assert client.run_ok(names).stdout == "['MainThread']\n"


def test_output_of_each_is_its_own(client: Client) -> None:
    """Printed text, results, errors and counts go to the cell that they are of."""
    subshells = [create(client) for _ in range(3)]
    client.run_ok("import threading\ngate = threading.Barrier(4)")
    code = (
        "gate.wait()\nfor n in range(200): print({0}, flush=n % 10 == 0)\n"
        "get_ipython().payload_manager.write_payload(dict(source='test', text={0}))\n{0}"
    )
    cells = {"main": client.start(code.format("'main'"))}
    for subshell in subshells:
        cells[subshell] = start(client, subshell, code.format(f"'{subshell}'"))
    counts = set()
    for name, cell in cells.items():
        done = client.finish(cell)
        assert done.stdout == f"{name}\n" * 200
        result = done.only("execute_result").content
        assert result["data"]["text/plain"] == repr(name)
        assert result["execution_count"] == done.reply["execution_count"]
        assert done.reply["payload"] == [{"source": "test", "text": name}]
        counts.add(done.reply["execution_count"])
    assert len(counts) == 4


def test_each_asks_for_itself(client: Client) -> None:
    """Answers go to the cell that their question is of, whichever came first."""
    subshell = create(client)
    cells = [
        client.start("print(input('main?'))", allow_stdin=True),
        start(client, subshell, "print(input('other?'))", allow_stdin=True),
    ]
    questions = {}
    for _ in cells:
        question = client.wait_for("stdin", lambda m: m.type == "input_request", 10, "question")
        questions[question.parent_id] = question
    for cell, line in reversed(list(zip(cells, ("one", "two"), strict=True))):
        client.send("stdin", "input_reply", {"value": line}, parent=questions[cell].header)
        assert client.finish(cell).stdout == f"{line}\n"


@pytest.mark.parametrize("code", ["while True: pass", "await asyncio.sleep(60)"])
def test_interrupt(client: Client, code: str) -> None:
    """With the main shell idle it ends the cell of the subshell; later cells are undisturbed."""
    subshell = create(client)
    run(client, subshell, "import asyncio, time")
    cell = start(client, subshell, f"print('armed', flush=True)\n{code}")
    client.stream_holding(cell, "armed")
    client.interrupt()
    assert client.finish(cell).reply["ename"] == "KeyboardInterrupt"
    assert run(client, subshell, "time.sleep(0.2); print('ok')").stdout == "ok\n"
    assert client.run_ok("time.sleep(0.2); print('ok')").stdout == "ok\n"


def test_deletion_waits_for_the_cell(client: Client) -> None:
    """What runs comes to its end, what waits is aborted, what comes later has nobody."""
    subshell = create(client)
    client.run_ok("import threading\ngo = threading.Event()")
    running = start(client, subshell, "go.wait(); print('done')")
    waiting = start(client, subshell, "print('never')")
    # Answered on the same channel after them: they have arrived.
    client.request("kernel_info_request")
    deletion = client.send("control", "delete_subshell_request", {"subshell_id": subshell})
    assert client.reply(waiting).content["status"] == "aborted"
    late = start(client, subshell, "print('late')")
    assert client.reply(late).content["ename"] == "UnknownSubshellError"
    reply, _ = client.request("list_subshell_request", channel="control")
    assert reply.content["subshell_id"] == []
    client.run_ok("go.set()")
    assert client.finish(running).stdout == "done\n"
    assert client.reply(deletion, "control").content["status"] == "ok"
    names = "import threading; print([t.name for t in threading.enumerate()])"
    assert client.run_ok(names).stdout == "['MainThread']\n"


def test_death_ends_every_cell(client: Client) -> None:
    """Each hears of it."""
    subshell = create(client)
    asleep = start(client, subshell, "print('armed', flush=True)\nimport time; time.sleep(60)")
    client.stream_holding(asleep, "armed")
    cell = client.start("import os; os.kill(os.getpid(), 9)")
    for request in (cell, asleep):
        errors = [m.content["ename"] for m in client.published(request) if m.type == "error"]
        assert errors == ["KernelDied"]


def test_survives_the_server(husk: Husk, tmp_path: Path) -> None:
    """A subshell of a durable kernel is there for the next server, busy or not."""
    with Kernel.husk(husk, tmp_path, "--lease", "durable") as kernel:
        client = kernel.client()
        idle, busy = create(client), create(client)
        run(client, idle, "kept = 'kept'")
        code = "import os\nprint('armed', flush=True)\nwhile not os.path.exists('go'): pass"
        cell = start(client, busy, f"{code}\nprint('gone')")
        client.stream_holding(cell, "armed")
        kernel.kill()
        kernel.process.wait()
        kernel.restart_server("--attach")
        after = kernel.client()
        reply, _ = after.request("list_subshell_request", channel="control")
        assert reply.content["subshell_id"] == [idle, busy]
        assert run(after, idle, "print(kept)").stdout == "kept\n"
        (tmp_path / "go").touch()
        assert run(after, busy, "print('after')").stdout == "after\n"


def test_many(start_kernel: StartKernel) -> None:
    """Fifty at once, and nothing is left of them."""
    client = start_kernel().client()
    subshells = [create(client) for _ in range(50)]
    cells = [start(client, s, f"print({n} * {n})") for n, s in enumerate(subshells)]
    assert [client.finish(cell).stdout for cell in cells] == [f"{n * n}\n" for n in range(50)]
    for subshell in subshells:
        client.request("delete_subshell_request", {"subshell_id": subshell}, channel="control")
    assert client.run_ok("import threading; print(threading.active_count())").stdout == "1\n"
