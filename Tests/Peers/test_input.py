"""Questions of cells, and their answers."""

from __future__ import annotations

import pytest

from peers.kernel import Kernel
from peers.wire import Client, Message, connected


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


def test_refusal_is_ipythons(shared: Client) -> None:
    """What asks before it acts knows it, and acts as it does without an answer."""
    code = "from IPython.core.error import StdinNotImplementedError\n"
    code += "try: input()\nexcept StdinNotImplementedError as error: print('known')"
    assert shared.run_ok(code, allow_stdin=False).stdout == "known\n"
    for magic in ("%reset", "%reset_selective kept"):
        shared.run_ok("kept = 1")
        shared.run_ok(magic, allow_stdin=False)
        assert shared.run_ok("print('kept' in globals())").stdout == "False\n"


def test_breakpoint_without_anybody_to_ask(shared: Client) -> None:
    """It is passed, as a notebook that runs from beginning to end wants it."""
    code = "def half(x):\n    breakpoint()\n    return x // 2\nprint(half(4))"
    assert shared.run_ok(code, allow_stdin=False).stdout == "2\n"


@pytest.mark.husk
def test_breakpoint_with_somebody_to_ask(shared: Client) -> None:
    """It stops where it stands, also after a cell that could not ask."""
    shared.run_ok("breakpoint()", allow_stdin=False)
    code = "def half(x):\n    breakpoint()\n    return x // 2\nprint(half(4))"
    request = shared.start(code, allow_stdin=True)
    answer(shared, "x = 8")
    answer(shared, "continue")
    assert shared.finish(request).stdout.endswith("4\n")
    chosen = "import os; os.environ['PYTHONBREAKPOINT'] = 'builtins.print'\n"
    chosen += "breakpoint('chosen'); del os.environ['PYTHONBREAKPOINT']"
    assert shared.run_ok(chosen, allow_stdin=False).stdout == "chosen\n"


def test_password_with_something_to_echo(shared: Client) -> None:
    """What newer Pythons can show instead is the client's to choose."""
    code = "import getpass; print(getpass.getpass('Key: ', echo_char='*'))"
    request = shared.start(code, allow_stdin=True)
    assert answer(shared, "secret").content["password"]
    assert shared.finish(request).stdout == "secret\n"


def test_only_the_asker_is_asked(shared_kernel: Kernel, shared: Client) -> None:
    """Another client of the same kernel sees no question."""
    with connected(shared_kernel.connection) as other:
        request = shared.start("print(input())", allow_stdin=True)
        answer(shared, "mine")
        assert shared.finish(request).stdout == "mine\n"
        assert other.is_silent("stdin", 0.2)


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
