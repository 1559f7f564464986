"""Output, however it is made and however slowly it is read: all, in order, whole characters."""

from __future__ import annotations

import time

import pytest

from peers.wire import Client, Message


def streams(messages: list[Message]) -> list[tuple[str, str]]:
    """Stream messages as pairs of name and text."""
    return [(m.content["name"], m.content["text"]) for m in messages if m.type == "stream"]


@pytest.mark.husk
@pytest.mark.timeout(120)
def test_client_asleep(client: Client) -> None:
    """40,000 flushed lines of 200 bytes for a client that does not read for 12 s."""
    count, width, asleep = 40_000, 200, 12
    request = client.start(
        f"for n in range({count}): print(str(n).rjust({width - 1}, '.'), flush=True)"
    )
    # Not a guess at how long something takes: a client that does not read is what is tested.
    time.sleep(asleep)
    done = client.finish(request, timeout=60)
    lines = done.stdout.splitlines()
    assert len(lines) == count
    assert lines == [str(n).rjust(width - 1, ".") for n in range(count)]
    assert done.reply["status"] == "ok"
    assert client.run_ok("print('next')").stdout == "next\n"


@pytest.mark.husk
def test_c_output_while_the_gil_is_held(client: Client) -> None:
    """One `printf` of 1 MB: more than a pipe holds, and nobody in the process can drain it."""
    done = client.run_ok(
        "import ctypes\n"
        "libc = ctypes.PyDLL(None)\n"
        "text = b'0123456789abcdef' * 65536\n"
        "print('before')\n"
        "libc.printf(b'%s\\n', text); libc.fflush(None)\n"
        "print('after')",
        timeout=30,
    )
    assert done.stdout == "before\n" + "0123456789abcdef" * 65536 + "\nafter\n"


@pytest.mark.husk
def test_system(client: Client) -> None:
    """`os.system` writes to the descriptors; both streams arrive under their names."""
    done = client.run_ok(
        "import os; os.system('echo out; echo err >&2; seq 1 20000'); print('end')"
    )
    expected = "out\n" + "".join(f"{n}\n" for n in range(1, 20001)) + "end\n"
    assert done.stdout == expected
    assert done.stderr == "err\n"


BY_NAME = """
import subprocess
for name in ("stdout", "stderr"):
    with open(f"/dev/{name}", "w") as stream:
        print(name, "by name", file=stream)
subprocess.run("echo shell > /dev/stderr", shell=True, check=True);
"""


@pytest.mark.husk
def test_streams_open_by_name(client: Client) -> None:
    """Programs that log to /dev/stderr are many."""
    done = client.run_ok(BY_NAME)
    assert (done.stdout, done.stderr) == ("stdout by name\n", "stderr by name\nshell\n")


@pytest.mark.husk
def test_no_character_is_broken(client: Client) -> None:
    """A million two-byte characters from a subprocess, through a pipe that cuts anywhere."""
    done = client.run_ok(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', \"print('x' + 'é' * 10**6)\"], check=True);"
    )
    assert "\ufffd" not in done.stdout
    assert done.stdout == "x" + "é" * 10**6 + "\n"


@pytest.mark.husk
def test_long_characters_written_in_pieces(client: Client) -> None:
    """A character whose bytes come one by one is one character."""
    done = client.run_ok(
        "import os, time\n"
        "for byte in '🐚'.encode():\n    os.write(1, bytes([byte])); time.sleep(0.05)"
    )
    assert done.stdout == "🐚"


@pytest.mark.husk
def test_bytes_that_are_no_text(client: Client) -> None:
    """They are replaced, and what follows is not lost."""
    done = client.run_ok("import os; os.write(1, b'a\\xff\\xfeb'); print('c')")
    assert done.stdout == "a\ufffd\ufffdbc\n"


@pytest.mark.husk
@pytest.mark.timeout(120)
def test_alternating(client: Client) -> None:
    """Python and the shell take turns; so does what arrives."""
    done = client.run_ok(
        "import os\nfor n in range(200):\n    print(f'python {n}'); os.system(f'echo shell {n}')",
        timeout=60,
    )
    assert done.stdout == "".join(f"python {n}\nshell {n}\n" for n in range(200))


@pytest.mark.husk
def test_both_streams_in_order(client: Client) -> None:
    """Text of the two streams is not sorted by stream."""
    done = client.run_ok(
        "import sys\nfor n in range(3):\n    print('out', n); print('err', n, file=sys.stderr)"
    )
    assert streams(done.messages) == [
        (name, f"{name[3:]} {n}\n") for n in range(3) for name in ("stdout", "stderr")
    ]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("print('x')", "x\n"),
        ("print('a', 'b', 1, sep='-', end='!')", "a-b-1!"),
        ("for n in range(50): print(n)", "".join(f"{n}\n" for n in range(50))),
    ],
)
def test_one_message_for_a_burst(client: Client, code: str, text: str) -> None:
    """Replayed notebooks are compared message by message."""
    assert streams(client.run_ok(code).messages) == [("stdout", text)]


def test_text_arrives_while_the_cell_runs(client: Client) -> None:
    """Unflushed text is not held back until the cell ends."""
    request = client.start("import time\nprint('first')\ntime.sleep(3)\nprint('second')")
    client.wait_for("iopub", lambda m: m.type == "execute_input", 10, "input")
    start = time.monotonic()
    client.stream_holding(request, "first", timeout=1)
    assert time.monotonic() - start < 1
    assert client.finish(request).stdout == "first\nsecond\n"


def test_carriage_returns_are_kept(client: Client) -> None:
    """A progress bar is drawn by the client."""
    assert client.run_ok("print('10%\\r20%\\r30%')").stdout == "10%\r20%\r30%\n"


@pytest.mark.husk
def test_a_child_left_behind_does_not_hold_the_cell(client: Client) -> None:
    """A background process keeps the pipe open; the cell ends, and its text comes later."""
    done = client.run_ok("import os; os.system('(sleep 1; echo late) &'); print('now')", timeout=5)
    assert done.stdout == "now\n"
    late = client.wait_for("iopub", lambda m: m.type == "stream", 10, "late text")
    assert late.content["text"] == "late\n"


@pytest.mark.husk
@pytest.mark.timeout(120)
def test_flood_of_short_writes(client: Client) -> None:
    """A hundred thousand prints are few messages and all the text."""
    done = client.run_ok("for n in range(100_000): print(n)", timeout=60)
    assert done.stdout == "".join(f"{n}\n" for n in range(100_000))
    assert len(streams(done.messages)) < 1000


DEATHS = {
    "killed": "os.kill(os.getpid(), 9)",
    "a segmentation fault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "_exit": "os._exit(7)",
}


@pytest.mark.husk
@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS.keys())
def test_last_words(client: Client, death: str) -> None:
    """What was printed without a flush just before a death is shown, and then the death."""
    words = "".join(f"{n}\n" for n in range(1000)) + "énd"
    request = client.start(
        "import ctypes, os\nfor n in range(1000): print(n)\nprint('\u00e9nd', end='')\n" + death
    )
    messages = list(client.published(request))
    assert "".join(m.content["text"] for m in messages if m.type == "stream") == words
    assert [m.type for m in messages[-2:]] == ["error", "status"]
    assert messages[-2].content["ename"] == "KernelDied"


@pytest.mark.husk
def test_reply_is_not_behind_what_nobody_reads(client: Client) -> None:
    """A client may wait for the reply before it reads what is published; nothing is lost."""
    count = 20_000
    request = client.start(
        f"from IPython.display import display\nfor n in range({count}): display(n)"
    )
    assert client.reply(request, timeout=25).content["status"] == "ok"
    shown = [m for m in client.published(request) if m.type == "display_data"]
    assert [int(m.content["data"]["text/plain"]) for m in shown] == list(range(count))
