"""The meter: what a cell uses, in its reply, and what sandboxes have used, by owner, for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import StartKernel
from peers.controllers import versions
from peers.husk import Husk, one_line
from peers.kernel import Kernel
from peers.waiting import wait_until

pytestmark = pytest.mark.husk

MIB = 1 << 20
BURN = (
    "import resource\n"
    "def used():\n"
    "    own = resource.getrusage(resource.RUSAGE_SELF)\n"
    "    return own.ru_utime + own.ru_stime\n"
    "began = used()\n"
    "while used() - began < 1: sum(range(1000))\n"
    "print(used() - began)"
)


def cpu(used: dict[str, Any]) -> float:
    """Seconds of CPU."""
    return used["cpu_user_seconds"] + used["cpu_system_seconds"]


@pytest.fixture
def account(base: Path, husk: Husk, tmp_path: Path) -> Husk:
    """Husk with a ledger and a state directory of this test's own."""
    short = tmp_path.name[-20:]
    return husk.with_state(base / f"m-{short}").with_env(XDG_DATA_HOME=str(tmp_path / "data"))


def ledger(husk: Husk, *options: str) -> dict[str, Any]:
    """What `husk usage` says."""
    done = husk.run("usage", "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_cpu_of_a_cell(start_kernel: StartKernel) -> None:
    """Within three parts of a hundred of what the process says of itself."""
    done = start_kernel().client().run_ok(BURN)
    assert cpu(done.used) == pytest.approx(float(done.stdout), rel=0.03)
    assert done.used["cpu_user_seconds"] > 0.8 * cpu(done.used)
    assert done.used["wall_seconds"] >= 1


@pytest.mark.skipif(not versions("cpu"), reason="children that live are counted by control groups")
def test_cpu_of_children_that_live(start_kernel: StartKernel) -> None:
    """What a cell has started counts while it runs."""
    done = (
        start_kernel()
        .client()
        .run_ok(
            "import subprocess, sys\n"
            "code = 'import time\\nwhile time.process_time() < 0.5: pass\\n'\n"
            "code += 'print(1, flush=True)\\ntime.sleep(60)'\n"
            "child = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE)\n"
            "child.stdout.readline()"
        )
    )
    assert cpu(done.used) > 0.5


def test_idle_cells_use_nothing(start_kernel: StartKernel) -> None:
    """Waiting is free."""
    done = start_kernel().client().run_ok("import time; time.sleep(1)")
    assert cpu(done.used) < 0.1
    assert done.used["wall_seconds"] >= 1


def test_memory_and_bytes_of_a_cell(start_kernel: StartKernel) -> None:
    """The peak is the cell's own, not that of an earlier one."""
    client = start_kernel().client()
    big = client.run_ok("x = bytearray(200 << 20); del x")
    assert 200 * MIB <= big.used["memory_peak_bytes"] < 300 * MIB
    small = client.run_ok("with open('/dev/null', 'wb') as f: f.write(bytes(5 << 20))")
    assert 5 * MIB <= small.used["written_bytes"] < 6 * MIB
    if versions("memory"):
        assert small.used["memory_peak_bytes"] < 100 * MIB
    zeros = client.run_ok("with open('/dev/zero', 'rb') as f: f.read(3 << 20)")
    assert 3 * MIB <= zeros.used["read_bytes"] < 4 * MIB


def test_ledger(account: Husk, tmp_path: Path) -> None:
    """By owner, with what it costs; it is there when the kernels are not."""
    for owner in ("ada", "grace"):
        with Kernel.husk(account, tmp_path, "--owner", owner) as kernel:
            client = kernel.client()
            client.run_ok(BURN)
            client.run_ok("1")
    prices = tmp_path / "prices.json"
    prices.write_text('{"currency": "EUR", "cpu_second": 10}')
    known = ledger(account, "--prices", str(prices))
    owners = {entry["owner"]: entry for entry in known["owners"]}
    assert sorted(owners) == ["ada", "grace"]
    for entry in owners.values():
        assert entry["cells"] == 2
        assert entry["sandboxes"] == 1
        assert 0.97 < cpu(entry) < 1.6
        assert entry["cost"] == pytest.approx(10 * cpu(entry))
        assert entry["memory_byte_seconds"] > MIB
    only = ledger(account, "--owner", "ada")
    assert [entry["owner"] for entry in only["owners"]] == ["ada"]
    line = one_line(account.run("usage", "--owner", "ada", "--prices", prices).stdout)
    assert "ada: 1 sandboxes, 2 cells" in line
    assert "EUR" in line


def test_account_of_a_durable_kernel(account: Husk, tmp_path: Path) -> None:
    """One row for all the servers that it has had, and what was used without one."""
    kernel = Kernel.husk(account, tmp_path, "--lease", "durable")
    with kernel:
        client = kernel.client()
        client.run_ok(BURN)
        wait_until(
            lambda: [entry["cells"] for entry in ledger(account)["owners"]] == [1], 10, "an account"
        )
        request = client.start(BURN.replace("< 1:", "< 1.5:"))
        client.wait_for("iopub", lambda m: m.parent_id == request, 10, "start of the cell")
        kernel.kill()
        kernel.process.wait()
        kernel.restart_server("--attach")
        assert client.reply(request).content["status"] == "ok"
        client.run_ok("1")
        client.shut_down()
        kernel.wait(5)
    (entry,) = ledger(account)["owners"]
    assert entry["sandboxes"] == 1
    assert entry["cells"] == 3
    assert 2.4 < cpu(entry) < 3.2


def test_account_while_a_cell_runs(account: Husk, tmp_path: Path) -> None:
    """It does not wait for the end of the cell."""
    with Kernel.husk(account, tmp_path) as kernel:
        client = kernel.client()
        request = client.start("while True: pass")
        client.wait_for("iopub", lambda m: m.parent_id == request, 10, "start of the cell")

        def is_paid() -> bool:
            return any(cpu(entry) > 0.5 for entry in ledger(account)["owners"])

        wait_until(is_paid, 15, "an account")
        kernel.kill()
        kernel.process.wait()
    assert is_paid()


def test_a_killed_cell_is_paid_for(account: Husk, tmp_path: Path) -> None:
    """Who burns and dies has burnt."""
    with Kernel.husk(account, tmp_path) as kernel:
        client = kernel.client()
        client.death(client.start(BURN + "\nimport os; os.abort()"))
        kernel.wait(5)
    (entry,) = ledger(account)["owners"]
    assert cpu(entry) > 0.97


def test_replay_says_what_it_used(account: Husk, tmp_path: Path) -> None:
    """`husk run --json` gives each cell's use."""
    (tmp_path / "two.py").write_text(f"1\n# %%\n{BURN}\n")
    done = account.run("run", "two.py", "--python", account.python, "--json", cwd=tmp_path)
    cells = json.loads(done.stdout)["cells"]
    assert cpu(cells[0]["usage"]) < 0.5
    assert cpu(cells[1]["usage"]) == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("text", ["[]", '{"cpu_second": -1}', '{"gold": 1}', "no JSON"])
def test_wrong_price_table(account: Husk, tmp_path: Path, text: str) -> None:
    """One line with the file, exit status 2."""
    file = tmp_path / "prices.json"
    file.write_text(text)
    done = account.run("usage", "--prices", file)
    assert done.returncode == 2
    assert str(file) in one_line(done.stderr)
