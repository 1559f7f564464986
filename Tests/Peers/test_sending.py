"""What a client cannot be sent fails where it is made, and the kernel goes on."""

from __future__ import annotations

from typing import Any

import pytest

from peers.wire import Client

pytestmark = pytest.mark.husk

SETUP = """
import comm, datetime, sys, threading
import numpy as np
from IPython.display import JSON, display, publish_display_data
sys.setrecursionlimit(6000)
deep = 1
for _ in range(2000):
    deep = [deep]
class Deep:
    def _repr_json_(self): return deep
    def __repr__(self): return 'deep'
kernel = get_ipython().kernel
"""

TOO_MUCH = {
    "display": ("display({'application/json': deep}, raw=True)", "RecursionError"),
    "result": ("Deep()", "RecursionError"),
    "metadata": ("display({'a/b': 'c'}, raw=True, metadata={'a/b': deep})", "RecursionError"),
    "comm": ("comm.create_comm(target_name='t', data={'a': deep})", "RecursionError"),
    "metadata of a comm": (
        "comm.create_comm(target_name='t', metadata={'a': deep})",
        "RecursionError",
    ),
    "payload": (
        "get_ipython().payload_manager.write_payload({'source': 'x', 'a': deep})",
        "RecursionError",
    ),
    "by hand": ("kernel.session.send(None, 'display_data', {'data': deep})", "RecursionError"),
    "awaited": ("import asyncio\nawait asyncio.sleep(0)\ndisplay(Deep())", "RecursionError"),
    "buffers": ("comm.create_comm(target_name='t', buffers=[b'x'] * 5000)", "ValueError"),
    "large buffer": (
        "comm.create_comm(target_name='t', buffers=[memoryview(bytes(300 << 20))])",
        "ValueError",
    ),
    "large text": ("display({'a/b': 'x' * (300 << 20)}, raw=True)", "ValueError"),
    "long number": ("display({'application/json': [-10**4299]}, raw=True)", "ValueError"),
    "count": ("get_ipython().execution_count = 10**6000", "ValueError"),
    "no object": ("comm.create_comm(target_name='t').send({}, metadata=5)", "TypeError"),
    "no content": ("kernel.session.send(None, 'display_data', [1])", "TypeError"),
    "no metadata": ("publish_display_data({'text/plain': 'a'}, 5)", "TypeError"),
    "no message": ("comm.create_comm(target_name='t').publish_msg('nonsense')", "ValueError"),
    "not a number": ("get_ipython().execution_count = 'x'", "TraitError"),
    "none": ("get_ipython().execution_count = None", "TraitError"),
}


@pytest.fixture
def prepared(shared: Client) -> Client:
    """A client whose kernel has what the cells need."""
    shared.run_ok(SETUP)
    return shared


@pytest.mark.parametrize(("code", "name"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_refused_in_the_cell(prepared: Client, code: str, name: str) -> None:
    """The cell has an error, which is shown too, and the next one runs."""
    done = prepared.run(code)
    assert (done.reply["status"], done.reply["ename"]) == ("error", name)
    assert done.only("error").content["ename"] == name
    assert prepared.run_ok("print('on')").stdout == "on\n"


def test_expressions(prepared: Client) -> None:
    """One that has too much fails the request."""
    done = prepared.run("1", user_expressions={"deep": "Deep()"})
    assert done.reply["ename"] == "RecursionError"
    assert prepared.run_ok("print('on')").stdout == "on\n"


def test_threads(prepared: Client) -> None:
    """Where no cell can fail the error is printed."""
    code = "t = threading.Thread(target=display, args=(Deep(),)); t.start(); t.join()"
    assert "899 levels" in prepared.run_ok(code).stderr


def test_replies_that_cannot_be_sent(prepared: Client) -> None:
    """They are errors, and the shell goes on."""
    prepared.run_ok(
        "kept = get_ipython().object_inspect_mime\n"
        "get_ipython().object_inspect_mime = lambda *_, **__: {'application/json': deep}"
    )
    content = {"code": "deep", "cursor_pos": 2, "detail_level": 0}
    reply, _ = prepared.request("inspect_request", content)
    assert (reply.content["status"], reply.content["ename"]) == ("error", "RecursionError")
    prepared.run_ok("get_ipython().object_inspect_mime = kept")


LEAVERS = {
    "an error without text": "class E(Exception):\n    def __str__(self): 1/0\nraise E",
    "an error of the showing": "get_ipython().showtraceback = None\n1/0",
    "no payloads": "get_ipython().payload_manager.read_payload = lambda: 1/0",
    "no expressions": "get_ipython().user_expressions = None",
}


@pytest.mark.parametrize("code", LEAVERS.values(), ids=LEAVERS.keys())
def test_every_request_has_a_reply(client: Client, code: str) -> None:
    """Whatever a cell makes of the shell that has to answer for it."""
    done = client.run(code, user_expressions={"a": "1"})
    assert done.reply["status"] == "error"
    assert isinstance(done.reply["execution_count"], int)
    client.run("1", user_expressions={"a": "1"})
    assert client.run("1").reply["status"] in ("ok", "error")


VALUES: list[tuple[str, Any]] = [
    ("{np.int64(1): 2, (1, 2): 3, datetime.date(2020, 1, 2): 4}", None),
    ("{'a': np.array([1.5, float('nan')])}", {"a": [1.5, "nan"]}),
    ("[datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)]", ["2020-01-02T00:00:00Z"]),
    ("{'a': range(2), 'b': {1}, 'c': {}.keys()}", {"a": [0, 1], "b": [1], "c": []}),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_data(prepared: Client, value: str, expected: Any) -> None:  # noqa: ANN401
    """JSON of whatever Python calls data."""
    if expected is None:
        expected = {"1": 2, "(1, 2)": 3, "2020-01-02": 4}
    done = prepared.run_ok(f"display({{'application/json': {value}}}, raw=True)")
    assert done.only("display_data").content["data"]["application/json"] == expected


def test_where_no_cell_is_left(prepared: Client) -> None:
    """In a handler of a comm and in a task the error is theirs, and the comm goes on."""
    prepared.run_ok(
        "def answer(message): it.send({'a': deep} if message['content']['data'] else {'a': 1})\n"
        "def opened(comm_opened, message):\n"
        "    global it\n    it = comm_opened\n    it.on_msg(answer)\n"
        "comm.get_comm_manager().register_target('deep', opened)"
    )
    prepared.send("shell", "comm_open", {"comm_id": "c", "target_name": "deep", "data": {}})
    for data in ({"a": 1}, {}):
        prepared.send("shell", "comm_msg", {"comm_id": "c", "data": data})
    sent = prepared.wait_for("iopub", lambda m: m.type == "comm_msg", 10, "answer")
    assert sent.content["data"] == {"a": 1}
    prepared.run_ok(
        "import asyncio\nasync def late():\n    await asyncio.sleep(0.05)\n    display(Deep())\n"
        "task = asyncio.create_task(late())"
    )
    done = prepared.run_ok(
        "import gc\nawait asyncio.sleep(0.2)\nprint(type(task.exception()).__name__)"
    )
    assert done.stdout == "RecursionError\n"


@pytest.mark.parametrize("levels", [892, 896])
def test_as_deep_as_can_be(client: Client, levels: int) -> None:
    """What is just not too deep arrives, and what is just too deep is refused in the cell."""
    code = (
        "import sys; sys.setrecursionlimit(5000)\nfrom IPython.display import display\n"
        "def show(n):\n    x = 1\n    for _ in range(n): x = [x]\n"
        "    display({'application/json': x}, raw=True)\n"
    )
    done = client.run_ok(f"{code}show({levels})")
    assert done.only("display_data")
    assert client.run(f"{code}show({levels + 8})").reply["ename"] == "RecursionError"
    assert client.run_ok("print(1)").stdout == "1\n"
