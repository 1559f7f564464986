"""Times a client beside one that takes a byte a second: slow_client.py [PAIRS].

In each pair of runs a cell writes 200 MB to one client, alone and beside the slow one, in an order
that changes; the ratio of the medians is what the slow one costs.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from peers.husk import Husk
from peers.processes import end_keeper
from peers.server import V1, Server
from peers.slow import SlowClient, flood

SIZE = 200_000_000
PAIRS = 7


def seconds(server: Server, *, is_slow_there: bool) -> float:
    """How long a fresh kernel's client takes to be told everything."""
    kernel = server.start_kernel()
    slow = SlowClient(server, kernel) if is_slow_there else contextlib.nullcontext()
    with slow:
        channels = server.channels(kernel, framing=V1)
        channels.run("pass")
        began = time.perf_counter()
        request = channels.execute(flood(SIZE))
        size = 0
        # Next to nothing is parsed: the server is what is timed.
        while True:
            data = channels.connection.recv()
            assert isinstance(data, bytes)
            if b'"msg_type":"stream"' in data or b'"msg_type": "stream"' in data:
                size += data.count(b"x")
            elif b'"idle"' in data and request.encode() in data:
                break
        took = time.perf_counter() - began
        channels.close()
    server.delete(f"/api/kernels/{kernel}")
    assert size >= SIZE // 1000 * 999, f"{size} bytes"
    return took


def main() -> None:
    """Prints the medians and their ratio."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    with tempfile.TemporaryDirectory(prefix="husk-") as name:
        husk = Husk(Path(name) / "state")
        server = Server(husk, Path(name))
        try:
            seconds(server, is_slow_there=False)
            times: dict[bool, list[float]] = {False: [], True: []}
            for pair in range(pairs):
                for is_slow_there in (False, True) if pair % 2 else (True, False):
                    times[is_slow_there].append(seconds(server, is_slow_there=is_slow_there))
            server.stop()
        finally:
            server.kill()
            end_keeper(husk.state)
    alone, beside = median(times[False]), median(times[True])
    found = {"pairs": pairs, "alone": round(alone, 3), "beside": round(beside, 3)}
    print(json.dumps(found | {"ratio": round(beside / alone, 3)}))


if __name__ == "__main__":
    main()
