"""The traces of `husk serve`, as an OpenTelemetry collector gets them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from peers.collector import Collector, Span, attributes
from peers.husk import Husk
from peers.kernel import unused_ports
from peers.processes import end_keeper
from peers.server import Server
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"

FIELDS = {
    "traceId": str,
    "spanId": str,
    "traceState": str,
    "parentSpanId": str,
    "flags": int,
    "name": str,
    "kind": int,
    "startTimeUnixNano": str,
    "endTimeUnixNano": str,
    "attributes": list,
    "droppedAttributesCount": int,
    "events": list,
    "droppedEventsCount": int,
    "links": list,
    "droppedLinksCount": int,
    "status": dict,
}
"""The members of a span in opentelemetry/proto/trace/v1/trace.proto, and their types in JSON."""

Serve = Callable[..., Server]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that takes everything."""
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture
def serve(husk: Husk, base: Path, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server."""
    own = husk.with_state(base / "traced")
    started: list[Server] = []

    def start(*options: str, **env: str) -> Server:
        started.append(Server(own.with_env(**env), tmp_path, *options))
        return started[-1]

    yield start
    for server in started:
        assert server.stop() == 0, server.log
    end_keeper(own.state)


def check(span: Span) -> None:
    """Checks a span against the specification of the JSON."""
    for name, value in span.items():
        assert isinstance(value, FIELDS[name]), name
    assert re.fullmatch("[0-9a-f]{32}", span["traceId"])
    assert re.fullmatch("[0-9a-f]{16}", span["spanId"])
    assert re.fullmatch("[0-9a-f]{16}", span.get("parentSpanId", "0" * 16))
    began, ended = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    assert abs(began / 1e9 - time.time()) < 120
    assert began <= ended
    assert span["kind"] in range(1, 6)
    assert span["status"].get("code", 0) in (0, 1, 2)
    for event in span["events"]:
        assert set(event) == {"timeUnixNano", "name", "attributes", "droppedAttributesCount"}
        assert began <= int(event["timeUnixNano"]) <= ended
    attributes(span)


def only(spans: list[Span]) -> Span:
    """The one that there is."""
    assert len(spans) == 1, spans
    return spans[0]


def test_a_request_and_its_cell(collector: Collector, serve: Serve) -> None:
    """Spans go on where the client is, and cells belong to what has brought them."""
    server = serve(
        "--otlp-endpoint",
        collector.url,
        OTEL_SERVICE_NAME="notebooks",
        OTEL_EXPORTER_OTLP_HEADERS="x-key=a%20secret",
    )
    here = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
    kernel = server.post("/api/kernels", headers=here).json()["id"]
    body = {"code": "1 / 0", "metadata": {}}
    assert server.post(f"/api/kernels/{kernel}/execute", body, headers=here).status_code == 202
    wait_until(lambda: collector.named("cell"), 20, "the cell's span")
    for span in collector.spans:
        check(span)
    request = only(collector.named("POST /api/kernels"))
    assert (request["traceId"], request["parentSpanId"]) == (TRACE, SPAN)
    assert request["traceState"] == "vendor=1"
    assert request["kind"] == 2
    facts = attributes(request)
    assert facts["http.request.method"] == "POST"
    assert facts["http.route"] == "/api/kernels"
    assert facts["http.response.status_code"] == 201
    start = only(collector.named("kernel start"))
    assert (start["traceId"], start["parentSpanId"]) == (TRACE, request["spanId"])
    assert attributes(start)["husk.kernel.id"] == kernel
    execute = only(collector.named("POST /api/kernels/{id}/execute"))
    cell = only(collector.named("cell"))
    assert (cell["traceId"], cell["parentSpanId"]) == (TRACE, execute["spanId"])
    assert attributes(cell)["husk.cell.status"] == "error"
    assert cell["status"] == {"code": 2, "message": "ZeroDivisionError"}
    assert [event["name"] for event in cell["events"]] == ["handed to the interpreter"]
    message = collector.messages[0]
    assert message["path"] == "/v1/traces"
    assert collector.headers[0]["content-type"] == "application/json"
    assert collector.headers[0]["x-key"] == "a secret"
    resource = attributes(message["body"]["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "notebooks"


def test_cells_over_a_websocket(collector: Collector, serve: Serve) -> None:
    """They belong to its opening, or to where their message says."""
    server = serve("--otlp-endpoint", collector.url + "/")
    kernel = server.start_kernel()
    channels = server.channels(kernel, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    channels.run("1")
    channels.run("2")
    wait_until(lambda: len(collector.named("cell")) == 2, 20, "the cells' spans")
    opening = only(collector.named("GET /api/kernels/{id}/channels"))
    assert opening["parentSpanId"] == SPAN
    assert attributes(opening)["http.response.status_code"] == 101
    for cell in collector.named("cell"):
        assert (cell["traceId"], cell["parentSpanId"]) == (TRACE, opening["spanId"])
        assert attributes(cell)["husk.cell.status"] == "ok"
    own = {"traceparent": f"00-{TRACE[::-1]}-{SPAN[::-1]}-01"}
    request = channels.send("execute_request", {"code": "3", "silent": False}, metadata=own)
    wait_until(lambda: len(collector.named("cell")) == 3, 20, "the cell's span")
    cell = collector.named("cell")[-1]
    assert (cell["traceId"], cell["parentSpanId"]) == (TRACE[::-1], SPAN[::-1])
    assert attributes(cell)["jupyter.message.id"] == request
    channels.close()


def test_a_trace_that_is_not_kept(collector: Collector, serve: Serve) -> None:
    """Whoever began it has decided; without anybody it is kept."""
    server = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    server.get("/api/kernels", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
    server.get("/api/sessions", headers={"traceparent": "00-" + "0" * 32 + f"-{SPAN}-01"})
    wait_until(lambda: collector.named("GET /api/sessions"), 20, "the span")
    assert not collector.named("GET /api/kernels")
    span = only(collector.named("GET /api/sessions"))
    assert "parentSpanId" not in span
    assert span["traceId"] != TRACE


def test_the_rest_comes_at_the_end(collector: Collector, serve: Serve) -> None:
    """SIGTERM loses no span."""
    server = serve("--otlp-endpoint", collector.url)
    for _ in range(700):
        server.get(f"/api/kernels/{uuid.uuid4()}")
    server.get("/api/status")
    assert server.stop() == 0
    assert len(collector.named("GET /api/kernels/{id}")) == 700
    assert only(collector.named("GET /api/status"))
    assert len(collector.messages) > 1


def dropped(server: Server) -> float:
    """How many spans were dropped."""
    text: Any = server.get("/metrics").text
    return float(re.search(r"^otlp_spans_dropped_total (\S+)$", text, re.MULTILINE)[1])


def test_a_collector_that_is_away(serve: Serve) -> None:
    """The server serves on, comes to an end in time, and sends again what was not taken."""
    (port,) = unused_ports(1)
    server = serve("--otlp-endpoint", f"http://127.0.0.1:{port}")
    session = requests.Session()
    session.headers["Authorization"] = f"token {server.token}"
    for _ in range(10):
        assert session.get(f"{server.url}/api/kernels", timeout=10).ok
    time.sleep(1.5)
    late = Collector(port)
    wait_until(lambda: len(late.named("GET /api/kernels")) == 10, 30, "the spans")
    late.status = 400
    session.get(f"{server.url}/api/me", timeout=10)
    wait_until(lambda: dropped(server) >= 1, 20, "a span that is dropped")
    late.close()
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10
    assert "does not answer" in server.log


def test_without_a_collector(serve: Serve) -> None:
    """Nothing is traced, and nothing is said of traces."""
    server = serve(OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert server.get("/api/kernels").ok
    assert "otlp_spans" not in server.get("/metrics").text
    done = server.husk.run("serve", "--root", server.root, "--otlp-endpoint", "nonsense")
    assert done.returncode == 2
    assert "nonsense/v1/traces is no address of a collector" in done.stderr
