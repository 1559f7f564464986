"""What a cell says, where somebody looks at it on a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from attacks.arena import Arena
from attacks.files import book, write
from attacks.terminal import ESCAPES, commands, on_terminal
from conftest import KINDS

pytestmark = pytest.mark.parametrize("kind", KINDS)

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


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES.keys())
def test_names_on_a_terminal(arena: Arena, kind: str, folder: Path, escape: str) -> None:
    """A file's name neither."""
    husk = arena.ground(kind).husk
    file = write(folder / f"a{escape}b.py".replace("/", ""), "1 / 0")
    command = husk.command("run", file, "--python", husk.python)
    _, shown = on_terminal(command, folder, husk.environment)
    assert commands(shown, colours=True) == []


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
    with arena.start(kind, *with_own_state, cwd=folder) as kernel:
        client = kernel.client()
        text = "".join(ESCAPES.values())
        client.death(client.start(f"print({text!r}, flush=True)\nimport os; os._exit(3)"))
        kernel.wait()
    status, shown = on_terminal(
        husk.command("journal", "--state", husk.state), folder, husk.environment
    )
    assert status == 0
    assert "husk: forged" in shown
    assert commands(shown) == []
