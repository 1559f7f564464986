"""The options of `husk serve` in a file and in the environment, and what it writes down."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from peers.husk import Husk, one_line
from peers.processes import end_keeper
from peers.server import Server, text
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

Serve = Callable[..., Server]


@pytest.fixture
def serve(husk: Husk, base: Path, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server."""
    own = husk.with_state(base / "configured")
    started: list[Server] = []

    def start(*options: str | Path, **env: str) -> Server:
        started.append(Server(own.with_env(**env), tmp_path, *options))
        return started[-1]

    yield start
    for server in started:
        assert server.stop() == 0, server.log
    end_keeper(own.state)


def write(folder: Path, **options: object) -> Path:
    """A file with options; underscores stand for dashes."""
    file = folder / "husk.json"
    file.write_text(json.dumps({name.replace("_", "-"): v for name, v in options.items()}))
    return file


def specs(server: Server) -> str:
    """The name of the default kernelspec, which is an option."""
    name = server.get("/api/kernelspecs").json()["default"]
    assert isinstance(name, str)
    return name


def test_the_command_line_the_environment_and_the_file(serve: Serve, tmp_path: Path) -> None:
    """Each counts before the next."""
    file = write(tmp_path, kernel_name="file", public_metrics=True)
    server = serve("--config", file)
    assert specs(server) == "file"
    assert server.get("/metrics", headers={"Authorization": ""}).ok
    assert server.stop() == 0
    server = serve(HUSK_CONFIG=str(file), HUSK_KERNEL_NAME="variable", HUSK_PUBLIC_METRICS="false")
    assert specs(server) == "variable"
    assert server.get("/metrics", headers={"Authorization": ""}).status_code == 403
    assert server.stop() == 0
    server = serve(f"--config={file}", "--kernel-name=argument", HUSK_KERNEL_NAME="variable")
    assert specs(server) == "argument"


def test_a_token_that_begins_with_a_dash(serve: Serve) -> None:
    """A random one may."""
    server = serve("--token", "-dash")
    server.token = "-dash"
    assert server.get("/api/kernels").json() == []


def test_the_sandbox(serve: Serve, tmp_path: Path) -> None:
    """Its options hold for every kernel."""
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(name)
    file = write(
        tmp_path,
        mount=[f"{tmp_path}/one:/mnt/one:ro", f"{tmp_path}/two:/mnt/two:ro"],
        env=["A=1, and 2", "B=3"],
        open_files=77,
        cpu_weight=50,
    )
    code = """
import os, resource
print(sorted(os.listdir('/mnt')), os.environ.get('A'), os.environ.get('B'),
      resource.getrlimit(resource.RLIMIT_NOFILE)[1])
"""
    server = serve("--config", file)
    channels = server.channels(server.start_kernel())
    assert text(channels.run(code)) == "['one', 'two'] 1, and 2 3 77\n"
    channels.close()
    assert server.stop() == 0
    # A list of the command line takes the place of the file's.
    server = serve(
        *("--config", file, "--mount", f"{tmp_path}/three:/mnt/three"), HUSK_ENV="A=x,C=y"
    )
    channels = server.channels(server.start_kernel())
    assert text(channels.run(code)) == "['three'] x None 77\n"
    channels.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"prot": 1}', 'FILE: there is no option "prot"'),
        ('{"config": "x"}', 'FILE: there is no option "config"'),
        ('{"port": "8888"}', 'FILE: "port" must be an integer'),
        ('{"port": 88.5}', 'FILE: "port" must be an integer'),
        ('{"host": 1}', 'FILE: "host" must be a text'),
        ('{"mount": "a:/b"}', 'FILE: "mount" must be a list of texts'),
        ('{"mount": [1]}', 'FILE: "mount" must be a list of texts'),
        ('{"public-metrics": "yes"}', 'FILE: "public-metrics" must be true or false'),
        ('{"port": 65536}', 'FILE: "port" must be from 0 to 65535'),
        ('{"port": -1}', 'FILE: "port" must be from 0 to 65535'),
        ('{"orphan-timeout": -1}', 'FILE: "orphan-timeout" must be 0 or more'),
        ('{"max-kernels": -1}', 'FILE: "max-kernels" must be 0 or more'),
        ('{"pids": -1}', 'FILE: "pids" must be 0 or more'),
        ('{"port": 1, "host": "x", "port": 1}', 'FILE: "port" is there more than once'),
        ('{"port": 1, "p\\u006frt": 2}', 'FILE: "port" is there more than once'),
        ("[]", "FILE must be one JSON object"),
        ("{,}", "FILE must be one JSON object"),
        (None, "--config FILE cannot be read: No such file"),
    ],
)
def test_files_that_are_wrong(husk: Husk, tmp_path: Path, content: str | None, said: str) -> None:
    """What is wrong is said in a line that names file and key."""
    file = tmp_path / "husk.json"
    if content is not None:
        file.write_text(content)
    done = husk.run("serve", "--config", file)
    assert done.returncode == 2
    assert said.replace("FILE", str(file)) in one_line(done.stderr)


def test_variables_that_are_wrong(husk: Husk) -> None:
    """They are named."""
    done = husk.with_env(HUSK_PORT="many").run("serve")
    assert done.returncode == 2
    assert one_line(done.stderr) == "husk serve: HUSK_PORT must be an integer"


def test_every_option_can_be_in_a_file(husk: Husk, tmp_path: Path) -> None:
    """What the command line has, a file has."""
    helps = [husk.run("serve", "--help").stdout, husk.run("doctor", "--help").stdout]
    names = set(re.findall(r"^ +--([a-z-]+)", "\n".join(helps), re.MULTILINE))
    assert {"port", "log-level", "certificate"} <= names
    for name in names - {"config", "help", "json", "version"}:
        # A list of a list is nothing that any option takes.
        done = husk.run("serve", "--config", write(tmp_path, **{name: [[]]}))
        assert f'"{name}" must be' in done.stderr


def test_logs(serve: Serve) -> None:
    """One line a request, in JSON when that is wanted; nothing of it by default."""
    server = serve("--log-format=json", "--log-level=info")
    assert server.get("/api/kernels").ok
    assert server.get("/api/contents/secret%20name").status_code == 404

    def requests() -> list[dict[str, str]]:
        lines = [json.loads(line) for line in server.log.splitlines()]
        assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
        return [line["metadata"] for line in lines if line["message"] == "request"]

    wait_until(lambda: any(r["status"] == "404" for r in requests()), 10, "the line")
    (listing,) = (r for r in requests() if r["route"] == "/api/kernels")
    assert listing["method"] == "GET"
    assert listing["status"] == "200"
    assert 0 < float(listing["seconds"]) < 10
    assert "secret" not in server.log
    assert server.stop() == 0
    begin = len(server.log)
    quiet = serve(HUSK_LOG_FORMAT="text")
    assert quiet.get("/api/kernels").ok
    assert "request" not in quiet.log[begin:]


@pytest.mark.parametrize("port", ["65536", "65537", "70000", "-1", "1000000000000"])
def test_ports_that_are_none(husk: Husk, tmp_path: Path, port: str) -> None:
    """They are refused wherever they come from, before anything is made."""
    own = husk.with_state(tmp_path / "state")
    done = own.with_env(HUSK_PORT=port).run("serve")
    assert done.returncode == 2
    assert one_line(done.stderr) == "husk serve: HUSK_PORT must be from 0 to 65535"
    done = own.run("serve", f"--port={port}")
    assert done.returncode == 64
    assert f"--port {port} must be from 0 to 65535" in done.stderr
    assert not own.state.exists()


@pytest.mark.parametrize(
    "option",
    [
        *("--orphan-timeout=-1", "--max-kernels=-1", "--pids=-1", "--open-files=0", "--cpus=-1"),
        *("--cpu-weight=0", "--lifetime=-1", "--idle-timeout=-1", "--memory=-1"),
    ],
)
def test_numbers_that_are_none(husk: Husk, tmp_path: Path, option: str) -> None:
    """The option is named."""
    own = husk.with_state(tmp_path / "state")
    done = own.run("serve", option)
    assert done.returncode != 0
    assert option.partition("=")[0] in done.stderr
    assert not own.state.exists()


@pytest.mark.parametrize("place", ["file", "variable", "argument"])
def test_an_empty_token(husk: Husk, tmp_path: Path, place: str) -> None:
    """It lets everybody in of this machine only, wherever it stands."""
    options: list[str | Path] = ["--host", "0.0.0.0"]
    if place == "variable":
        husk = husk.with_env(HUSK_TOKEN="")
    elif place == "file":
        options += ["--config", write(tmp_path, token="", kernel_name="x")]
    else:
        options.insert(0, "--token=")
    done = husk.run("serve", *options)
    assert done.returncode == 2
    assert one_line(done.stderr) == (
        "husk serve: --host 0.0.0.0 lets other machines in; that needs a token"
    )


def test_empty_texts(husk: Husk, tmp_path: Path) -> None:
    """What is empty in a file takes no other option for its value."""
    file = write(tmp_path, host="", log_level="", mount=[""], allow_origin="")
    done = husk.run("serve", "--config", file)
    assert done.returncode != 0
    assert "'--log-level" in done.stderr
    assert "Unexpected argument" not in done.stderr
    done = husk.run("serve", "--config", write(tmp_path, mount=[""]))
    assert (
        one_line(done.stderr)
        == "husk serve: --mount : write HOST:INSIDE or HOST:INSIDE:ro, INSIDE absolute"
    )


@pytest.mark.parametrize("token", ["a b&c#+%é/?=x", "%41"])
def test_the_printed_url(serve: Serve, token: str) -> None:
    """It can be followed, whatever the token is."""
    server = serve("--token", token)
    # Bytes of a header are letters of Latin-1 to requests.
    server.token = token.encode().decode("latin-1")
    (line,) = re.findall(r"^ +(http://.*)$", server.log, re.MULTILINE)
    assert requests.get(line.replace("/?", "/api/kernels?"), timeout=10).status_code == 200


def test_state_that_cannot_be_made(husk: Husk, tmp_path: Path) -> None:
    """It is said that it cannot, and why."""
    (tmp_path / "file").touch()
    for folder, reason in [
        (tmp_path / "file" / "state", "Not a directory"),
        (tmp_path / "no" / "such" / "state", "No such file or directory"),
        (
            Path("/sys/husk-state"),
            "(Operation not permitted|Permission denied|Read-only file system)",
        ),
    ]:
        done = husk.with_state(folder).run("serve", "--port", "0")
        assert done.returncode == 1
        wanted = f"husk serve: the state directory {folder} cannot be made: {reason}"
        assert re.fullmatch(wanted, one_line(done.stderr))


def test_times_beyond_all_clocks(serve: Serve) -> None:
    """They are as good as never."""
    server = serve("--cull-idle-timeout", str(2**63 - 1), "--cull-interval", str(2**63 - 1))
    assert server.start_kernel()
    assert len(server.get("/api/kernels").json()) == 1
