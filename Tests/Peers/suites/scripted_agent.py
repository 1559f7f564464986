"""Runs an agent of smolagents whose model has a script, and prints what came of it as JSON.

The agent, its executor for Docker, and what they send and read are smolagents' own; the daemon is
ours, and its container a `husk serve`.
"""

from __future__ import annotations

import json
from typing import Any

import docker
import requests
from containers import DAEMON
from smolagents import CodeAgent, tool
from smolagents.models import ChatMessage, MessageRole, Model
from smolagents.monitoring import LogLevel

from peers.kernel import unused_ports
from peers.waiting import wait_until

ANSWERS = [
    # Variables, one of which came with the task.
    "<code>\nprices = [3, 4, 5]\nprint('bought', len(prices), 'of', budget)\n</code>",
    # They are there in the next step, and the last value is seen.
    "<code>\nprint('adding')\nsum(prices)\n</code>",
    "<code>\nprint(in_cents(sum(prices)))\n</code>",
    "<code>\nprices.append(6)\nprint('about to fail')\nprices[99]\n</code>",
    # What the failed step did has been done.
    "<code>\nprint(prices, in_cents(sum(prices)))\n</code>",
    "There is no code in this.",
    "<code>\nfinal_answer({'total': sum(prices), 'prices': tuple(prices), 'é': b'x'})\n</code>",
]

STEP = ("step_number", "code_action", "observations", "error", "is_final_answer")
"""What is told of a step."""


class ScriptedModel(Model):
    """Says one thing after the other, whatever it is told, and remembers that."""

    def __init__(self) -> None:
        super().__init__(model_id="scripted")
        self.agent: CodeAgent | None = None
        self.told: list[str] = []
        """The last message before each answer."""
        self._answers = iter(ANSWERS)

    def generate(
        self,
        messages: list[ChatMessage],
        **settings: Any,  # noqa: ANN401
    ) -> ChatMessage:
        """The next answer."""
        # A model takes longer than a cell's end. The agent goes on when it sees the error, and what
        # came before the end would be aborted with what waits behind a failed cell.
        wait_until(self._is_idle, 10, "the end of the cell")
        self.told.append("".join(part["text"] for part in messages[-1].content))
        return ChatMessage(role=MessageRole.ASSISTANT, content=next(self._answers))

    def _is_idle(self) -> bool:
        assert self.agent is not None
        executor = self.agent.python_executor
        token = executor.ws_url.partition("?")[2]
        url = f"{executor.base_url}/api/kernels/{executor.kernel_id}?{token}"
        return requests.get(url, timeout=5).json()["execution_state"] == "idle"


@tool
def in_cents(amount: int) -> int:
    """Converts an amount.

    Args:
        amount: What to convert.
    """
    return amount * 100


def main() -> None:
    """Gives the agent its task."""
    docker.from_env = lambda: DAEMON
    (port,) = unused_ports(1)
    model = ScriptedModel()
    agent = CodeAgent(
        tools=[in_cents],
        model=model,
        executor_type="docker",
        executor_kwargs={"port": port},
        return_full_result=True,
        verbosity_level=LogLevel.OFF,
    )
    model.agent = agent
    try:
        result = agent.run("What did it cost?", additional_args={"budget": 20})
    finally:
        agent.cleanup()
    steps = [step for step in result.steps if "step_number" in step]
    found = {
        "output": repr(result.output),
        "state": result.state,
        "steps": [{name: step[name] for name in STEP} for step in steps],
        "told": model.told,
        "containers": len(DAEMON.containers.list()),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
