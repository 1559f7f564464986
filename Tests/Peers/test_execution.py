"""Cells, message by message."""

from __future__ import annotations

import pytest

from peers.wire import Client, states


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
        assert states(done.messages) == ["busy", "idle"]
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


def test_replies_in_the_order_of_the_requests(client: Client) -> None:
    """Whoever makes them: the interpreter, or the server for cells that an error aborts."""
    failing = client.start("import asyncio; await asyncio.sleep(0.3); 1/0")
    requests = [failing, client.start("1"), client.start("2")]
    replies = [client.any_message("shell") for _ in requests]
    assert [m.parent_id for m in replies] == requests
    assert [m.content["status"] for m in replies] == ["error", "aborted", "aborted"]


def test_error_of_a_silent_cell(client: Client) -> None:
    """Nobody waits behind a cell that is not seen, so none is aborted by it."""
    silent = client.start("import time; time.sleep(0.3); 1/0", silent=True)
    seen = client.start("print('ran')")
    assert client.finish(silent).reply["status"] == "error"
    assert client.finish(seen).stdout == "ran\n"


def test_no_expressions_as_a_list(shared: Client) -> None:
    """Clients in languages whose empty map is an empty list are understood."""
    content = {"code": "print(1)", "user_expressions": []}
    reply, _ = shared.request("execute_request", content)
    assert reply.content["status"] == "ok"
    assert reply.content["user_expressions"] == {}


@pytest.mark.parametrize("depth", [198, 600])
def test_deep_data(client: Client, depth: int) -> None:
    """Trees of some hundred levels are shown as they are."""
    done = client.run_ok(
        "from IPython.display import display\nx = 1\n"
        f"for _ in range({depth}): x = [x]\n"
        "display({'application/json': x}, raw=True)"
    )
    value = done.only("display_data").content["data"]["application/json"]
    for _ in range(depth):
        (value,) = value
    assert value == 1


def test_error_that_a_cell_shows_itself(shared: Client) -> None:
    """The cell has succeeded; one whose result cannot be shown has not."""
    shown = shared.run("try: 1/0\nexcept Exception: get_ipython().showtraceback()")
    assert shown.reply["status"] == "ok"
    unshowable = shared.run("class A:\n    def __repr__(self): 1/0\nA()")
    assert unshowable.reply["status"] == "error"
    assert unshowable.reply["ename"] == "ZeroDivisionError"


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


@pytest.mark.husk
@pytest.mark.parametrize(
    "name",
    [
        "sys.stdout.parent_header = parent['header']",
        "get_ipython().display_pub.parent_header = parent['header']",
        "get_ipython().displayhook.set_parent(parent)",
    ],
)
def test_names_of_a_cell_that_streams_and_displays_take(shared: Client, name: str) -> None:
    """Each is a way to say for which cell a thread works."""
    request = shared.start(
        "import sys, threading\n"
        "go, parent = threading.Event(), get_ipython().get_parent()\n"
        f"def work():\n    {name}\n    go.wait(10)\n    display('named')\n"
        "thread = threading.Thread(target=work); thread.start()"
    )
    shared.finish(request)
    second = shared.start("go.set(); thread.join()")
    shown = shared.wait_for("iopub", lambda m: m.type == "display_data", 10, "what it displays")
    assert shown.parent_id == request
    shared.finish(second)


def test_metadata_of_a_reply(shared: Client) -> None:
    """It says when the cell began."""
    reply = shared.reply(shared.start("pass"))
    assert reply.metadata["status"] == "ok"
    assert reply.metadata["started"] <= reply.header["date"]
