"""Times kernels beside each other, by a client that costs little: bench.py KERNELSPEC...

Prints a table for the README, all kernels from one run. Times of one machine mean nothing on
another; the ratios do.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psutil
import zmq
from jupyter_client.kernelspec import KernelSpecManager

from peers.husk import Husk
from peers.kernel import Kernel
from peers.processes import namespace, place_of
from peers.wire import DELIMITER, Client

STARTS, CELLS, PRINTS = 7, 500, 200
LINES = 200_000
FLOOD = 100_000
ROWS = {
    "start": "start to the first reply, ms",
    "reply": "`pass`: to the reply, ms",
    "idle": "`pass`: to idle, ms",
    "stream": "`print(1)`: to the text, ms",
    "lines": "200,000 printed lines, thousand lines/s",
    "flood": "100 MB written in lines of 1 kB, MB/s",
    "memory": "memory of an idle kernel (PSS), MB",
}


class Probe:
    """A client that looks at bytes, and parses next to nothing."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._shell, self._iopub = client.socket("shell"), client.socket("iopub")
        self._iopub.rcvhwm = 0
        self._poller = zmq.Poller()
        self._poller.register(self._shell, zmq.POLLIN)
        self._poller.register(self._iopub, zmq.POLLIN)

    def run(self, code: str) -> dict[str, float]:
        """Runs a cell; returns milliseconds to what came back, and the bytes of text."""
        began = time.perf_counter()
        request = self._client.start(code, store_history=False).encode()
        found: dict[str, float] = {"bytes": 0}
        while not {"reply", "idle"} <= found.keys():
            for name, body in self._parts(request):
                if name == "stream":
                    found.setdefault("stream", (time.perf_counter() - began) * 1000)
                    found["bytes"] += len(json.loads(body)["text"])
                elif name == "reply" or b'"idle"' in body:
                    found[name] = (time.perf_counter() - began) * 1000
        return found

    def _parts(self, request: bytes) -> Iterator[tuple[str, bytes]]:
        ready = dict(self._poller.poll(60_000))
        if not ready:
            raise TimeoutError("the kernel has lost a reply or an idle")
        for socket in ready:
            frames = socket.recv_multipart()
            at = frames.index(DELIMITER)
            if request not in frames[at + 3]:
                continue
            kind = frames[at + 2]
            if socket is self._shell:
                yield "reply", frames[at + 5]
            elif b'"stream"' in kind:
                yield "stream", frames[at + 5]
            elif b'"status"' in kind:
                yield "idle", frames[at + 5]


def command(name: str) -> list[str]:
    """The command line of a kernelspec."""
    words = list(KernelSpecManager().get_kernel_spec(name).argv)
    return [sys.executable, *words[1:]] if words[0].startswith("python") else words


def first_reply(kernel: Kernel, began: float) -> float:
    """Milliseconds until a kernel that starts has answered a cell."""
    client = kernel.client(ready=False)
    client.reply(client.start("1+1"), timeout=60)
    return (time.perf_counter() - began) * 1000


def memory(kernel: Kernel, client: Client) -> float:
    """Megabytes of a kernel's processes, shared pages divided among those who share them."""
    server = psutil.Process(kernel.process.pid)
    family = {server.pid: server} | {child.pid: child for child in server.children(recursive=True)}
    # A sandbox's processes are the keeper's children. Other kernels share the machine's namespace.
    place = place_of(client)
    if place.namespace != namespace("self"):
        family |= {pid: psutil.Process(pid) for pid in place.processes.values()}
    return sum(process.memory_full_info().pss for process in family.values()) / 1e6


def measure(name: str, folder: Path) -> dict[str, float]:
    """All rows of one kernel."""
    words, starts = command(name), []
    for _ in range(STARTS):
        began = time.perf_counter()
        with Kernel(words, folder, dict(os.environ)) as kernel:
            starts.append(first_reply(kernel, began))
    with Kernel(words, folder, dict(os.environ)) as kernel:
        client = kernel.client()
        probe = Probe(client)
        cells = [probe.run("pass") for _ in range(CELLS + 20)][20:]
        idle_memory = memory(kernel, client)
        prints = [probe.run("print(1)") for _ in range(PRINTS + 20)][20:]
        began = time.perf_counter()
        probe.run(f"for i in range({LINES}): print('line', i)")
        lines = LINES / (time.perf_counter() - began)
        began = time.perf_counter()
        flood = probe.run(
            "import sys\nline = 'x' * 1000 + '\\n'\n"
            f"for i in range({FLOOD}): sys.stdout.write(line)"
        )
        rate = flood["bytes"] / (time.perf_counter() - began)
        lost = FLOOD * 1001 - flood["bytes"]
    return {
        "start": median(starts[1:]),
        "reply": median(cell["reply"] for cell in cells),
        "idle": median(cell["idle"] for cell in cells),
        "stream": median(cell["stream"] for cell in prints),
        "lines": lines / 1000,
        "flood": rate / 1e6,
        "memory": idle_memory,
        "lost": lost / 1e6,
    }


def main() -> None:
    """Measures the kernels of the command line and prints the table."""
    with tempfile.TemporaryDirectory(prefix="husk-") as name:
        base = Path(name)
        husk = Husk(base / "state")
        husk.run("install", "--prefix", base, "--python", husk.python)
        os.environ["JUPYTER_PATH"] = str(base / "share/jupyter")
        os.environ["HUSK_STATE"] = str(husk.state)
        names = sys.argv[1:]
        found = {name: measure(name, base) for name in names}
    print(f"| | {' | '.join(names)} |")
    print(f"|---|{'---|' * len(names)}")
    for row, title in ROWS.items():
        cells = []
        for name in names:
            value = found[name][row]
            cell = f"{value:.2f}" if value < 10 else f"{value:.0f}"
            if row == "flood" and found[name]["lost"] > 0:
                cell += f" ({found[name]['lost']:.0f} MB lost)"
            cells.append(cell)
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
