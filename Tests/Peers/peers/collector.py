"""A collector of OpenTelemetry traces, as far as a test needs one."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Span = dict[str, Any]


class Collector:
    """Takes what is posted to it, or refuses it with a status."""

    def __init__(self, port: int = 0, status: int = 200) -> None:
        self.status = status
        self.messages: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.status == 200:
                    collector.messages.append({"path": self.path, "body": json.loads(body)})
                    collector.headers.append({k.lower(): v for k, v in self.headers.items()})
                self.send_response(collector.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def spans(self) -> list[Span]:
        """All spans that have come."""
        return [
            span
            for message in self.messages
            for resource in message["body"]["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def named(self, name: str) -> list[Span]:
        """The spans of a name."""
        return [span for span in self.spans if span["name"] == name]

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def attributes(span: Span) -> dict[str, object]:
    """The attributes of a span; integers are text in this JSON."""
    found: dict[str, object] = {}
    for attribute in span["attributes"]:
        ((kind, value),) = attribute["value"].items()
        assert kind in ("stringValue", "intValue", "boolValue", "doubleValue", "arrayValue")
        if kind == "intValue":
            assert isinstance(value, str)
            value = int(value)
        found[attribute["key"]] = value
    return found
