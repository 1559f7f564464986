"""Many kernels that start, run, are killed, run out of memory: nothing is left, nothing grows."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import psutil
import pytest

from peers.controllers import versions
from peers.husk import SEED, Husk
from peers.kernel import Kernel
from peers.processes import end_keeper, keeper_of
from peers.traces import Traces

pytestmark = pytest.mark.husk

SECONDS = float(os.environ.get("HUSK_SOAK_SECONDS", "300"))
LANES = 20


class Lane(threading.Thread):
    """One user's kernels, one after another, with whatever happens to them."""

    def __init__(self, husk: Husk, folder: Path, number: int, deadline: float) -> None:
        super().__init__(name=f"lane {number}")
        self.husk = husk
        self.folder = folder / f"lane-{number}"
        self.folder.mkdir()
        self.deadline = deadline
        self.chance = random.Random(SEED * 1000 + number)
        self.done: dict[str, int] = {}
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Goes on until the deadline, or until something is not as it should be."""
        lives = [self.works, self.is_killed, self.dies, self.fills_the_disk, self.exits, self.rests]
        if versions("memory"):
            lives.append(self.takes_all_memory)
        try:
            while time.monotonic() < self.deadline:
                life = self.chance.choice(lives)
                with Kernel.husk(
                    self.husk, self.folder, "--disk", "16M", "--memory", "128M"
                ) as kernel:
                    life(kernel)
                self.done[life.__name__] = self.done.get(life.__name__, 0) + 1
        except BaseException as error:
            self.failure = error

    def works(self, kernel: Kernel) -> None:
        """Several cells, and a proper end."""
        client = kernel.client()
        for n in range(self.chance.randrange(1, 6)):
            assert client.run_ok(f"x = {n}; print(x * 2)").stdout == f"{2 * n}\n"
        client.shut_down()
        assert kernel.wait(20) == 0

    def is_killed(self, kernel: Kernel) -> None:
        """The server dies in the middle of a cell."""
        client = kernel.client()
        client.start("import time\nwhile True: print('x' * 99); time.sleep(0.01)")
        client.wait_for("iopub", lambda m: m.type == "stream", 20, "output")
        kernel.kill()
        kernel.process.wait()

    def dies(self, kernel: Kernel) -> None:
        """The interpreter is killed by a signal."""
        client = kernel.client()
        client.death(client.start("import os; os.kill(os.getpid(), 9)"))
        assert kernel.wait(20) == 1

    def takes_all_memory(self, kernel: Kernel) -> None:
        """The limit ends it."""
        client = kernel.client()
        reason = client.death(client.start("x = [bytearray(1 << 20) for _ in range(999)]"))
        assert "memory limit" in reason["evalue"]
        assert kernel.wait(20) == 1

    def fills_the_disk(self, kernel: Kernel) -> None:
        """An error, and there is room again afterwards."""
        client = kernel.client()
        done = client.run("open('/tmp/big', 'wb').write(bytes(20 << 20))")
        assert done.refusal == "disk_full"
        assert client.run_ok("import os; os.unlink('/tmp/big'); print(1)").stdout == "1\n"

    def exits(self, kernel: Kernel) -> None:
        """Children stay behind."""
        client = kernel.client()
        client.run_ok("import subprocess\nfor _ in range(5): subprocess.Popen(['sleep', '99'])")
        client.death(client.start("import os; os._exit(3)"))
        assert kernel.wait(20) == 1

    def rests(self, kernel: Kernel) -> None:
        """Nobody uses it for a while."""
        client = kernel.client()
        client.run_ok("import time; time.sleep(0.5)")


@pytest.mark.timeout(int(SECONDS) + 180)
def test_soak(husk: Husk, base: Path, tmp_path: Path) -> None:
    """The keeper's memory and descriptors are after it what they were soon after its beginning."""
    if not versions("memory"):
        pytest.skip("the lanes limit memory, and no memory controller can be written")
    before = Traces()
    own = husk.with_state(base / "soak").with_env(XDG_DATA_HOME=str(tmp_path / "data"))
    anchor = Kernel.husk(own, tmp_path)
    with anchor:
        anchor.client().run_ok("x = 1")
        keeper = psutil.Process(keeper_of(own.state) or 0)
        server = psutil.Process(anchor.process.pid)
        lanes = [Lane(own, tmp_path, number, time.monotonic() + SECONDS) for number in range(LANES)]
        for lane in lanes:
            lane.start()
        measures: list[tuple[int, int, int]] = []
        while any(lane.is_alive() for lane in lanes):
            measures.append((keeper.memory_info().rss, server.memory_info().rss, keeper.num_fds()))
            lanes[0].join(5)
        failures = [lane for lane in lanes if lane.failure]
        for lane in failures:
            raise AssertionError(f"{lane.name} after {lane.done}") from lane.failure
        # An early fifth, when everything has been used once, against the last one.
        early = measures[len(measures) // 5 : 2 * len(measures) // 5]
        late = measures[-max(1, len(measures) // 5) :]
        for name, index, slack in (
            ("keeper", 0, 4 << 20),
            ("server", 1, 8 << 20),
            ("files", 2, 40),
        ):
            first = max(measure[index] for measure in early)
            last = min(measure[index] for measure in late)
            assert last <= first + slack, f"{name}: {first} early, {last} late"
        assert anchor.client().run_ok("print(x)").stdout == "1\n"
    end_keeper(own.state)
    before.check_nothing_is_left(5)
    done: dict[str, int] = {}
    for lane in lanes:
        for life, count in lane.done.items():
            done[life] = done.get(life, 0) + count
    assert len(done) == 7, done
    print(done)
