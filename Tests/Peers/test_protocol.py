"""The messaging protocol, message by message."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from conftest import StartKernel
from peers.kernel import Kernel
from peers.wire import Client, Message, connected

STATES = ["busy", "idle"]


def states(messages: list[Message]) -> list[str]:
    """The execution states among messages, in order."""
    return [m.content["execution_state"] for m in messages if m.type == "status"]


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
    assert kind in ("is_complete_request", "connect_request") or reply.content["status"] == "ok"
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


# ---- Execution


def test_order_of_an_execution(shared: Client) -> None:
    """Busy, the input, outputs in the order that they were made, idle."""
    done = shared.run_ok(
        "from IPython.display import display\nprint('a')\ndisplay(1)\nprint('b')\n2"
    )
    types = [m.type for m in done.messages]
    assert types == [
        "status",
        "execute_input",
        "stream",
        "display_data",
        "stream",
        "execute_result",
        "status",
    ]
    count = done.reply["execution_count"]
    given = done.messages[1].content
    assert given["execution_count"] == count
    assert given["code"].endswith("\n2")
    assert done.only("execute_result").content["execution_count"] == count
    assert done.reply["user_expressions"] == {}
    assert done.reply["payload"] == []


def test_missing_fields_have_defaults(shared: Client) -> None:
    """Real clients leave all but the code out."""
    reply, published = shared.request("execute_request", {"code": "print('x')"})
    assert reply.content["status"] == "ok"
    assert [m.type for m in published] == ["status", "execute_input", "stream", "status"]


def test_execution_count(shared: Client) -> None:
    """Only what goes into the history counts."""
    first = shared.run_ok("1").reply["execution_count"]
    shared.run_ok("2", store_history=False)
    silent = shared.run_ok("3", silent=True)
    assert silent.types == []
    assert shared.run_ok("4").reply["execution_count"] == first + 1
    assert shared.run_ok("5").reply["execution_count"] == first + 2


def test_error(shared: Client) -> None:
    """The reply and the published error say the same; the name is a bare class name."""
    done = shared.run("1/0")
    assert done.types == ["execute_input", "error"]
    error = done.only("error").content
    assert error["ename"] == "ZeroDivisionError"
    assert error["evalue"] == "division by zero"
    assert all(isinstance(line, str) for line in error["traceback"])
    assert "ZeroDivisionError" in "".join(error["traceback"])
    assert done.reply["status"] == "error"
    for field in ("ename", "evalue", "traceback"):
        assert done.reply[field] == error[field]
    assert isinstance(done.reply["execution_count"], int)


def test_syntax_error(shared: Client) -> None:
    """A cell that does not parse is an error like any other."""
    done = shared.run("def f(:")
    assert done.reply["ename"] == "SyntaxError"
    assert done.types == ["execute_input", "error"]


@pytest.mark.parametrize("code", ["import sys; sys.exit(0)", "import sys; sys.exit(3)"])
def test_exit_of_a_cell_is_an_error(shared: Client, code: str) -> None:
    """`sys.exit` ends the cell, not the kernel."""
    done = shared.run(code)
    assert done.reply["status"] == "error"
    assert done.reply["ename"] == "SystemExit"
    assert shared.run_ok("print('still here')").stdout == "still here\n"


def test_error_aborts_what_is_queued(shared: Client) -> None:
    """Cells that wait behind an error are not run; other requests are answered."""
    failing = shared.start("import time; time.sleep(0.3); 1/0")
    queued = [shared.start(f"print('never {n}')") for n in range(3)]
    info = shared.send("shell", "kernel_info_request")
    assert shared.finish(failing).reply["status"] == "error"
    for request in queued:
        done = shared.finish(request)
        assert done.reply["status"] == "aborted"
        assert done.types == []
        assert states(done.messages) == STATES
    assert shared.reply(info).content["status"] == "ok"
    assert shared.run_ok("print('after')").stdout == "after\n"


def test_error_without_stop_on_error(shared: Client) -> None:
    """The cells behind it run."""
    failing = shared.start("import time; time.sleep(0.3); 1/0", stop_on_error=False)
    queued = shared.start("print('runs')")
    assert shared.finish(failing).reply["status"] == "error"
    assert shared.finish(queued).stdout == "runs\n"


def test_queued_cells_do_not_interleave(shared: Client) -> None:
    """The second cell starts after the first one's idle."""
    first = shared.start("import asyncio\nfor n in range(5): print(n); await asyncio.sleep(0.05)")
    second = shared.start("print('second')")
    order: list[str | None] = []
    while True:
        message = shared.any_message("iopub")
        order.append(message.parent_id)
        state = message.content.get("execution_state")
        if message.parent_id == second and state == "idle":
            break
    assert order == sorted(order, key=[first, second].index)


def test_user_expressions(shared: Client) -> None:
    """Evaluated after a success, each with its own status."""
    done = shared.run_ok("x = 20", user_expressions={"good": "x + 1", "bad": "nothing_here"})
    good, bad = done.reply["user_expressions"]["good"], done.reply["user_expressions"]["bad"]
    assert good["status"] == "ok"
    assert good["data"]["text/plain"] == "21"
    assert good["metadata"] == {}
    assert bad["status"] == "error"
    assert bad["ename"] == "NameError"


def test_payloads(shared: Client) -> None:
    """A pager's text and the next input go in the reply."""
    page = shared.run_ok("zip?").reply["payload"]
    assert [p["source"] for p in page] == ["page"]
    assert "text/plain" in page[0]["data"]
    following = shared.run_ok("get_ipython().set_next_input('y = 1')").reply["payload"]
    assert following == [{"source": "set_next_input", "text": "y = 1", "replace": False}]


def test_display_and_update(shared: Client) -> None:
    """An update names the display that it replaces."""
    done = shared.run_ok(
        "from IPython.display import display\n"
        "handle = display({'text/plain': 'one'}, raw=True, display_id='here')\n"
        "handle.update({'text/plain': 'two'}, raw=True)"
    )
    first, second = done.only("display_data"), done.only("update_display_data")
    assert first.content["data"] == {"text/plain": "one"}
    assert second.content["data"] == {"text/plain": "two"}
    assert first.content["transient"]["display_id"] == "here"
    assert second.content["transient"]["display_id"] == "here"


def test_clear_output_comes_after_earlier_text(shared: Client) -> None:
    """What was printed before is published before."""
    done = shared.run_ok(
        "from IPython.display import clear_output\nprint('old')\nclear_output(wait=True)\n"
        "print('new')"
    )
    assert done.types == ["execute_input", "stream", "clear_output", "stream"]
    assert done.only("clear_output").content == {"wait": True}


@pytest.mark.husk
def test_large_messages(shared: Client) -> None:
    """More than the channel holds at once, both ways."""
    code = f"received = {'x' * 9_000_000!r}; print(len(received))"
    assert shared.run_ok(code).stdout == "9000000\n"
    done = shared.run_ok(
        "from IPython.display import display\ndisplay({'text/plain': 'é' * 6_000_000}, raw=True)"
    )
    assert done.only("display_data").content["data"]["text/plain"] == "é" * 6_000_000


def test_task_goes_on_after_its_cell(shared: Client) -> None:
    """The loop runs while the kernel is idle, and its output is published."""
    request = shared.start(
        "import asyncio\n"
        "async def later():\n    await asyncio.sleep(0.3); print('from the task')\n"
        "task = asyncio.create_task(later())"
    )
    shared.finish(request)
    text = shared.wait_for("iopub", lambda m: m.type == "stream", 10, "output of the task")
    assert "from the task" in text.content["text"]


# ---- Comms


def test_comm_round_trip_with_buffers(shared: Client) -> None:
    """A comm opened by the client carries binary buffers both ways."""
    shared.run_ok(
        "import comm\n"
        "def opened(link, message):\n"
        "    link.on_msg(lambda m: link.send({'n': len(m['buffers'])},"
        " buffers=[bytes(b)[::-1] for b in m['buffers']]))\n"
        "comm.get_comm_manager().register_target('echo', opened)"
    )
    shared.request("comm_info_request")
    opening = {"comm_id": "c1", "target_name": "echo", "data": {}}
    list(shared.published(shared.send("shell", "comm_open", opening)))
    info, _ = shared.request("comm_info_request", {"target_name": "echo"})
    assert info.content["comms"] == {"c1": {"target_name": "echo"}}
    data = {"comm_id": "c1", "data": {}}
    request = shared.send("shell", "comm_msg", data, buffers=[b"\x00\x01\x02", b"abc"])
    answers = [m for m in shared.published(request) if m.type == "comm_msg"]
    assert [m.content["data"] for m in answers] == [{"n": 2}]
    assert answers[0].buffers == [b"\x02\x01\x00", b"cba"]
    list(shared.published(shared.send("shell", "comm_close", data)))


def test_unknown_comm_target_is_closed(shared: Client) -> None:
    """The client learns that nobody is there."""
    opening = {"comm_id": "c2", "target_name": "nobody", "data": {}}
    messages = list(shared.published(shared.send("shell", "comm_open", opening)))
    closed = [m.content["comm_id"] for m in messages if m.type == "comm_close"]
    assert closed == ["c2"]


# ---- Introspection


def test_complete_counts_code_points(shared: Client) -> None:
    """Cursor positions count code points, also behind those that UTF-16 writes in two units."""
    shared.run_ok("some_long_name = 1")
    code = "'🐚é' + some_long_n"
    reply, _ = shared.request("complete_request", {"code": code, "cursor_pos": len(code)})
    found = reply.content
    assert "some_long_name" in found["matches"]
    assert (found["cursor_start"], found["cursor_end"]) == (code.index("some"), len(code))


def test_complete_in_the_middle(shared: Client) -> None:
    """Text behind the cursor takes no part."""
    reply, _ = shared.request("complete_request", {"code": "zi + 1", "cursor_pos": 2})
    assert "zip" in reply.content["matches"]
    assert reply.content["cursor_start"] == 0


def test_inspect(shared: Client) -> None:
    """What is known is described; what is not is not found, which is no error."""
    shared.run_ok("def documented(a, b=2):\n    'Says what it is.'\n    return a")
    request = {"code": "documented(1)", "cursor_pos": 4, "detail_level": 0}
    reply, _ = shared.request("inspect_request", request)
    assert reply.content["found"] is True
    assert "Says what it is." in reply.content["data"]["text/plain"]
    request["detail_level"] = 1
    reply, _ = shared.request("inspect_request", request)
    source = re.sub(r"\x1b\[[0-9;]*m", "", reply.content["data"]["text/plain"])
    assert "return a" in source
    nothing = {"code": "nothing_here", "cursor_pos": 3}
    reply, _ = shared.request("inspect_request", nothing)
    assert (reply.content["status"], reply.content["found"]) == ("ok", False)
    assert reply.content["data"] == {}


@pytest.mark.parametrize(
    ("code", "status", "indent"),
    [
        ("1 + 1", "complete", None),
        ("for n in range(3):", "incomplete", "    "),
        ("x = (", "incomplete", ""),
        ("import = 7q", "invalid", None),
    ],
)
def test_is_complete(shared: Client, code: str, status: str, indent: str | None) -> None:
    """What a console does at the end of a line."""
    reply, _ = shared.request("is_complete_request", {"code": code})
    assert reply.content["status"] == status
    if indent:
        assert reply.content["indent"] == indent


def test_history(client: Client) -> None:
    """Tail, range and search, with and without outputs."""
    for code in ("zq = 1", "zq + 1", "b = 2", "zq + 1"):
        client.run_ok(code)

    def history(**query: object) -> list[list[object]]:
        reply, _ = client.request("history_request", {"raw": True, "output": False, **query})
        return reply.content["history"]

    tail = history(hist_access_type="tail", n=2)
    assert [entry[1:] for entry in tail] == [[3, "b = 2"], [4, "zq + 1"]]
    ranged = history(hist_access_type="range", session=0, start=1, stop=3)
    assert [entry[2] for entry in ranged] == ["zq = 1", "zq + 1"]
    with_output = history(hist_access_type="range", session=0, start=2, stop=3, output=True)
    assert with_output[0][2] == ["zq + 1", "2"]
    found = history(hist_access_type="search", pattern="zq*", n=10, unique=True)
    assert [entry[2] for entry in found] == ["zq = 1", "zq + 1"]


# ---- Input


def answer(client: Client, value: str) -> Message:
    """Answers the next question and returns it."""
    question = client.wait_for("stdin", lambda m: m.type == "input_request", 10, "question")
    client.send("stdin", "input_reply", {"value": value}, parent=question.header)
    return question


def test_input(shared: Client) -> None:
    """A question belongs to the cell that asks it."""
    request = shared.start("name = input('Who? '); print(name * 2)", allow_stdin=True)
    question = answer(shared, "Zoë 🐚")
    assert question.content == {"prompt": "Who? ", "password": False}
    assert question.parent_id == request
    assert shared.finish(request).stdout == "Zoë 🐚Zoë 🐚\n"


def test_password(shared: Client) -> None:
    """A password is marked as one."""
    request = shared.start("import getpass; print(len(getpass.getpass('Key: ')))", allow_stdin=True)
    assert answer(shared, "secret").content == {"prompt": "Key: ", "password": True}
    assert shared.finish(request).stdout == "6\n"


def test_input_refused(shared: Client) -> None:
    """A client that cannot be asked is not."""
    done = shared.run("input('Who?')", allow_stdin=False)
    assert done.reply["ename"] == "StdinNotImplementedError"
    assert shared.is_silent("stdin", 0.2)


def test_only_the_asker_is_asked(shared_kernel: Kernel, shared: Client) -> None:
    """Another client of the same kernel sees no question."""
    with connected(shared_kernel.connection) as other:
        request = shared.start("print(input())", allow_stdin=True)
        answer(shared, "mine")
        assert shared.finish(request).stdout == "mine\n"
        assert other.is_silent("stdin", 0.2)


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


def test_replies_in_the_order_of_the_requests(client: Client) -> None:
    """Whoever makes them: the interpreter, or the server for cells that an error aborts."""
    failing = client.start("import asyncio; await asyncio.sleep(0.3); 1/0")
    requests = [failing, client.start("1"), client.start("2")]
    replies = [client.any_message("shell") for _ in requests]
    assert [m.parent_id for m in replies] == requests
    assert [m.content["status"] for m in replies] == ["error", "aborted", "aborted"]


def test_error_that_a_cell_shows_itself(shared: Client) -> None:
    """The cell has succeeded; one whose result cannot be shown has not."""
    shown = shared.run("try: 1/0\nexcept Exception: get_ipython().showtraceback()")
    assert shown.reply["status"] == "ok"
    unshowable = shared.run("class A:\n    def __repr__(self): 1/0\nA()")
    assert unshowable.reply["status"] == "error"
    assert unshowable.reply["ename"] == "ZeroDivisionError"


def test_comm_reply_for_a_cell_that_awaits(shared: Client) -> None:
    """It overtakes the cells that wait; they still run after."""
    request = shared.start(
        "import asyncio, comm\n"
        "answer = asyncio.get_running_loop().create_future()\n"
        "asked = comm.create_comm(target_name='asked')\n"
        "asked.on_msg(lambda m: answer.set_result(m['content']['data']))\n"
        "print(await asyncio.wait_for(answer, 10))"
    )
    opened = shared.wait_for("iopub", lambda m: m.type == "comm_open", 10, "comm_open")
    behind = shared.start("print('behind')")
    aside = shared.send(
        "shell", "comm_msg", {"comm_id": opened.content["comm_id"], "data": {"n": 42}}
    )
    assert [m.type for m in shared.published(aside)] == ["status", "status"]
    assert shared.finish(request).stdout == "{'n': 42}\n"
    assert shared.finish(behind).stdout == "behind\n"


def test_threads_that_name_their_cell(shared: Client) -> None:
    """Output of a thread belongs to the running cell, or to the one that the thread names."""
    request = shared.start(
        "import threading\n"
        "go, parent = threading.Event(), get_ipython().get_parent()\n"
        "def work():\n"
        "    token = get_ipython().set_thread_parent(parent)\n"
        "    go.wait(10)\n"
        "    print('named', flush=True)\n"
        "    get_ipython().reset_thread_parent(token)\n"
        "    print('running', flush=True)\n"
        "thread = threading.Thread(target=work); thread.start()"
    )
    shared.finish(request)
    second = shared.start("go.set(); thread.join()")
    streams = [
        shared.wait_for("iopub", lambda m: m.type == "stream", 10, "text of the thread")
        for _ in range(2)
    ]
    assert [(m.content["text"], m.parent_id) for m in streams] == [
        ("named\n", request),
        ("running\n", second),
    ]
    shared.finish(second)


def test_metadata_of_a_reply(shared: Client) -> None:
    """It says when the cell began."""
    reply = shared.reply(shared.start("pass"))
    assert reply.metadata["status"] == "ok"
    assert reply.metadata["started"] <= reply.header["date"]


@pytest.mark.husk
def test_question_of_a_thread_whose_cell_has_ended(client: Client) -> None:
    """It is asked of the same client, and answered."""
    request = client.start(
        "import threading\n"
        "def ask(): print('got', input('Who? '))\n"
        "thread = threading.Timer(0.2, ask)\nthread.start()",
        allow_stdin=True,
    )
    assert client.finish(request).reply["status"] == "ok"
    question = client.wait_for("stdin", lambda m: m.type == "input_request", 10, "question")
    client.send("stdin", "input_reply", {"value": "Ada"}, parent=question.header)
    client.stream_holding(request, "got Ada\n")
    assert client.run_ok("thread.join(); print('joined')").stdout == "joined\n"
