"""Measures what bombs in one sandbox cost three neighbours: `make bombs`.

Each neighbour runs `pass` again and again, with short pauses, first in quiet and then beside each
bomb; printed are the medians and the 99th percentiles of the round trips of all three.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path

from peers.husk import Husk
from peers.kernel import Kernel
from peers.wire import Client

ROUNDS = 400
PAUSE = 0.01
LIMITS = ("--pids", "200", "--memory", "512M", "--disk", "64M", "--open-files", "256")

BOMBS = {
    "nothing": "",
    "cpu: 50 processes": (
        "import os\n"
        "for _ in range(50):\n"
        "    if os.fork() == 0:\n"
        "        while True: pass\n"
        "while True: pass"
    ),
    "cpu: 50 threads": (
        "import threading, zlib\n"
        "data = bytes(1 << 20)\n"
        "def burn():\n"
        "    while True: zlib.compress(data)\n"
        "for _ in range(50): threading.Thread(target=burn, daemon=True).start()\n"
        "burn()"
    ),
    "forks": (
        "import os\n"
        "while True:\n"
        "    try:\n"
        "        if os.fork() == 0:\n"
        "            while True:\n"
        "                try: os.fork()\n"
        "                except OSError: pass\n"
        "    except OSError: pass"
    ),
    "memory": (
        "import subprocess, sys\n"
        "code = 'x = []\\nwhile True: x.append(bytearray(1 << 20))'\n"
        "while True: subprocess.run([sys.executable, '-c', code])"
    ),
    "disk": (
        "import os\n"
        "while True:\n"
        "    try:\n"
        "        with open('/tmp/big', 'wb') as file:\n"
        "            while True: file.write(bytes(1 << 20))\n"
        "    except OSError: os.unlink('/tmp/big')"
    ),
    "descriptors": (
        "import os\n"
        "while True:\n"
        "    kept = []\n"
        "    try:\n"
        "        while True: kept.extend(os.pipe())\n"
        "    except OSError:\n"
        "        for one in kept: os.close(one)"
    ),
    "output": "while True: print('x' * 9999)",
}


class Neighbour(threading.Thread):
    """Measures round trips of one kernel."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self.times: list[float] = []

    def run(self) -> None:
        """Takes all of them."""
        for _ in range(ROUNDS):
            time.sleep(PAUSE)
            began = time.perf_counter()
            self.client.reply(self.client.start("pass", store_history=False))
            self.times.append((time.perf_counter() - began) * 1000)


def measure(clients: list[Client]) -> tuple[float, float]:
    """Median and 99th percentile over all neighbours, in milliseconds."""
    threads = [Neighbour(client) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(t for thread in threads for t in thread.times)
    return statistics.median(times), times[int(len(times) * 0.99)]


def main() -> None:
    """Measures beside each bomb, and prints a table."""
    folder = Path(tempfile.mkdtemp(prefix="husk-"))
    husk = Husk(folder / "state")
    neighbours = [Kernel.husk(husk, folder) for _ in range(3)]
    try:
        clients = [kernel.client() for kernel in neighbours]
        print(f"{'bomb':20} {'median, ms':>12} {'p99, ms':>10} {'p99 / quiet':>12}")
        quiet = 0.0
        for name, code in BOMBS.items():
            with Kernel.husk(husk, folder, *LIMITS) as bomb:
                client = bomb.client()
                if code:
                    client.start(code)
                    # The share drops when a second has passed without a rest.
                    time.sleep(3)
                median, slow = measure(clients)
                quiet = quiet or slow
                print(f"{name:20} {median:12.2f} {slow:10.2f} {slow / quiet:12.1f}", flush=True)
                bomb.kill()
    finally:
        for kernel in neighbours:
            kernel.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
