"""Kernels as jupyter_client starts them, whose cells can be compared."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from jupyter_client import BlockingKernelClient, KernelManager


@dataclass
class Cell:
    """What has come of a cell."""

    reply: dict[str, Any]
    shown: list[tuple[str, Any]] = field(default_factory=list)

    def text(self, name: str = "stdout") -> str:
        """What it printed."""
        return "".join(
            content["text"] for kind, content in self.shown if content.get("name") == name
        )

    def all(self, kind: str) -> list[dict[str, Any]]:
        """The contents of its messages of a kind."""
        return [content for found, content in self.shown if found == kind]

    @property
    def counts(self) -> list[tuple[str, int]]:
        """Every number that it was shown under, and that of its reply."""
        shown = [(k, c["execution_count"]) for k, c in self.shown if "execution_count" in c]
        return [*shown, ("reply", self.reply["execution_count"])]


class Session:
    """A kernel with its client."""

    def __init__(
        self, name: str, *options: str, cwd: str, env: dict[str, str] | None = None
    ) -> None:
        environment = {**os.environ, **(env or {})}
        for attempt in (1, 2):
            self.manager = KernelManager(kernel_name=name)
            self.manager.start_kernel(extra_arguments=list(options), env=environment, cwd=cwd)
            self.client: BlockingKernelClient = self.manager.client()
            self.client.start_channels()
            try:
                return self.client.wait_for_ready(timeout=20)
            except RuntimeError as error:
                self.close()
                # A port that jupyter_client has chosen may have gone to somebody else since.
                if attempt == 2 or "died" in str(error):
                    raise

    def run(self, code: str, **options: Any) -> Cell:  # noqa: ANN401
        """Runs a cell."""
        shown: list[tuple[str, Any]] = []
        reply = self.client.execute_interactive(
            code,
            timeout=30,
            allow_stdin=False,
            output_hook=lambda m: shown.append((m["msg_type"], m["content"])),
            **options,
        )
        return Cell(reply["content"], shown)

    def text(self, code: str) -> str:
        """What a cell prints, which must succeed."""
        cell = self.run(code)
        assert cell.reply["status"] == "ok", cell.reply
        return cell.text()

    def close(self) -> None:
        """Ends it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
