"""What bad input gets: one line that names it, and nothing else happens."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from conftest import StartKernel
from peers.husk import Husk, one_line
from peers.kernel import Kernel, connection_info, curve_keys
from peers.wire import DELIMITER, Client

pytestmark = pytest.mark.husk


# ---- Connection files


def refused(husk: Husk, file: Path, *options: str) -> str:
    """Starts a kernel that must refuse its connection file; returns the line that says why."""
    done = husk.run("kernel", "-f", file, "--python", husk.python, *options, timeout=20)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    line = one_line(done.stderr)
    assert str(file) in line
    return line


def test_missing_connection_file(husk: Husk, tmp_path: Path) -> None:
    """The file is named."""
    refused(husk, tmp_path / "absent.json")


def test_connection_file_that_is_a_folder(husk: Husk, tmp_path: Path) -> None:
    """It cannot be read, as root either."""
    refused(husk, tmp_path)


@pytest.mark.parametrize("text", ["", "{", "not json", "[]", "null", '"text"', "\x00", '{"a": 1'])
def test_malformed_connection_file(husk: Husk, tmp_path: Path, text: str) -> None:
    """It is not a JSON object."""
    file = tmp_path / "connection.json"
    file.write_text(text)
    refused(husk, file)


FIELDS: list[tuple[str, Any]] = [
    ("shell_port", None),
    ("iopub_port", None),
    ("hb_port", "many"),
    ("control_port", -1),
    ("stdin_port", 70_000),
    ("ip", 5),
    ("ip", "no.such.host.invalid"),
    ("key", None),
    ("key", 5),
    ("transport", "carrier pigeon"),
    ("signature_scheme", "rot13"),
]


@pytest.mark.parametrize(("field", "value"), FIELDS)
def test_wrong_field(husk: Husk, tmp_path: Path, field: str, value: object) -> None:
    """The field is named. None stands for one that is missing."""
    connection = connection_info() | {field: value}
    if value is None:
        del connection[field]
    file = tmp_path / "connection.json"
    file.write_text(json.dumps(connection))
    assert field in refused(husk, file)


PAIR = curve_keys()
PUBLIC, SECRET = ({field: key} for field, key in PAIR.items())
OTHER = {"curve_publickey": curve_keys()["curve_publickey"]}
CURVE: dict[str, tuple[str, dict[str, Any]]] = {
    "no public key": ("curve_publickey", SECRET),
    "no secret key": ("curve_secretkey", PUBLIC),
    "a null": ("curve_secretkey", PUBLIC | {"curve_secretkey": None}),
    "a short key": ("curve_secretkey", PUBLIC | {"curve_secretkey": "x" * 39}),
    "a long key": ("curve_publickey", SECRET | {"curve_publickey": "x" * 41}),
    "another alphabet": ("curve_secretkey", PUBLIC | {"curve_secretkey": "ü" * 20}),
    "a space": ("curve_publickey", SECRET | {"curve_publickey": " " * 40}),
    "a group over 32 bits": ("curve_publickey", SECRET | {"curve_publickey": "#" * 40}),
    "a number": ("curve_publickey", SECRET | {"curve_publickey": 5}),
    "keys of two pairs": ("curve_publickey", SECRET | OTHER),
}


@pytest.mark.parametrize(("field", "keys"), CURVE.values(), ids=CURVE.keys())
def test_wrong_curve_keys(husk: Husk, tmp_path: Path, field: str, keys: dict[str, Any]) -> None:
    """The field is named, and no secret key is shown."""
    file = tmp_path / "connection.json"
    file.write_text(json.dumps(connection_info() | keys))
    line = refused(husk, file)
    assert f": {field} " in line
    assert SECRET["curve_secretkey"] not in line
    assert "x" * 39 not in line


LAUNCHER: dict[str, Any] = {
    "kernel_id": "k",
    "transport": "tcp",
    "registration_ip": "127.0.0.1",
    "registration_port": 9,
    "signature_scheme": "hmac-sha256",
    "key": "k",
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("registration_port", None),
        ("registration_port", 0),
        ("registration_port", "many"),
        ("registration_port", 70_000),
        ("registration_ip", 5),
        ("registration_ip", ""),
        ("kernel_id", 5),
        ("key", None),
        ("transport", "carrier pigeon"),
        ("shell_port", "many"),
        ("curve_secretkey", "x"),
    ],
)
def test_wrong_field_of_a_registration_file(
    husk: Husk, tmp_path: Path, field: str, value: object
) -> None:
    """The field is named. None stands for one that is missing."""
    registration = {k: v for k, v in (LAUNCHER | {field: value}).items() if v is not None}
    file = tmp_path / "connection.json"
    file.write_text(json.dumps(registration))
    assert f": {field} " in refused(husk, file)


def test_registration_without_an_address(husk: Husk, tmp_path: Path) -> None:
    """The documented member is named, though another one will do."""
    file = tmp_path / "connection.json"
    file.write_text(json.dumps({"registration_port": 9, "key": "k"}))
    assert ": registration_ip " in refused(husk, file)


def test_port_that_nobody_could_learn(husk: Husk, tmp_path: Path) -> None:
    """A pipe is read once: the kernel cannot write into it which port it has chosen."""
    file = tmp_path / "connection.json"
    os.mkfifo(file)
    text = json.dumps(connection_info() | {"control_port": 0})
    writer = threading.Thread(target=file.write_text, args=(text,))
    writer.start()
    assert "control_port is 0 or missing" in refused(husk, file)
    writer.join()
    assert [*tmp_path.iterdir()] == [file]


def test_file_that_cannot_be_written_anew(husk: Husk, tmp_path: Path) -> None:
    """The reason is told, and the file is left as it was."""
    # There is no room in its folder for the longer name that a new file has at first.
    file = tmp_path / ("n" * 250 + ".json")
    text = json.dumps(connection_info() | {"hb_port": 0})
    file.write_text(text)
    line = refused(husk, file)
    assert "hb_port is 0 or missing" in line
    assert "File name too long" in line
    assert file.read_text() == text
    assert [*tmp_path.iterdir()] == [file]


def test_port_0_of_a_kernel_that_runs(husk: Husk, tmp_path: Path) -> None:
    """A server that takes a kernel over does not choose."""
    file = tmp_path / "connection.json"
    file.write_text(json.dumps(connection_info() | {"shell_port": 0}))
    assert "shell_port is 0 or missing; --attach" in refused(husk, file, "--attach")


@pytest.mark.parametrize("field", ["shell_port", "iopub_port", "hb_port"])
def test_port_in_use(husk: Husk, tmp_path: Path, field: str) -> None:
    """The field whose port somebody has is named."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = connection_info() | {field: server.getsockname()[1]}
        file = tmp_path / "connection.json"
        file.write_text(json.dumps(connection))
        assert field in refused(husk, file)


# ---- Options


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--python", "/nonexistent/python3"], "/nonexistent/python3"),
        (["--python", "/etc/passwd"], "/etc/passwd"),
        (["--python", "/usr/bin"], "/usr/bin"),
        (["--python", "/bin/true"], "/bin/true"),
        (["--mount", "/nonexistent:/data"], "/nonexistent"),
        (["--mount", "data"], "data"),
        (["--mount", "/usr:relative"], "relative"),
        (["--memory", "much"], "much"),
        (["--network", "some"], "some"),
        (["--env", "=x"], "=x"),
    ],
)
def test_wrong_option(husk: Husk, tmp_path: Path, options: list[str], name: str) -> None:
    """What is wrong is named, and nothing is started."""
    file = tmp_path / "connection.json"
    file.write_text(json.dumps(connection_info()))
    done = husk.run("kernel", "-f", file, *options, timeout=20)
    assert done.returncode not in (0, None)
    assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert "Fatal" not in done.stderr


# ---- Notebooks


NOTEBOOKS = {
    "not JSON": "# a text",
    "empty": "",
    "a list": "[]",
    "another format": '{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}',
    "no format": '{"cells": []}',
    "no cells": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "cells of a wrong kind": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": {}}',
    "a cell without a source": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells":'
    ' [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null}]}',
}


@pytest.mark.parametrize("text", NOTEBOOKS.values(), ids=NOTEBOOKS.keys())
def test_wrong_notebook(husk: Husk, tmp_path: Path, text: str) -> None:
    """One line that names the file, exit status 2, nothing written."""
    notebook, output = tmp_path / "wrong.ipynb", tmp_path / "out.ipynb"
    notebook.write_text(text)
    done = husk.run("run", notebook, "--output", output, "--python", husk.python, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(notebook) in one_line(done.stderr)
    assert sorted(tmp_path.iterdir()) == [notebook]


def test_missing_notebook(husk: Husk, tmp_path: Path) -> None:
    """Likewise."""
    done = husk.run("run", tmp_path / "absent.ipynb", "--python", husk.python)
    assert done.returncode == 2
    assert "absent.ipynb" in one_line(done.stderr)


# ---- Frames


def bodies(client: Client) -> dict[str, list[bytes]]:
    """Messages that must be dropped, as frames."""
    good = client.frames(client.header("kernel_info_request"), {})
    short = good[:4]
    wrong_signature = [good[0], b"0" * 64, *good[2:]]
    not_text = [b"\xff\xfe{}", *good[3:]]
    not_json = [b"{nothing", *good[3:]]
    not_object = [b"[]", *good[3:]]
    no_id = [b'{"msg_type": "kernel_info_request"}', *good[3:]]
    no_type = [b'{"msg_id": "a"}', *good[3:]]
    deep = [*good[2:5], b"[" * 100_000]
    return {
        "nothing": [b""],
        "no delimiter": good[1:],
        "only the delimiter": [DELIMITER],
        "too few": short,
        "unsigned": [good[0], b"", *good[2:]],
        "another signature": wrong_signature,
        "header that is not UTF-8": [DELIMITER, client.sign(not_text), *not_text],
        "header that is not JSON": [DELIMITER, client.sign(not_json), *not_json],
        "header that is no object": [DELIMITER, client.sign(not_object), *not_object],
        "header without identifier": [DELIMITER, client.sign(no_id), *no_id],
        "header without type": [DELIMITER, client.sign(no_type), *no_type],
        "content without end": [DELIMITER, client.sign(deep), *deep],
        "many frames": [*good, *[b"x"] * 5000],
    }


@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
@pytest.mark.parametrize("kind", [*bodies(Client(connection_info()))])
def test_bad_frames_are_dropped(shared: Client, channel: str, kind: str) -> None:
    """The kernel does not answer, and goes on."""
    shared.send_frames(channel, bodies(shared)[kind])
    assert shared.run_ok("print('goes on')").stdout == "goes on\n"
    reply, _ = shared.request("kernel_info_request", channel="control")
    assert reply.content["status"] == "ok"


def test_replayed_frames_are_dropped(shared: Client) -> None:
    """A recorded message cannot be used again."""
    shared.run_ok("count = 0")
    frames = shared.frames(shared.header("execute_request"), {"code": "count += 1"})
    for _ in range(3):
        shared.send_frames("shell", frames)
    assert shared.run_ok("print(count)").stdout == "1\n"


def test_foreign_key(shared_kernel: Kernel, shared: Client) -> None:
    """Who does not have the key is not served."""
    stranger = Client(shared_kernel.connection | {"key": "another"})
    try:
        stranger.send("shell", "execute_request", {"code": "planted = 1"})
        stranger.send("control", "shutdown_request", {"restart": False})
        assert stranger.is_silent("shell", 0.3)
        assert shared.run("planted").reply["ename"] == "NameError"
    finally:
        stranger.close()


@pytest.mark.parametrize(
    "content",
    [{}, {"code": 5}, {"code": None}, {"code": ["a"]}, {"code": "1", "user_expressions": 3}],
)
def test_wrong_content_of_a_request(shared: Client, content: dict[str, Any]) -> None:
    """The request is answered or dropped; the kernel goes on."""
    shared.send("shell", "execute_request", content)
    assert shared.run_ok("print('goes on')").stdout == "goes on\n"


def test_floods_are_logged_once(start_kernel: StartKernel) -> None:
    """A thousand bad messages do not fill a log."""
    kernel = start_kernel()
    client = kernel.client()
    for _ in range(1000):
        client.send_frames("shell", bodies(client)["another signature"])
    assert client.run_ok("print('goes on')").stdout == "goes on\n"
    assert len(kernel.stderr.splitlines()) <= 3


def test_not_zeromq(shared_kernel: Kernel, shared: Client) -> None:
    """A browser at the wrong port does no harm."""
    for channel in ("shell", "iopub", "hb"):
        with socket.create_connection(
            ("127.0.0.1", shared_kernel.connection[f"{channel}_port"])
        ) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
    assert shared.run_ok("print('goes on')").stdout == "goes on\n"


# ---- From inside

CHANNEL = """
import mmap, os, struct
memory = mmap.mmap(3, 0)
def word(at): return struct.unpack_from('<Q', memory, at)[0]
events, size = word(16), word(24)
def publish(frame, grow=None):
    head = word(64)
    for n, byte in enumerate(frame): memory[events + (head + n) % size] = byte
    struct.pack_into('<Q', memory, 64, (head + (len(frame) if grow is None else grow)) % 2**64)
    os.write(4, struct.pack('<Q', 1))
def frame(length=0, kind=1, flags=0, zero=0, number=10**6, request=0):
    return struct.pack('<IBBHQQ', length, kind, flags, zero, number, request)
"""

DAMAGE = {
    "a huge frame": "publish(frame(length=0xffffffff))",
    "a frame over the limit": "publish(frame(length=65_537))",
    "a wrong number": "publish(frame(number=10**9))",
    "an unknown kind": "publish(frame(kind=99))",
    "random bytes": "publish(os.urandom(4096))",
    "a head far ahead": "publish(b'', grow=2**40)",
    "a head that goes back": "publish(b'', grow=-(2**20))",
    "an odd head": "publish(b'x' * 5)",
    "another magic": "memory[0:8] = b'\\0' * 8; publish(frame(number=10**9))",
    "other offsets": "struct.pack_into('<QQ', memory, 16, 2**60, 2**50); publish(frame(number=7))",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_from_inside(start_kernel: StartKernel, damage: str) -> None:
    """That kernel ends with a reason, and no other."""
    neighbour, kernel = start_kernel(), start_kernel()
    witness, client = neighbour.client(), kernel.client()
    client.run_ok(CHANNEL)
    request = client.start(f"{damage}\nimport time; time.sleep(60)")
    reason = client.death(request, timeout=20)["evalue"]
    assert reason
    assert kernel.wait(10) == 1
    assert reason in kernel.stderr
    assert witness.run_ok("print('goes on')").stdout == "goes on\n"
