"""The debugger, as JupyterLab uses it (JEP 47), with real debugpy in the sandbox."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from peers.kernel import Kernel
from peers.wire import Client

JSON = dict[str, Any]
Ask = Callable[..., JSON]

CELL = """def area(width, height):
    product = width * height
    doubled = product * 2
    return doubled

total = area(3, 4)
print(total)"""


class Debugger:
    """A client's debug session."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._numbers = itertools.count(1)

    def ask(self, command: str, **arguments: object) -> JSON:
        """Sends a debug request; returns the answer."""
        content = {
            "type": "request",
            "seq": next(self._numbers),
            "command": command,
            "arguments": arguments,
        }
        request = self.client.send("control", "debug_request", content)
        answer = self.client.reply(request, "control", timeout=30).content
        assert answer.get("request_seq") == content["seq"], answer
        return answer

    def begin(self) -> None:
        """Starts and attaches."""
        assert self.ask("initialize", clientID="test", adapterID="", linesStartAt1=True)["success"]
        assert self.ask("attach")["success"]

    def set_breakpoints(self, code: str, *lines: int, **extra: object) -> str:
        """Sets breakpoints in a cell; returns its name as a file."""
        path = self.ask("dumpCell", code=code)["body"]["sourcePath"]
        points = [{"line": line} | extra for line in lines]
        answer = self.ask("setBreakpoints", source={"path": path}, breakpoints=points)
        assert [p["line"] for p in answer["body"]["breakpoints"]] == list(lines)
        assert self.ask("configurationDone")["success"]
        return str(path)

    def stopped(self) -> list[JSON]:
        """Waits for a stop; returns the stack of the thread that has stopped."""
        event = self.client.wait_for(
            "iopub",
            lambda m: m.type == "debug_event" and m.content["event"] == "stopped",
            20,
            "stop",
        )
        self.thread = event.content["body"]["threadId"]
        return list(self.ask("stackTrace", threadId=self.thread)["body"]["stackFrames"])

    def variables(self, frame: JSON, scope: str = "Locals") -> dict[str, str]:
        """The variables of a frame."""
        scopes = self.ask("scopes", frameId=frame["id"])["body"]["scopes"]
        (reference,) = (s["variablesReference"] for s in scopes if s["name"] == scope)
        found = self.ask("variables", variablesReference=reference)["body"]["variables"]
        return {item["name"]: item["value"] for item in found}


@pytest.fixture
def debugger(client: Client) -> Debugger:
    """A debug session of a fresh kernel, not begun."""
    return Debugger(client)


def test_breakpoint_steps_and_variables(debugger: Debugger) -> None:
    """A cell stops, shows its variables, is stepped through, changed, and goes on."""
    client = debugger.client
    debugger.begin()
    path = debugger.set_breakpoints(CELL, 2)
    info = debugger.ask("debugInfo")["body"]
    assert info["isStarted"]
    assert path.startswith(info["tmpFilePrefix"])
    assert info["breakpoints"] == [{"source": path, "breakpoints": [{"line": 2}]}]
    cell = client.start(CELL)
    frames = debugger.stopped()
    assert [(f["name"], f["line"]) for f in frames[:2]] == [("area", 2), ("<module>", 6)]
    assert frames[0]["source"]["path"] == path
    assert debugger.variables(frames[0]) == {"width": "3", "height": "4"}
    assert debugger.ask("debugInfo")["body"]["stoppedThreads"]
    debugger.ask("next", threadId=debugger.thread)
    frames = debugger.stopped()
    assert (frames[0]["line"], debugger.variables(frames[0])["product"]) == (3, "12")
    rich = debugger.ask("richInspectVariables", variableName="product", frameId=frames[0]["id"])
    assert rich["body"]["data"] == {"text/plain": "12"}
    copied = debugger.ask(
        "copyToGlobals",
        srcVariableName="product",
        dstVariableName="kept",
        srcFrameId=frames[0]["id"],
    )
    assert copied["success"]
    debugger.ask("evaluate", expression="product = 50", frameId=frames[0]["id"], context="repl")
    debugger.ask("stepOut", threadId=debugger.thread)
    assert debugger.stopped()[0]["name"] == "<module>"
    debugger.ask("continue", threadId=debugger.thread)
    assert client.finish(cell).stdout == "100\n"
    assert client.run_ok("print(kept)").stdout == "12\n"
    assert debugger.ask("disconnect")["success"]
    assert client.run_ok(CELL).stdout == "24\n"


def test_condition_and_exception(debugger: Debugger) -> None:
    """It stops only where the condition holds, and at exceptions nobody handles."""
    client = debugger.client
    debugger.begin()
    code = "for n in range(10):\n    seen = n\nprint('end')"
    debugger.set_breakpoints(code, 2, condition="n == 7")
    cell = client.start(code)
    assert debugger.variables(debugger.stopped()[0], "Globals")["n"] == "7"
    debugger.ask("continue", threadId=debugger.thread)
    assert client.finish(cell).stdout == "end\n"


def test_begun_again(debugger: Debugger) -> None:
    """Disconnected and initialised again it works as before, and breakpoints are gone."""
    client = debugger.client
    for _ in range(3):
        debugger.begin()
        assert debugger.ask("debugInfo")["body"]["breakpoints"] == []
        debugger.set_breakpoints(CELL, 3)
        cell = client.start(CELL)
        assert debugger.stopped()[0]["line"] == 3
        debugger.ask("continue", threadId=debugger.thread)
        assert client.finish(cell).stdout == "24\n"
        assert debugger.ask("disconnect")["success"]


@pytest.mark.husk
def test_interrupt_at_a_breakpoint(debugger: Debugger) -> None:
    """What stands there goes on and is interrupted at once; the next cell is undisturbed."""
    client = debugger.client
    debugger.begin()
    code = f"{CELL}\nwhile True: pass"
    debugger.set_breakpoints(code, 2)
    cell = client.start(code)
    debugger.stopped()
    client.interrupt()
    assert client.finish(cell).reply["ename"] == "KeyboardInterrupt"
    debugger.ask("disconnect")
    assert client.run_ok(CELL).stdout == "24\n"


@pytest.mark.husk
def test_begins_while_a_cell_runs(debugger: Debugger) -> None:
    """A cell that was running already stops at a breakpoint in what it calls next."""
    client = debugger.client
    client.run_ok("import threading, time\ngo = threading.Event()")
    code = "def step():\n    return 1\nprint('armed', flush=True)\nwhile not go.is_set():\n"
    code += "    step()\n    time.sleep(0.01)\nprint('end')"
    cell = client.start(code)
    client.stream_holding(cell, "armed")
    debugger.begin()
    debugger.set_breakpoints(code, 2)
    frame = debugger.stopped()[0]
    assert frame["name"] == "step"
    debugger.ask("setBreakpoints", source={"path": debugger_path(debugger, code)}, breakpoints=[])
    debugger.ask("evaluate", expression="go.set()", frameId=frame["id"], context="repl")
    debugger.ask("continue", threadId=debugger.thread)
    assert client.finish(cell).reply["status"] == "ok"


def debugger_path(debugger: Debugger, code: str) -> str:
    """A cell's name as a file."""
    return str(debugger.ask("dumpCell", code=code)["body"]["sourcePath"])


@pytest.mark.parametrize("first", [None, "inspectVariables"])
def test_says_nothing(debugger: Debugger, first: str | None) -> None:
    """No warning comes into the user's output, and what silences it into no environment."""
    client = debugger.client
    if first is not None:
        debugger.ask(first)
    debugger.begin()
    done = client.run_ok("import os\nprint([n for n in os.environ if 'VALIDATION' in n])")
    assert done.stdout == "[]\n"
    texts = [m.content["text"] for m in client.take_all("iopub") if m.type == "stream"]
    assert texts == []
    assert done.stderr == ""


def test_breakpoint_of_the_code(debugger: Debugger) -> None:
    """A client that debugs needs no line of input: the code stops where it says so."""
    client = debugger.client
    client.run_ok("1", allow_stdin=False)
    debugger.begin()
    code = "def half(x):\n    breakpoint()\n    return x // 2\nprint(half(4))"
    debugger.set_breakpoints(code, 4)
    cell = client.start(code, allow_stdin=False)
    debugger.stopped()
    debugger.ask("continue", threadId=debugger.thread)
    assert debugger.stopped()[0]["name"] == "half"
    debugger.ask("continue", threadId=debugger.thread)
    assert client.finish(cell).stdout == "2\n"


@pytest.mark.husk
def test_answers_that_cannot_be_sent(debugger: Debugger) -> None:
    """They are errors, and the next question is answered."""
    client = debugger.client
    client.run_ok(
        "import sys\nsys.setrecursionlimit(6000)\ndeep = 1\n"
        "for _ in range(2000): deep = [deep]\n"
        "class Deep:\n    def _repr_json_(self): return deep\n    def __repr__(self): return ''\n"
        "it = Deep()"
    )
    content = {
        "type": "request",
        "seq": 1,
        "command": "richInspectVariables",
        "arguments": {"variableName": "it"},
    }
    request = client.send("control", "debug_request", content)
    answer = client.reply(request, "control", timeout=30).content
    assert (answer["status"], answer["ename"]) == ("error", "RecursionError")
    assert debugger.ask("debugInfo")["success"]


@pytest.mark.husk
def test_costs_nothing_until_it_is_asked_for(client: Client) -> None:
    """Neither debugpy nor what Jupyter's own side is made of is loaded."""
    unwanted = {"debugpy", "zmq", "tornado", "jupyter_client"}
    done = client.run_ok(f"import sys; print({unwanted} & {{*sys.modules}})")
    assert done.stdout == "set()\n"
    reply, _ = client.request("kernel_info_request")
    assert "debugger" in reply.content["supported_features"]


@pytest.mark.husk
def test_senseless_requests(kernel: Kernel) -> None:
    """Requests that make no sense are answered, and the kernel goes on."""
    client = kernel.client()
    for content in ({}, {"command": 5}, {"command": "variables"}, {"command": "x" * 1000}):
        request = client.send("control", "debug_request", content)
        client.reply(request, "control", timeout=10)
    assert client.run_ok("print(1)").stdout == "1\n"
