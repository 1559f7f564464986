"""What holds for every request, from the first message to the last."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from conftest import StartKernel
from peers.kernel import Kernel
from peers.wire import Client, states

STATES = ["busy", "idle"]


# ---- Hello


def test_first_message_welcomes(kernel: Kernel) -> None:
    """A subscriber's first message says that it is heard; it belongs to no request."""
    client = kernel.client(ready=False)
    welcome = client.any_message("iopub", timeout=30)
    assert welcome.type == "iopub_welcome"
    assert welcome.content == {"subscription": ""}
    assert welcome.parent == {}


@pytest.mark.husk
def test_each_subscriber_is_welcomed(shared_kernel: Kernel) -> None:
    """Also the second with the same subscription."""
    for _ in range(3):
        with Client(shared_kernel.connection) as client:
            assert client.any_message("iopub", timeout=10).type == "iopub_welcome"


@pytest.mark.parametrize("channel", ["shell", "control"])
def test_kernel_info(shared: Client, channel: str) -> None:
    """What a client needs to know about the language, on both channels."""
    reply, published = shared.request("kernel_info_request", channel=channel)
    assert reply.type == "kernel_info_reply"
    assert states(published) == STATES
    info = reply.content
    assert info["status"] == "ok"
    assert re.fullmatch(r"5\.\d+", info["protocol_version"])
    assert isinstance(info["banner"], str)
    assert isinstance(info["help_links"], list)
    assert {"implementation", "implementation_version"} <= info.keys()
    language = info["language_info"]
    assert language["name"] == "python"
    assert language["file_extension"] == ".py"
    assert language["mimetype"] == "text/x-python"
    assert language["codemirror_mode"] == {"name": "ipython", "version": 3}
    assert re.fullmatch(r"3\.\d+\.\d+\S*", language["version"])


def test_one_session_for_all_messages(shared: Client) -> None:
    """Clients drop what comes from another session of the same kernel."""
    request = shared.start("print(1)\ninput()", allow_stdin=True)
    asked = shared.wait_for("stdin", lambda m: m.type == "input_request", 10, "question")
    shared.send("stdin", "input_reply", {"value": "x"})
    done = [*shared.published(request), shared.reply(request)]
    shell, published = shared.request("kernel_info_request")
    control, _ = shared.request("kernel_info_request", channel="control")
    sessions = {m.header["session"] for m in [*done, *published, asked, shell, control]}
    assert len(sessions) == 1


def test_headers(shared: Client) -> None:
    """Each message has its own identifier, a date with a time zone, and a version."""
    done = shared.run_ok("print(1)\n2")
    assert len({m.header["msg_id"] for m in done.messages}) == len(done.messages)
    for message in done.messages:
        assert datetime.fromisoformat(message.header["date"]).tzinfo is not None
        assert message.header["version"].startswith("5.")
        assert isinstance(message.header["username"], str)
        assert isinstance(message.metadata, dict)


def test_parent_header_is_verbatim(shared: Client) -> None:
    """A client finds its own header again, with fields that the kernel does not know."""
    own = {"subshell_hint": None, "é": ["x", 1.5, {"deep": True}], "username": "Zoë"}
    request = shared.send("shell", "kernel_info_request", header=own)
    reply = shared.reply(request)
    for message in [reply, *shared.published(request)]:
        assert {key: message.parent[key] for key in own} == own
        assert message.parent["msg_type"] == "kernel_info_request"


@pytest.mark.parametrize(
    ("channel", "kind", "content"),
    [
        ("shell", "kernel_info_request", {}),
        ("shell", "execute_request", {"code": "1"}),
        ("shell", "execute_request", {"code": ""}),
        ("shell", "complete_request", {"code": "pri", "cursor_pos": 3}),
        ("shell", "inspect_request", {"code": "zip", "cursor_pos": 3, "detail_level": 0}),
        ("shell", "is_complete_request", {"code": "1"}),
        ("shell", "comm_info_request", {}),
        (
            "shell",
            "history_request",
            {"output": False, "raw": True, "hist_access_type": "tail", "n": 1},
        ),
        ("shell", "connect_request", {}),
        ("control", "kernel_info_request", {}),
        ("control", "interrupt_request", {}),
    ],
)
def test_busy_reply_idle(shared: Client, channel: str, kind: str, content: dict[str, int]) -> None:
    """Each request is answered, between busy and idle."""
    reply, published = shared.request(kind, content, channel)
    assert reply.type == kind.removesuffix("_request") + "_reply"
    assert kind == "is_complete_request" or reply.content["status"] == "ok"
    assert states(published) == STATES
    assert published[0].type == "status"
    assert published[-1].type == "status"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("comm_open", {"comm_id": "a", "target_name": "nobody", "data": {}}),
        ("comm_msg", {"comm_id": "unknown", "data": {}}),
        ("comm_close", {"comm_id": "unknown", "data": {}}),
    ],
)
def test_comm_messages_have_busy_and_idle(
    shared: Client, kind: str, content: dict[str, object]
) -> None:
    """Although they have no reply."""
    request = shared.send("shell", kind, content)
    assert states(list(shared.published(request))) == STATES


@pytest.mark.husk
@pytest.mark.parametrize("channel", ["shell", "control"])
def test_unknown_request_does_not_stop_the_kernel(shared: Client, channel: str) -> None:
    """A request that the kernel does not know is over when it says idle."""
    request = shared.send(channel, "frobnicate_request", {})
    assert states(list(shared.published(request))) == STATES
    assert shared.run_ok("1+1").only("execute_result").content["data"]["text/plain"] == "2"


def test_connect_request_gives_the_ports(shared_kernel: Kernel, shared: Client) -> None:
    """The deprecated request is still made by some clients."""
    reply, _ = shared.request("connect_request")
    for channel in ("shell", "iopub", "stdin", "control", "hb"):
        field = f"{channel}_port"
        assert reply.content[field] == shared_kernel.connection[field]


@pytest.mark.husk
def test_control_and_heartbeat_while_the_gil_is_held(shared: Client) -> None:
    """A cell that holds the interpreter lock delays neither."""
    code = "import ctypes; print('armed', flush=True); ctypes.PyDLL(None).usleep(2_000_000)"
    request = shared.start(code)
    shared.stream_holding(request, "armed")
    assert shared.beat() < 0.5
    control, _ = shared.request("kernel_info_request", channel="control", timeout=0.5)
    assert control.content["status"] == "ok"
    assert shared.finish(request).reply["status"] == "ok"


# ---- The end


@pytest.mark.parametrize("restart", [False, True])
def test_shutdown(kernel: Kernel, restart: bool) -> None:
    """Answered before the kernel ends; an asked-for end is a success."""
    client = kernel.client()
    reply = client.shut_down(restart)
    assert reply.type == "shutdown_reply"
    assert reply.content["status"] == "ok"
    assert reply.content["restart"] is restart
    assert kernel.wait(5) == 0


@pytest.mark.husk
def test_silent_standard_error(start_kernel: StartKernel) -> None:
    """A kernel that is well says nothing."""
    kernel = start_kernel()
    client = kernel.client()
    client.run_ok("import sys; print('to the client', file=sys.stderr)")
    client.shut_down()
    assert kernel.wait(5) == 0
    assert kernel.stderr == ""


@pytest.mark.husk
def test_other_kernels_options_are_ignored(start_kernel: StartKernel) -> None:
    """Clients add options for IPython without asking."""
    kernel = start_kernel("--HistoryManager.hist_file=:memory:")
    assert kernel.client().run_ok("1").reply["status"] == "ok"
