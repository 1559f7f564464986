"""What `husk serve` says of itself in `/metrics`, read by Prometheus' own parser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from peers.husk import Husk
from peers.processes import end_keeper
from peers.server import Server
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

METHODS = ("MKCOL", "PROPFIND", "REPORT", "TRACE")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(server: Server) -> Samples:
    """The samples, by their names and labels."""
    answer = server.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.type in ("counter", "gauge", "histogram"), family
        assert family.documentation, family.name
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples
            samples[key] = sample.value
    return samples


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples with a name that have these labels."""
    return sum(
        number
        for (sample, has), number in samples.items()
        if sample == name and set(labels.items()) <= has
    )


@pytest.fixture
def own(husk: Husk, base: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that nobody else asks."""
    alone = husk.with_state(base / "counted")
    server = Server(alone, tmp_path, "--public-metrics")
    yield server
    assert server.stop() == 0, server.log
    end_keeper(alone.state)


def test_who_may_ask(server: Server, own: Server) -> None:
    """Those with the token, or everybody."""
    assert requests.get(f"{server.url}/metrics", timeout=10).status_code == 403
    assert server.get("/metrics").ok
    assert requests.get(f"{own.url}/metrics", timeout=10).ok
    assert requests.get(f"{own.url}/api/kernels", timeout=10).status_code == 403
    assert own.post("/metrics").status_code == 405


def test_kernels_and_cells(own: Server) -> None:
    """Beginnings, ends and what is between."""
    before = read(own)
    assert value(before, "husk_kernels") == 0
    assert value(before, "husk_cells_total", status="ok") == 0
    kernel = own.start_kernel()
    channels = own.channels(kernel)
    channels.run("sum(range(10_000_000))")
    channels.run("1 / 0")
    own.post(f"/api/kernels/{kernel}/execute", {"code": "1"})
    wait_until(lambda: value(read(own), "husk_cells_total", status="ok") == 2, 10, "the cell")
    during = read(own)
    assert value(during, "husk_kernels", state="idle") == 1
    assert value(during, "husk_kernels") == 1
    assert value(during, "husk_cells_total", status="error") == 1
    assert value(during, "husk_cell_seconds_count") == 3
    assert value(during, "husk_cell_seconds_bucket", le="+Inf") == 3
    assert 0.05 < value(during, "husk_cell_cpu_seconds_total") < 20
    assert value(during, "husk_kernel_starts_total", result="started") == 1
    assert value(during, "husk_kernel_start_seconds_count") == 1
    assert value(during, "husk_websockets_open") == 1
    assert value(during, "husk_websocket_messages_total", direction="in") == 2
    assert value(during, "husk_websocket_messages_total", direction="out") >= 8
    assert value(during, "husk_websocket_bytes_total", direction="out") > 1000
    own.post(f"/api/kernels/{kernel}/restart")
    channels.close()
    doomed = own.start_kernel()
    own.post(f"/api/kernels/{doomed}/execute", {"code": "import os; os._exit(3)"})
    died = {"reason": "interpreter_exited"}
    wait_until(lambda: value(read(own), "husk_kernel_deaths_total", **died) == 1, 10, "a death")
    assert value(read(own), "husk_kernels", state="dead") == 1
    assert value(read(own), "husk_cells_total", status="died") == 1
    for each in (kernel, doomed):
        own.delete(f"/api/kernels/{each}")
    after = read(own)
    assert value(after, "husk_kernel_restarts_total") == 1
    assert value(after, "husk_kernel_ends_total") == 2
    assert value(after, "husk_kernel_deaths_total") == 1
    assert value(after, "husk_kernels") == 0
    wait_until(lambda: value(read(own), "husk_websockets_open") == 0, 10, "the WebSocket's end")
    own.post("/api/kernels", {"name": "none"})


def test_requests(own: Server) -> None:
    """Counted by what they are for, however many paths are named."""
    for number in range(40):
        own.get(f"/api/contents/nothing-{number}")
        own.get(f"/api/nonsense/{number}")
        own.request(METHODS[number % len(METHODS)], "/api/kernels")
    samples = read(own)
    assert (
        value(samples, "husk_http_requests_total", route="/api/contents/{path}", status="4xx") == 40
    )
    assert value(samples, "husk_http_requests_total", route="unknown", status="4xx") == 40
    assert value(samples, "husk_http_requests_total", method="other") == 40
    assert value(samples, "husk_http_request_seconds_count", route="/api/contents/{path}") == 40
    assert value(samples, "metrics_dropped_series_total") == 0
    text = own.get("/metrics").text
    assert "nothing-" not in text
    assert METHODS[0] not in text


def test_the_process(own: Server) -> None:
    """Under the names that everybody uses."""
    samples = read(own)
    assert 1e6 < value(samples, "process_resident_memory_bytes") < 1e9
    assert 5 < value(samples, "process_open_fds") < value(samples, "process_max_fds")
    assert abs(value(samples, "process_start_time_seconds") - time.time()) < 60
    assert value(samples, "process_cpu_seconds_total") > 0
