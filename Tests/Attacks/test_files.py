"""Files made to mislead whoever reads them, and their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attacks.arena import Arena
from attacks.files import book, write
from attacks.terminal import ESCAPES, commands
from conftest import KINDS
from peers.kernel import connection_info

pytestmark = pytest.mark.parametrize("kind", KINDS)

# ---- Names


def connection_file(arena: Arena, kind: str, folder: Path, name: str) -> list[str]:
    """A connection file that is not there."""
    return ["kernel", "-f", str(folder / name)]


def notebook(arena: Arena, kind: str, folder: Path, name: str) -> list[str]:
    """A notebook that is none."""
    return ["run", str(write(folder / f"{name}.ipynb", "{"))]


def program(arena: Arena, kind: str, folder: Path, name: str) -> list[str]:
    """A program whose cell raises."""
    return ["run", str(write(folder / f"{name}.py", "1 / 0"))]


def mounted(arena: Arena, kind: str, folder: Path, name: str) -> list[str]:
    """A folder to be mounted that is not there."""
    return ["run", str(write(folder / "one.py", "1")), "--mount", f"{folder}/{name}:/data"]


def python(arena: Arena, kind: str, folder: Path, name: str) -> list[str]:
    """A Python that is not there."""
    return ["run", str(write(folder / "one.py", "1")), "--python", f"{folder}/{name}"]


def output(arena: Arena, kind: str, folder: Path, name: str) -> list[str]:
    """A folder for the output that is not there."""
    return ["run", str(write(folder / "one.py", "1")), "--output", f"{folder}/{name}/out.ipynb"]


def state(arena: Arena, kind: str, folder: Path, name: str) -> list[str]:
    """A state directory that is not there."""
    return ["journal", "--state", f"{folder}/{name}"]


def option(arena: Arena, kind: str, folder: Path, name: str) -> list[str]:
    """A file that is taken for an option."""
    return ["run", f"--{name}.ipynb"]


def second(arena: Arena, kind: str, folder: Path, name: str) -> list[str]:
    """One file more than is wanted."""
    return ["run", "one.ipynb", f"{name}.ipynb"]


NAMED = [connection_file, notebook, program, mounted, python, output, state, option, second]


@pytest.mark.parametrize("place", NAMED, ids=lambda place: place.__name__)
@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES.keys())
def test_names(
    arena: Arena, kind: str, folder: Path, place: Callable[..., list[str]], escape: str
) -> None:
    """A name is shown, and neither steers the terminal nor looks like a line of Husk's."""
    name = f"a{escape}b".replace("/", "")
    husk = arena.ground(kind).husk
    words = place(arena, kind, folder, name)
    if "--python" not in words and words[0] != "journal":
        words += ["--python", str(husk.python)]
    done = husk.run(*words, cwd=folder, timeout=30)
    assert done.returncode != 0
    assert commands(done.stderr) == []
    assert not [line for line in done.stderr.splitlines() if line.startswith("husk: forged")]


# ---- Connection files

CONNECTIONS: dict[str, Any] = {
    "an address with a line": {"ip": "127.0.0.1\nhusk: forged"},
    "an address that steers": {"ip": "\x1b]0;title\x07"},
    "a transport that steers": {"transport": "tcp\x1b[2J"},
    "a scheme that steers": {"signature_scheme": "hmac-sha256\x9b2J\nhusk: forged"},
    "a key that is a number": {"key": 5},
    "a key that is a list": {"key": ["k"]},
    "a key that is nothing": {"key": None},
    "a port that is text": {"shell_port": "80\x1b[2J"},
    "a port beyond every other": {"shell_port": 10**40},
    "a port below all": {"hb_port": -(10**40)},
    "a port that is a fraction": {"hb_port": 1.5},
    "a port that is true": {"hb_port": True},
    "a port of the system's": {"ip": "127.0.0.1", "hb_port": 2**32 + 5},
    "an address that is a path": {"ip": "/etc/passwd"},
    "an address that is an option": {"ip": "--help"},
    "an address of 60,000 letters": {"ip": "a" * 60_000},
}
TEXTS = {
    "deep JSON": "[" * 200_000,
    "deep JSON that ends": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    "an integer of a million digits": '{"shell_port": ' + "9" * 1_000_000 + "}",
    "16 MiB of space": " " * (16 << 20),
    "another encoding": json.dumps(connection_info()).encode("utf-16"),
    "half a character": '{"key": "\\ud800"}',
    "zeros": bytes(10_000),
    "two objects": json.dumps(connection_info()) * 2,
}


@pytest.mark.parametrize("fields", CONNECTIONS.values(), ids=CONNECTIONS.keys())
def test_connection_files(arena: Arena, kind: str, folder: Path, fields: dict[str, Any]) -> None:
    """One line names the field."""
    husk = arena.ground(kind).husk
    file = write(folder / "connection.json", json.dumps(connection_info() | fields))
    done = husk.run("kernel", "-f", file, "--python", husk.python, cwd=folder, timeout=8)
    assert (done.returncode, done.stdout) == (2, "")
    assert commands(done.stderr) == []
    assert len(done.stderr.splitlines()) == 1
    assert [*fields][-1] in done.stderr
    assert len(done.stderr) < 2000


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("command", ["kernel", "run"])
def test_texts(arena: Arena, kind: str, folder: Path, command: str, text: str | bytes) -> None:
    """No file makes the server crash, wait or fill its memory."""
    husk = arena.ground(kind).husk
    file = write(folder / "file.ipynb", text)
    words = ["kernel", "-f", file] if command == "kernel" else ["run", file]
    done = husk.run(*words, "--python", husk.python, cwd=folder, timeout=20)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert len(done.stderr) < 2000


def test_secret_connection_file(arena: Arena, kind: str, folder: Path) -> None:
    """What is in a file that is none is not told."""
    husk = arena.ground(kind).husk
    secret = write(folder / "secret", "password: xyzzy\n")
    (folder / "connection.json").symlink_to(secret)
    for words in (["kernel", "-f", "connection.json"], ["run", "connection.json"]):
        done = husk.run(*words, "--python", husk.python, cwd=folder, timeout=20)
        assert done.returncode == 2
        assert "xyzzy" not in done.stderr


# ---- Notebooks


NOTEBOOKS = {
    "a language that steers": book(metadata={"language_info": {"name": "R\x1b]0;t\x07\nhusk: x"}}),
    "a kernel that steers": book(metadata={"kernelspec": {"name": "\x1b[2J", "language": "\x9b"}}),
    "a format that steers": book(nbformat="4\x1b[2J"),
    "a format beyond every other": book(nbformat=10**40),
    "a kind of cell that steers": book({"cell_type": "code\x1b]0;t\x07\nhusk: forged"}),
    "a source of numbers": book({"source": [1, 2]}),
    "a source in depth": book({"source": [["1"]]}),
    "metadata that is a list": book({"metadata": []}),
    "outputs that are text": book({"outputs": "\x1b[2J"}),
    "an output that steers": book({"outputs": [{"output_type": "\x1b]0;t\x07"}]}),
    "a count that is text": book({"execution_count": "\x1b[2J"}),
    "tags that are numbers": book({"metadata": {"tags": [1, {"a": 2}]}}),
}


@pytest.mark.parametrize("text", NOTEBOOKS.values(), ids=NOTEBOOKS.keys())
def test_notebooks(arena: Arena, kind: str, folder: Path, text: str) -> None:
    """They are refused in one line, or run without a trace of what is wrong with them."""
    husk = arena.ground(kind).husk
    file = write(folder / "book.ipynb", text)
    words = ["run", file, "--check", "--python", husk.python]
    done = husk.run(*words, cwd=folder, timeout=30)
    assert done.returncode in (0, 1, 2)
    assert commands(done.stderr) + commands(done.stdout) == []
    assert len(done.stderr.splitlines()) <= 1
    assert not [line for line in done.stderr.splitlines() if line.startswith("husk: ")]


# ---- Surroundings

SURROUNDINGS = {
    "a home that is not there": {"HOME": "/nonexistent"},
    "no home": {"HOME": ""},
    "a home that is a file": {"HOME": "/etc/passwd"},
    "a home that steers": {"HOME": "/\x1b]0;title\x07"},
    "a language that steers": {"LANG": "\x1b[2J", "LC_ALL": "\x9b2J"},
    "a terminal that steers": {"TERM": "\x1b[2J", "COLUMNS": "-1"},
}


@pytest.mark.parametrize("variables", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
def test_surroundings(arena: Arena, kind: str, folder: Path, variables: dict[str, str]) -> None:
    """Whatever variables it is started with, it runs the cell or says why not."""
    husk = arena.ground(kind).husk.with_env(**variables)
    file = write(folder / "one.py", "print(1)")
    done = husk.run("run", file, "--python", husk.python, cwd=folder, timeout=20)
    assert done.returncode in (0, 1, 2)
    assert done.returncode == 0 or len(done.stderr.splitlines()) == 1
    assert commands(done.stderr) == []
