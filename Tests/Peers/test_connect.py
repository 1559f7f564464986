"""One kernel of `husk serve` for WebSockets and for ZeroMQ clients."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from peers.console import Console
from peers.fixtures import served_kernel
from peers.husk import Husk, one_line
from peers.processes import end_keeper
from peers.server import Server, text
from peers.waiting import wait_until
from peers.wire import Client

pytestmark = [pytest.mark.husk, pytest.mark.timeout(180)]

LINES = 200_000


kernel = served_kernel


def connect(server: Server, kernel: str) -> dict[str, object]:
    """The connection file of a kernel."""
    answer = server.post(f"/api/kernels/{kernel}/connect")
    assert answer.status_code == 200, answer.text
    connection = answer.json()
    assert isinstance(connection, dict)
    return connection


def test_one_kernel_for_both(server: Server, kernel: str) -> None:
    """What one client does, the other one sees; each gets its own replies."""
    channels = server.channels(kernel)
    channels.run("x = 6")
    with Client(connect(server, kernel)) as client:
        client.wait_ready()
        assert client.run_ok("print(x * 7)").stdout == "42\n"
        assert text(channels.run("x += 1; print('websocket', x)")) == "websocket 7\n"
        heard = client.wait_for("iopub", lambda m: m.type == "stream", 10, "the other's output")
        assert heard.content["text"] == "websocket 7\n"
        assert client.is_silent("shell", 0.1)
        request = client.start("print('from', input('Who? '))", allow_stdin=True)
        question = client.wait_for("stdin", lambda m: m.type == "input_request", 10, "question")
        assert question.content["prompt"] == "Who? "
        client.send("stdin", "input_reply", {"value": "Ada"})
        assert client.reply(request).content["status"] == "ok"
        reply, _ = client.request("connect_request")
        ports = {k: v for k, v in client.connection.items() if k.endswith("_port")}
        assert {k: v for k, v in reply.content.items() if k.endswith("_port")} == ports
    channels.close()


def test_the_same_connection_again(server: Server, kernel: str) -> None:
    """Asking again changes nothing, and the ports are none that the system gives to connections."""
    first = connect(server, kernel)
    assert connect(server, kernel) == first
    assert first["ip"] == "127.0.0.1"
    assert len(str(first["key"])) == 64
    range_file = Path("/proc/sys/net/ipv4/ip_local_port_range")
    low, high = map(int, range_file.read_text().split())
    ports = [v for k, v in first.items() if k.endswith("_port")]
    assert len(set(ports)) == 5
    assert all(isinstance(p, int) and not low <= p <= high for p in ports)
    file = server.husk.state / f"{kernel}.connection.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == first


def test_a_restart_keeps_the_sockets(server: Server, kernel: str) -> None:
    """The client stays connected, hears of the restart, and speaks to the new interpreter."""
    with Client(connect(server, kernel)) as client:
        client.wait_ready()
        client.run_ok("x = 1")
        assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
        assert client.run("print(x)").reply["ename"] == "NameError"
        assert client.run_ok("print('new')").stdout == "new\n"


def test_the_end_takes_the_sockets(server: Server) -> None:
    """Nobody listens any more, and the file is gone."""
    identifier = server.start_kernel()
    connect(server, identifier)
    server.delete(f"/api/kernels/{identifier}")
    assert server.post(f"/api/kernels/{identifier}/connect").status_code == 404
    assert not (server.husk.state / f"{identifier}.connection.json").exists()


@pytest.mark.parametrize("moment", [0.05, 0.3, 0.7])
def test_the_server_is_killed(server: Server, kernel: str, moment: float) -> None:
    """Reply and idle arrive on the same ports; what the dead process still held is announced."""
    connection = connect(server, kernel)
    with Client(connection) as client:
        client.wait_ready()
        request = client.start(
            f"import time\nfor n in range({LINES}):\n"
            f"    print(n)\n    if n % ({LINES} // 20) == 0: time.sleep(0.05)"
        )
        client.stream_holding(request, f"\n{int(LINES * moment)}\n")
        server.kill()
        server.start_again()
        messages = list(client.published(request, 60))
        assert client.reply(request).content["status"] == "ok"
        notices = [
            m.content["text"]
            for m in messages
            if m.type == "stream" and m.content["name"] == "stderr"
        ]
        assert any("may be missing" in notice for notice in notices), notices
        printed = "".join(
            m.content["text"]
            for m in messages
            if m.type == "stream" and m.content["name"] == "stdout"
        )
        lines = [int(line) for line in printed.split() if line.isdigit()]
        assert lines[-1] == LINES - 1
        assert len(lines) == len(set(lines))
        assert connect(server, kernel) == connection
        assert client.run_ok("print('still', n)").stdout == f"still {LINES - 1}\n"


def test_a_reply_that_was_on_its_way(server: Server, kernel: str) -> None:
    """A cell that ends while there is no server is answered by the next one."""
    with Client(connect(server, kernel)) as client:
        client.wait_ready()
        request = client.start("import time; time.sleep(1); print('done')")
        client.wait_for("iopub", lambda m: m.type == "execute_input", 10, "begin")
        server.kill()
        server.start_again()
        assert client.reply(request).content["status"] == "ok"
        assert "done\n" in [
            m.content.get("text") for m in client.published(request) if m.type == "stream"
        ]


def test_a_server_that_ends_in_peace(server: Server, kernel: str) -> None:
    """Nothing is announced where nothing is lost."""
    with Client(connect(server, kernel)) as client:
        client.wait_ready()
        client.run_ok("x = 1")
        server.process.terminate()
        assert server.process.wait(20) == 0
        server.start_again()
        done = client.run_ok("print(x)")
        assert done.stdout == "1\n"
        assert done.stderr == ""
        kept = client.take_all("iopub")
        assert not any("missing" in str(m.content) for m in kept)


def test_jupyter_console(server: Server, kernel: str, tmp_path: Path) -> None:
    """`jupyter console --existing` is one client of several."""
    file = tmp_path / "connection.json"
    file.write_text(json.dumps(connect(server, kernel)))
    channels = server.channels(kernel)
    channels.run("x = 6")
    console = Console(tmp_path, "--existing", str(file))
    console.run("x = x * 7; print('x is', x)")
    console.expect("x is 42")
    assert text(channels.run("print(x)")) == "42\n"
    console.run("exit(keep_kernel=True)")
    wait_until(lambda: not console.is_open, 20, "the console's end")
    assert text(channels.run("print(x + 1)")) == "43\n"
    channels.close()


def test_husk_connect(server: Server, kernel: str, tmp_path: Path) -> None:
    """The command finds the server by its state directory, and writes the file."""
    file = tmp_path / "kernel.json"
    done = server.husk.run("connect", kernel, "-f", file)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Client(json.loads(file.read_text())) as client:
        client.wait_ready()
        assert client.run_ok("print(1)").stdout == "1\n"
    nobody = server.husk.run("connect", kernel, "--state", tmp_path)
    assert nobody.returncode == 1
    assert "no server runs" in nobody.stderr


def test_husk_logs(server: Server, kernel: str) -> None:
    """What cells print, up to now or as it comes, whole or from a place on."""
    channels = server.channels(kernel)
    done = channels.run("import sys; print('out'); print('err', file=sys.stderr); 6 * 7")
    logs = server.husk.run("logs", kernel)
    assert (logs.returncode, logs.stdout, logs.stderr) == (0, "out\n42\n", "err\n")
    last = max(m["metadata"].get("husk", {}).get("seq", 0) for m in done)
    channels.run("print('more'); 1 / 0")
    logs = server.husk.run("logs", kernel, "--since", str(last))
    assert logs.stdout == "more\n"
    assert "ZeroDivisionError" in logs.stderr
    events = server.husk.run("logs", kernel, "--json").stdout.splitlines()
    sequences = [json.loads(event)["seq"] for event in events]
    assert sequences == sorted(sequences)
    following = subprocess.Popen(
        server.husk.command("logs", kernel, "--follow", "--since", str(sequences[-1])),
        env=server.husk.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        channels.run("print('live')")
        assert following.stdout is not None
        assert following.stdout.readline() == "live\n"
    finally:
        following.kill()
        following.wait()
    channels.close()


@pytest.mark.parametrize("command", ["connect", "logs"])
@pytest.mark.parametrize(
    "kernel", ["nope", "00000000-0000-4000-8000-000000000000", "../kernels", "a?b=c", "", "é"]
)
def test_unknown_kernels(server: Server, command: str, kernel: str) -> None:
    """The line says so, and where those are that are there."""
    done = server.husk.run(command, kernel)
    assert (done.returncode, done.stdout) == (1, "")
    line = one_line(done.stderr)
    assert line.startswith(f"husk {command}: there is no kernel {kernel}")
    assert "husk ps" in line
    assert "/api/kernels" in line


def listed(server: Server) -> list[dict[str, str]]:
    """What `husk ps` knows."""
    kernels: list[dict[str, str]] = json.loads(server.husk.run("ps", "--json").stdout)
    return kernels


def test_ids(server: Server, kernel: str, tmp_path: Path) -> None:
    """`husk ps` tells the id by which the API has a kernel; the commands take that and the name."""
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    (facts,) = [facts for facts in listed(server) if facts["id"] == kernel]
    name = facts["kernel"]
    assert name == f"{kernel}-2"
    lines = server.husk.run("ps").stdout
    assert f"{name}  " in lines
    assert f"    id {kernel}, for husk connect, logs and stop\n" in lines
    for given in (kernel, name):
        file = tmp_path / given
        assert server.husk.run("connect", given, "-f", file).returncode == 0
        assert json.loads(file.read_text())["shell_port"] > 0
        logs = server.husk.run("logs", given)
        assert (logs.returncode, "no kernel" in logs.stderr) == (0, False)


@pytest.mark.parametrize("by_id", [True, False], ids=["id", "name"])
def test_husk_stop(server: Server, by_id: bool) -> None:
    """It ends the kernel that is meant and no other one."""
    kernel, other = server.start_kernel(), server.start_kernel()
    (name,) = [facts["kernel"] for facts in listed(server) if facts["id"] == kernel]
    done = server.husk.run("stop", kernel if by_id else name)
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(
        lambda: kernel not in [facts["id"] for facts in listed(server)], 10, "the kernel's end"
    )
    assert other in [facts["id"] for facts in listed(server)]
    # The server lists it as one that has ended, until that is taken away, too.
    wait_until(
        lambda: server.get(f"/api/kernels/{kernel}").json()["execution_state"] == "dead",
        *(10, "the server to notice"),
    )
    done = server.husk.run("stop", kernel if by_id else name)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.get(f"/api/kernels/{kernel}").status_code == 404
    assert server.get(f"/api/kernels/{other}").status_code == 200
    again = server.husk.run("stop", kernel)
    assert again.returncode == 1
    assert one_line(again.stderr) == (
        f"husk stop: there is no kernel {kernel}; husk ps shows those that are"
    )
    for identifier in (kernel, other):
        server.delete(f"/api/kernels/{identifier}")


def test_husk_stop_of_an_earlier_name(server: Server) -> None:
    """A kernel that has been restarted is not ended by the name that it had."""
    kernel = server.start_kernel()
    assert server.post(f"/api/kernels/{kernel}/restart").status_code == 200
    done = server.husk.run("stop", f"{kernel}-1")
    assert one_line(done.stderr) == (
        f"husk stop: there is no kernel {kernel}-1; husk ps shows those that are"
    )
    assert server.get(f"/api/kernels/{kernel}").json()["execution_state"] != "dead"
    server.delete(f"/api/kernels/{kernel}")


def test_husk_stop_of_some(server: Server) -> None:
    """Those that live and those that are only listed go, and one that is neither is named."""
    living, ended = server.start_kernel(), server.start_kernel()
    unknown = "00000000-0000-4000-8000-000000000000"
    assert server.husk.run("stop", ended).returncode == 0
    wait_until(
        lambda: server.get(f"/api/kernels/{ended}").json()["execution_state"] == "dead",
        *(10, "the server to notice"),
    )
    done = server.husk.run("stop", ended, living, unknown)
    assert done.returncode == 1
    assert f"there is no kernel {unknown};" in one_line(done.stderr)
    assert server.get(f"/api/kernels/{ended}").status_code == 404
    assert living not in [facts["id"] for facts in listed(server)]
    server.delete(f"/api/kernels/{living}")


def test_husk_logs_of_a_server_that_is_killed(husk: Husk, base: Path, tmp_path: Path) -> None:
    """A sentence says what has happened."""
    own = husk.with_state(base / "logged")
    server = Server(own, tmp_path)
    try:
        kernel = server.start_kernel()
        channels = server.channels(kernel)
        channels.run("print('before')")
        channels.close()
        following = subprocess.Popen(
            own.command("logs", kernel, "--follow"),
            env=own.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert following.stdout is not None
        assert following.stdout.readline() == "before\n"
        server.kill()
        _, said = following.communicate(timeout=20)
        assert following.returncode == 1
        assert one_line(said).startswith(
            f"husk logs: the connection to the server at http://127.0.0.1:{server.port} is lost"
        )
    finally:
        end_keeper(own.state)
