"""Terminals of `husk serve`: a shell in a sandbox, for terminado's clients."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import requests
import websocket

from peers.server import Server
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]


class Terminal:
    """A client of a terminal."""

    def __init__(self, server: Server, name: str, *, is_new: bool = True) -> None:
        self.connection = websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/terminals/websocket/{name}",
            header={"Authorization": f"token {server.token}"},
            timeout=30,
        )
        self.shown = ""
        assert self.receive() == ["setup", {}]
        # What is typed before the shell runs is not the shell's.
        self.past = self.until("$ ") if is_new else ""

    def receive(self) -> list[object]:
        """The next message."""
        text = self.connection.recv()
        if not text:
            raise websocket.WebSocketConnectionClosedException
        message = json.loads(text)
        assert isinstance(message, list)
        if message[0] == "stdout":
            self.shown += message[1]
        return message

    def type(self, text: str) -> None:
        """Presses keys."""
        self.connection.send(json.dumps(["stdin", text]))

    def resize(self, rows: int, columns: int) -> None:
        """Shows it in another size."""
        self.connection.send(json.dumps(["set_size", rows, columns, 600, 800]))

    def until(self, text: str) -> str:
        """Waits for something to be shown; returns all that was, and forgets it."""
        pieces = [self.shown]
        end = self.shown
        while text not in end:
            self.shown = ""
            assert self.receive()[0] == "stdout", end
            pieces.append(self.shown)
            end = end[-len(text) :] + self.shown
        self.shown = ""
        return "".join(pieces)

    def run(self, line: str) -> str:
        """Runs a line of shell. Returns what it shows."""
        # The mark is not in the line that is typed, which is shown too.
        self.type(f"{line}; echo 'do''ne'\r")
        return self.until("done\r\n")


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """A fresh terminal's name."""
    opened = server.post("/api/terminals")
    assert opened.status_code == 200, opened.text
    yield opened.json()["name"]
    server.delete(f"/api/terminals/{opened.json()['name']}")


@pytest.fixture
def terminal(server: Server, name: str) -> Iterator[Terminal]:
    """A client of a fresh terminal."""
    client = Terminal(server, name)
    yield client
    client.connection.close()


def test_life(server: Server) -> None:
    """Models, lists and codes as jupyter_server_terminals has them."""
    assert server.get("/api/terminals").json() == []
    first = server.post("/api/terminals").json()
    assert set(first) == {"name", "last_activity"}
    assert first["name"] == "1"
    named = server.post("/api/terminals", {"name": "mine"}).json()
    assert named["name"] == "mine"
    assert [t["name"] for t in server.get("/api/terminals").json()] == ["1", "mine"]
    assert server.get("/api/terminals/mine").json()["name"] == "mine"
    assert server.delete("/api/terminals/mine").status_code == 204
    missing = server.get("/api/terminals/mine")
    assert missing.status_code == 404
    assert missing.json()["message"] == "Terminal not found: mine"
    assert server.delete("/api/terminals/mine").status_code == 404
    assert server.delete("/api/terminals/1").status_code == 204
    assert server.get("/api/terminals").json() == []
    for bad in ("a/b", "..", "x" * 33, "ä", ""):
        assert server.post("/api/terminals", {"name": bad}).status_code == 400


def test_no_terminal_without_the_token(server: Server, name: str) -> None:
    """The handshake is answered as a request."""
    with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
        websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/terminals/websocket/{name}", timeout=10
        )
    assert refusal.value.status_code == 403
    assert requests.get(f"{server.url}/api/terminals", timeout=10).status_code == 403


def test_a_shell(terminal: Terminal) -> None:
    """It is a real terminal, of an ordinary user, in a sandbox."""
    assert "/dev/pts/" in terminal.run("tty")
    assert "user" in terminal.run("id -un")
    assert "xterm-256color" in terminal.run("echo $TERM")
    assert "in:husk" in terminal.run("echo in:$(hostname)")
    terminal.resize(33, 101)
    assert "33 101" in terminal.run("stty size")
    assert "ä€😀" in terminal.run("printf '\\xc3\\xa4\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80\\n'")


def test_keys(terminal: Terminal) -> None:
    """Ctrl-C interrupts, Ctrl-Z stops, fg goes on: the shell controls jobs."""
    # The shell's own mode of the terminal has ended when it runs something.
    terminal.type("echo run''ning; cat\r")
    terminal.until("running\r\n")
    terminal.type("typed\r")
    # What is typed is shown by the terminal, and then by cat.
    terminal.until("typed\r\ntyped\r\n")
    terminal.type("\x1a")
    terminal.until("Stopped")
    assert "cat" in terminal.run("jobs")
    terminal.type("fg\r")
    terminal.until("\x1b[?2004l\rcat\r\n")
    terminal.type("again\r")
    terminal.until("again\r\nagain\r\n")
    terminal.type("\x03")
    terminal.until("$ ")
    assert "130" in terminal.run("echo $?")


def test_the_folder(server: Server) -> None:
    """It starts in the server's folder, or in the one that is named below it."""
    (server.root / "below").mkdir(exist_ok=True)
    (server.root / "below/file.txt").write_text("served\n")
    name = server.post("/api/terminals", {"cwd": "below"}).json()["name"]
    terminal = Terminal(server, name)
    assert "served" in terminal.run("cat file.txt")
    terminal.run("echo written > new.txt")
    assert (server.root / "below/new.txt").read_text() == "written\n"
    terminal.connection.close()
    server.delete(f"/api/terminals/{name}")


def test_two_clients(server: Server, name: str, terminal: Terminal) -> None:
    """Both see everything, the later one also what was shown before; the smaller one decides."""
    terminal.resize(50, 120)
    assert "50 120" in terminal.run("stty size")
    other = Terminal(server, name)
    assert "50 120" in other.past
    other.resize(20, 80)
    other.run("true")
    terminal.until("done\r\n")
    assert "20 80" in terminal.run("stty size")
    other.until("20 80")
    other.connection.close()

    def is_large_again() -> bool:
        return "50 120" in terminal.run("stty size")

    wait_until(is_large_again, 10, "the size of the one that is left")


def test_its_end(server: Server, name: str, terminal: Terminal) -> None:
    """The client hears of it, and the list no longer has it."""
    terminal.type("exit\r")
    while (message := terminal.receive())[0] == "stdout":
        pass
    assert message == ["disconnect", 1]
    wait_until(
        lambda: server.get(f"/api/terminals/{name}").status_code == 404, 10, "the terminal's end"
    )


def test_in_a_kernels_sandbox(server: Server) -> None:
    """A terminal can be opened where a kernel is: it sees its files and processes."""
    kernel = server.start_kernel()
    channels = server.channels(kernel)
    channels.run("import os; open('/tmp/here', 'w').write(str(os.getpid()))")
    opened = server.post("/api/terminals", {"kernel": kernel})
    assert opened.status_code == 200, opened.text
    name = opened.json()["name"]
    terminal = Terminal(server, name)
    assert "python" in terminal.run("cat /proc/$(cat /tmp/here)/comm")
    terminal.connection.close()
    assert server.delete(f"/api/terminals/{name}").status_code == 204
    done = channels.run("print('still there')")
    assert any(m["content"].get("text") == "still there\n" for m in done)
    server.delete(f"/api/kernels/{kernel}")
    unknown = "00000000-0000-4000-8000-000000000000"
    assert server.post("/api/terminals", {"kernel": unknown}).status_code == 404


def test_much_output(terminal: Terminal) -> None:
    """Nothing is lost, and what is shown is whole characters."""
    shown = terminal.run("seq 1 200000; printf 'ä%.0s' {1..100000}; echo")
    numbers = [
        int(line) for line in shown.replace("\x1b[?2004l\r", "").split("\r\n") if line.isdigit()
    ]
    assert numbers == list(range(1, 200001))
    assert "ä" * 100_000 in shown
    assert "\ufffd" not in shown


def test_a_client_that_takes_nothing(server: Server, name: str, terminal: Terminal) -> None:
    """It is sent away after a while, and the others go on."""
    stalled = Terminal(server, name)
    before = time.monotonic()
    terminal.run("head -c 30000000 /dev/zero | tr '\\0' x | fold -w 100")
    assert time.monotonic() - before < 60
    assert "on" in terminal.run("echo go''es on")
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        stalled.until("what nobody shows")


def test_the_server_is_killed(server: Server, name: str, terminal: Terminal) -> None:
    """The shell goes on, and the next server shows it."""
    terminal.run("x=kept")
    terminal.type("sleep 1; touch /tmp/later\r")
    terminal.until("later\r\n")
    server.kill()
    server.start_again()
    assert [t["name"] for t in server.get("/api/terminals").json()] == [name]
    again = Terminal(server, name, is_new=False)
    assert "kept" in again.run("echo $x; while [ ! -e /tmp/later ]; do sleep 0.1; done")
    again.connection.close()
