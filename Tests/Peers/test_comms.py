"""Comms: messages between a front end's objects and the kernel's."""

from __future__ import annotations

from peers.wire import Client


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
