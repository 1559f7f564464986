"""What the server reads and shows: files made to mislead, names and text that steer a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attacks.arena import Arena, fingerprint
from attacks.terminal import ESCAPES, commands, on_terminal
from conftest import KINDS
from peers.kernel import connection_info
from peers.waiting import wait_until

pytestmark = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def folder(arena: Arena, kind: str, tmp_path: Path) -> Path:
    """A new folder of the user's."""
    ground = arena.ground(kind)
    folder = ground.folder / tmp_path.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.chown(folder, ground.uid, ground.uid)
    return folder


@pytest.fixture
def lair(arena: Arena, kind: str) -> Path:
    """A folder of the user's that no sandbox is shown."""
    return arena.new_lair(kind)


def write(path: Path, text: str | bytes) -> Path:
    """Makes a file of the folder's owner."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    owner = path.parent.stat().st_uid
    os.chown(path, owner, owner)
    return path


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
    assert commands(done.stderr) + commands(done.stdout) == []
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


def book(*cells: dict[str, Any], **more: object) -> str:
    """A notebook as JSON."""
    parts = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": ""}
        | cell
        for cell in cells
    ]
    shape = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": parts}
    return json.dumps(shape | more)


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


# ---- Text on a terminal

PRINTED = {
    "printed": "print({text!r})",
    "printed as an error": "import sys; print({text!r}, file=sys.stderr)",
    "written by a child": "import subprocess; subprocess.run(['printf', '%s', {text!r}])",
    "a result": "class Shown:\n    def __repr__(self): return {text!r}\nShown()",
    "shown": "from IPython.display import display\ndisplay({{'text/plain': {text!r}}}, raw=True)",
    "shown as Markdown": "from IPython.display import Markdown\nMarkdown({text!r})",
    "an error": "raise ValueError({text!r})",
    "the name of an error": "raise type({text!r}, (Exception,), {{}})('x')",
    "a source": "# {text}\n1",
    "last words": "import os; os.write(2, {text!r}.encode()); os._exit(3)",
}


@pytest.mark.parametrize("way", PRINTED.values(), ids=PRINTED.keys())
def test_text_on_a_terminal(arena: Arena, kind: str, folder: Path, way: str) -> None:
    """Colours are shown; nothing else that a terminal obeys gets through."""
    husk = arena.ground(kind).husk
    text = "x" + "y".join(escape for name, escape in ESCAPES.items() if name != "a line")
    if way == PRINTED["a source"]:
        text = text.replace("\r", "")
    file = write(folder / "cells.ipynb", book({"source": way.format(text=text)}))
    command = husk.command("run", file, "--python", husk.python)
    _, shown = on_terminal(command, folder, husk.environment)
    assert "husk: forged" in shown or way == PRINTED["a source"]
    assert set(commands(shown, colours=True)) <= {"\r"}


def test_terminal_that_obeys(arena: Arena, kind: str, folder: Path) -> None:
    """Without Husk in between every one of them gets through: the test above would notice."""
    text = "".join(ESCAPES.values())
    _, shown = on_terminal([sys.executable, "-c", f"print({text!r})"], folder, os.environ)
    assert {"\x1b", "\x07", "\x9b", "\x08"} <= set(commands(shown, colours=True))


def test_journal_on_a_terminal(arena: Arena, kind: str, folder: Path) -> None:
    """What a kernel has said is quoted."""
    ground = arena.ground(kind)
    husk = ground.husk.with_state(folder / "s")
    with_own_state = ["--state", str(husk.state), "--lease", "durable"]
    kernel = arena.start(kind, *with_own_state, cwd=folder)
    text = "".join(ESCAPES.values())
    client = kernel.client()
    client.death(client.start(f"print({text!r}, flush=True)\nimport os; os._exit(3)"))
    kernel.wait()
    status, shown = on_terminal(
        husk.command("journal", "--state", husk.state), folder, husk.environment
    )
    assert status == 0
    assert "husk: forged" in shown
    assert commands(shown) == []


# ---- Links that a cell puts where the server writes


def run_cell(arena: Arena, kind: str, folder: Path, code: str, *options: str) -> None:
    """Replays one cell in a folder that it may write."""
    husk = arena.ground(kind).husk
    file = write(folder / "cell.py", code)
    husk.run("run", file, "--python", husk.python, *options, cwd=folder, timeout=30)


PICTURE = "iVBORw0KGgo="
SHOW = f"from IPython.display import display\ndisplay({{'image/png': {PICTURE!r}}}, raw=True)\n"
SWAPS = {
    "the output": ("os.symlink('LAIR/file', 'out.ipynb')", ["--output", "out.ipynb"]),
    "the folder of the output": (
        "os.rename('results', 'aside'); os.symlink('LAIR', 'results')",
        ["--output", "results/out.ipynb"],
    ),
    "the folder of the pictures": (
        "os.rename('results', 'aside'); os.symlink('LAIR', 'results')\n" + SHOW,
        ["--pictures", "results"],
    ),
    "a folder of pictures to come": (
        "os.symlink('LAIR', 'new')\n" + SHOW,
        ["--pictures", "new"],
    ),
    "a picture": (
        "os.symlink('LAIR/file', 'results/picture-1.png')\n" + SHOW,
        ["--pictures", "results"],
    ),
}


@pytest.mark.parametrize(("code", "options"), SWAPS.values(), ids=SWAPS.keys())
def test_links_where_the_server_writes(
    arena: Arena, kind: str, folder: Path, lair: Path, code: str, options: list[str]
) -> None:
    """The server follows no link that a cell has made: nothing outside its folder changes."""
    results = folder / "results"
    results.mkdir()
    os.chown(results, folder.stat().st_uid, folder.stat().st_gid)
    before = fingerprint(lair)
    run_cell(arena, kind, folder, f"import os\n{code.replace('LAIR', str(lair))}", *options)
    assert (folder / "cell.py").exists()
    assert fingerprint(lair) == before


def test_links_where_anybody_writes(arena: Arena, kind: str, folder: Path, lair: Path) -> None:
    """A program that follows them changes something: the test above would notice."""
    before = fingerprint(lair)
    run_cell(arena, kind, folder, f"import os\nos.symlink({str(lair)!r}, 'results')")
    made = folder / "results/out.ipynb"
    made.write_text("{}")
    assert fingerprint(lair) != before
    made.unlink()


def test_mount_below_a_planted_link(arena: Arena, kind: str, folder: Path, lair: Path) -> None:
    """Where a sandbox is built the host's root is still there, under a name that can be guessed."""
    shared = arena.ground(kind).shared
    before = fingerprint(lair)
    for number, root in enumerate(("/.old", "/.oldroot", "/proc/1/root", "")):
        (folder / f"data{number}").symlink_to(f"{root}{lair}")
        target = f"{shared}:{folder}/data{number}/made"
        run_cell(arena, kind, folder, "print(1)", "--mount", target)
    assert fingerprint(lair) == before


# ---- State directories


def link_to_own(folder: Path, state: Path) -> None:
    """A link to a folder that could be one."""
    (folder / "real").mkdir(mode=0o700)
    state.symlink_to(folder / "real")


def loose(folder: Path, state: Path) -> None:
    """A link to nothing."""
    state.symlink_to(folder / "nothing")


def plain(folder: Path, state: Path) -> None:
    """A file."""
    state.write_text("")


def pipe(folder: Path, state: Path) -> None:
    """A pipe."""
    os.mkfifo(state)


def open_to_group(folder: Path, state: Path) -> None:
    """A folder in which the group may write."""
    state.mkdir()
    state.chmod(0o770)


PLANTED = [link_to_own, loose, plain, pipe, open_to_group]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_planted_state(
    arena: Arena, kind: str, folder: Path, plant: Callable[[Path, Path], None]
) -> None:
    """It is named, and nothing runs."""
    ground = arena.ground(kind)
    planted = folder / "state"
    plant(folder, planted)
    for path in (planted, folder / "real"):
        if path.exists() or path.is_symlink():
            os.chown(path, ground.uid, ground.uid, follow_symlinks=False)
    file = write(folder / "one.py", "print(1)")
    done = ground.husk.with_state(planted).run(
        "run", file, "--python", ground.husk.python, cwd=folder, timeout=20
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert str(planted) in done.stderr


@pytest.mark.parametrize("name", ["kernels", "kernels/k", "ended", "ended/k"])
def test_link_in_a_state_directory(
    arena: Arena, kind: str, folder: Path, lair: Path, name: str
) -> None:
    """What a keeper clears away is never on the other side of a link."""
    ground = arena.ground(kind)
    state = folder / "state"
    (state / name).parent.mkdir(parents=True, mode=0o700)
    state.chmod(0o700)
    (state / name).symlink_to(lair)
    for path in [state, *state.rglob("*")]:
        os.chown(path, ground.uid, ground.uid, follow_symlinks=False)
    before = fingerprint(lair)
    file = write(folder / "one.py", "print(1)")
    husk = ground.husk.with_state(state)
    done = husk.run("run", file, "--python", husk.python, cwd=folder, timeout=20)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not (state / "keeper.sock").exists(), 10, "end of the keeper")
    assert fingerprint(lair) == before
