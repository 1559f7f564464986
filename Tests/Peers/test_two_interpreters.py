"""Two interpreters in one sandbox: they share its files, and each dies its own death."""

from __future__ import annotations

from pathlib import Path

import pytest

from peers.husk import Husk, one_line
from peers.kernel import Kernel
from peers.processes import place_of
from peers.users import Users

pytestmark = pytest.mark.husk

DEATHS = [
    ("import os; os._exit(3)", "exit status 3"),
    ("import os; os._exit(0)", "exit status 0"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11 (SIGSEGV)"),
    ("import ctypes; ctypes.string_at(0)", "signal 11 (SIGSEGV)"),
    ("import os; os.abort()", "signal 6 (SIGABRT)"),
    ("import os; os.kill(os.getpid(), 9)", "signal 9 (SIGKILL)"),
]


@pytest.fixture(params=["root", "ordinary"])
def anyone(request: pytest.FixtureRequest, users: Users) -> tuple[Husk, Path]:
    """Husk as root, and as an ordinary user, with a folder of that user's."""
    return users.get(request.param)


def test_shared_sandbox(anyone: tuple[Husk, Path]) -> None:
    """Two kernels that name the same sandbox are two processes in one place."""
    husk, folder = anyone
    with (
        Kernel.husk(husk, folder, "--sandbox", "together") as first,
        Kernel.husk(husk, folder) as apart,
    ):
        one = first.client()
        one.run_ok("open('/tmp/shared', 'w').write('from the first')")
        with Kernel.husk(husk, folder, "--sandbox", "together") as second:
            two = second.client()
            assert two.run_ok("print(open('/tmp/shared').read())").stdout == "from the first\n"
            two.run_ok("open('/tmp/shared', 'w').write('from the second'); x = 2")
            places = place_of(one), place_of(two)
            assert places[0].namespace == places[1].namespace
            assert places[0].inside != places[1].inside
        # One kernel's end is not the sandbox's.
        assert one.run_ok("print(open('/tmp/shared').read())").stdout == "from the second\n"
        assert one.run("x").reply["ename"] == "NameError"
        alone = apart.client().run_ok("import os; print(os.path.exists('/tmp/shared'))")
        assert alone.stdout == "False\n"


@pytest.mark.parametrize(("code", "status"), DEATHS)
def test_death_is_reported(anyone: tuple[Husk, Path], code: str, status: str) -> None:
    """To the client of the one that died, and by the server; the other goes on."""
    husk, folder = anyone
    with (
        Kernel.husk(husk, folder, "--sandbox", "deaths") as staying,
        Kernel.husk(husk, folder, "--sandbox", "deaths") as dying,
    ):
        witness, victim = staying.client(), dying.client()
        sentence = f"The interpreter ended with {status}."
        request = victim.start(f"print('last words', flush=True)\n{code}")
        victim.stream_holding(request, "last words\n")
        assert victim.death(request)["evalue"] == sentence
        assert dying.wait(5) == 1
        assert one_line(dying.stderr) == f"husk kernel: {sentence}"
        assert witness.run_ok("print('still here')").stdout == "still here\n"


def test_death_while_idle(anyone: tuple[Husk, Path]) -> None:
    """Nobody has asked for anything: the status says it."""
    husk, folder = anyone
    with Kernel.husk(husk, folder) as kernel:
        client = kernel.client()
        client.run_ok("import os, threading; threading.Timer(0.3, os._exit, (3,)).start()")
        dead = client.wait_for(
            "iopub", lambda m: m.content.get("execution_state") == "dead", 10, "death"
        )
        assert dead.type == "status"
        assert kernel.wait(5) == 1
        assert one_line(kernel.stderr) == "husk kernel: The interpreter ended with exit status 3."
