"""`husk run`: notebooks and Python files, replayed, compared and written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import nbformat
import pexpect
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from peers.husk import ROOT, Husk, one_line
from peers.processes import husk_processes
from peers.waiting import wait_until

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

NOTEBOOKS = sorted((ROOT / "Notebooks").glob("*.ipynb"))


def stdout(text: str) -> nbformat.NotebookNode:
    """A stored output."""
    return new_output("stream", name="stdout", text=text)


def write(path: Path, *cells: nbformat.NotebookNode | str) -> Path:
    """Writes a notebook of these cells."""
    made = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    nbformat.write(new_notebook(cells=made), path)
    return path


def run(
    husk: Husk, path: Path, *options: str | Path, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Replays it, in its folder."""
    return husk.run(
        "run", path, "--python", husk.python, *options, cwd=path.parent, timeout=timeout
    )


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What --json says."""
    return json.loads(done.stdout)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_examples(husk: Husk, notebook: Path) -> None:
    """The examples give what they have stored; nothing is said on standard error."""
    before = notebook.read_bytes()
    done = run(husk, notebook, "--check", timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert notebook.read_bytes() == before


def test_shows_cells_and_outputs(husk: Husk, tmp_path: Path) -> None:
    """Sources and outputs, and a summary at the end."""
    notebook = write(tmp_path / "n.ipynb", new_markdown_cell("# Title"), "print('first')", "40 + 2")
    done = run(husk, notebook)
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("Title", "print('first')", "\nfirst\n", "40 + 2", "42"):
        assert text in done.stdout
    assert done.stdout.splitlines()[-1].startswith("2 cells ran")


def test_outputs_arrive_while_cells_run(husk: Husk, tmp_path: Path) -> None:
    """A terminal shows progress as it is made."""
    notebook = write(
        tmp_path / "n.ipynb", "import time\nprint('early')\ntime.sleep(5)\nprint('late')"
    )
    command = husk.command("run", notebook, "--python", husk.python)
    child = pexpect.spawn(
        command[0], command[1:], cwd=str(tmp_path), env=husk.environment, timeout=30
    )
    child.expect("\nearly\r")
    start = time.monotonic()
    child.expect("\nlate\r")
    assert time.monotonic() - start > 3
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_interrupt_at_the_terminal(husk: Husk, tmp_path: Path) -> None:
    """^C ends the cell and the replay; nothing stays behind."""
    notebook = write(
        tmp_path / "n.ipynb", "import time\nprint('early')\ntime.sleep(60)", "print(2)"
    )
    before = set(husk_processes())
    command = husk.command("run", notebook, "--python", husk.python)
    own = husk.with_state(husk.state.parent / "terminal")
    child = pexpect.spawn(
        command[0], command[1:], cwd=str(tmp_path), env=own.environment, timeout=30
    )
    child.expect("\nearly\r")
    child.sendintr()
    child.expect(pexpect.EOF, timeout=10)
    child.close()
    assert child.exitstatus not in (0, None)
    wait_until(lambda: not husk_processes().keys() - before, 5, "end of all processes")


def test_error(husk: Husk, tmp_path: Path) -> None:
    """The first cell that raises ends the replay, with status 1."""
    notebook = write(tmp_path / "n.ipynb", "1/0", "print('never')")
    done = run(husk, notebook)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout
    assert "never\n" not in done.stdout.replace("print('never')", "")


def test_allow_errors(husk: Husk, tmp_path: Path) -> None:
    """The replay goes on."""
    notebook = write(tmp_path / "n.ipynb", "1/0", "print('runs')")
    done = run(husk, notebook, "--allow-errors")
    assert done.returncode == 0
    assert "\nruns\n" in done.stdout


def test_tagged_error(husk: Husk, tmp_path: Path) -> None:
    """A cell that is tagged so may raise."""
    raising = new_code_cell("1/0", metadata={"tags": ["raises-exception"]})
    done = run(husk, write(tmp_path / "n.ipynb", raising, "print('runs')"))
    assert done.returncode == 0


def test_output(husk: Husk, tmp_path: Path) -> None:
    """What is written is a valid notebook with the new outputs; the input stays as it was."""
    code = "print('x')\nfrom IPython.display import HTML, display\ndisplay(HTML('<b>1</b>'))\n[1]"
    notebook = write(tmp_path / "n.ipynb", new_markdown_cell("text"), code, "1/0")
    before = notebook.read_bytes()
    written = tmp_path / "out.ipynb"
    done = run(husk, notebook, "--output", written, "--allow-errors")
    assert done.returncode == 0, done.stderr
    assert notebook.read_bytes() == before
    new = nbformat.read(written, as_version=4)
    nbformat.validate(new)
    first, second = new.cells[1].outputs, new.cells[2].outputs
    assert [o.output_type for o in first] == ["stream", "display_data", "execute_result"]
    assert first[0].text == "x\n"
    assert first[1].data["text/html"] == "<b>1</b>"
    assert first[2].data["text/plain"] == "[1]"
    assert [o.ename for o in second] == ["ZeroDivisionError"]
    assert [cell.get("execution_count") for cell in new.cells] == [None, 1, 2]
    assert [cell.id for cell in new.cells] == [
        cell.id for cell in nbformat.read(notebook, as_version=4).cells
    ]


def test_output_into_a_missing_folder(husk: Husk, tmp_path: Path) -> None:
    """Said before anything runs."""
    notebook = write(tmp_path / "n.ipynb", "print(1)")
    done = run(husk, notebook, "--output", tmp_path / "absent/out.ipynb")
    assert (done.returncode, done.stdout) == (2, "")
    assert "absent" in one_line(done.stderr)


def test_check(husk: Husk, tmp_path: Path) -> None:
    """A difference is shown, as a diff, and is a failure."""
    same = new_code_cell("print('same')", outputs=[stdout("same\n")])
    other = new_code_cell("print('new')", outputs=[stdout("old\n")])
    done = run(husk, write(tmp_path / "n.ipynb", same, other), "--check")
    assert done.returncode == 1
    assert "-old" in done.stdout
    assert "+new" in done.stdout
    assert "-same" not in done.stdout
    assert run(husk, write(tmp_path / "same.ipynb", same), "--check").returncode == 0


def test_check_ignores_what_changes_by_itself(husk: Husk, tmp_path: Path) -> None:
    """Addresses, colours, counts."""
    address = new_output(
        "execute_result",
        data={"text/plain": "<object at 0x7f0000000000>"},
        execution_count=7,
    )
    notebook = write(tmp_path / "n.ipynb", new_code_cell("object()", outputs=[address]))
    assert run(husk, notebook, "--check").returncode == 0


def test_json(husk: Husk, tmp_path: Path) -> None:
    """One object, with the outcome of each cell."""
    notebook = write(tmp_path / "n.ipynb", "1", "1/0", "2")
    done = run(husk, notebook, "--json")
    assert done.returncode == 1
    assert summary(done)["status"] == "failed"
    assert [c["status"] for c in summary(done)["cells"]] == ["ok", "error"]
    done = run(husk, notebook, "--json", "--allow-errors")
    assert done.returncode == 0
    assert [c["status"] for c in summary(done)["cells"]] == ["ok", "ok", "ok"]


@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "while True: pass"])
def test_timeout(husk: Husk, tmp_path: Path, code: str) -> None:
    """A cell that takes too long is interrupted, and fails."""
    notebook = write(tmp_path / "n.ipynb", code, "print('never')")
    start = time.monotonic()
    done = run(husk, notebook, "--timeout", "1s", "--json")
    assert time.monotonic() - start < 10
    assert done.returncode == 1
    assert [c["status"] for c in summary(done)["cells"]] == ["timeout"]


def test_timeout_of_a_cell_that_does_not_heed(husk: Husk, tmp_path: Path) -> None:
    """It ends with its kernel."""
    code = "import time\nwhile True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass"
    start = time.monotonic()
    done = run(husk, write(tmp_path / "n.ipynb", code), "--timeout", "1s")
    assert time.monotonic() - start < 20
    assert done.returncode == 1


def test_python_file(husk: Husk, tmp_path: Path) -> None:
    """Cells are what stands between `# %%` lines."""
    path = tmp_path / "script.py"
    path.write_text("x = 20\n# %%\nprint(x + 1)\n# %% [markdown]\n# some *text*\n# %%\nx * 2\n")
    done = run(husk, path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [c["status"] for c in summary(done)["cells"]] == ["ok"] * 3
    assert "\n21\n" in run(husk, path).stdout


def test_python_file_without_cells(husk: Husk, tmp_path: Path) -> None:
    """The whole file is one."""
    path = tmp_path / "script.py"
    path.write_text("import os\nprint('in', os.getcwd())\n")
    done = run(husk, path)
    assert done.returncode == 0
    assert f"in {tmp_path}\n" in done.stdout


def test_death_of_the_interpreter(husk: Husk, tmp_path: Path) -> None:
    """The replay ends, and says of what."""
    notebook = write(tmp_path / "n.ipynb", "print('before', flush=True)\nimport os; os._exit(3)")
    done = run(husk, notebook)
    assert done.returncode == 1
    assert "before\n" in done.stdout
    assert "The interpreter ended with exit status 3." in done.stdout + done.stderr


def test_sandbox_is_private_to_the_replay(husk: Husk, tmp_path: Path) -> None:
    """Two replays share nothing but the folder."""
    write(tmp_path / "one.ipynb", "open('/tmp/left', 'w').close(); open('here', 'w').close()")
    two = write(
        tmp_path / "two.ipynb",
        "import os; assert not os.path.exists('/tmp/left')\nassert os.path.exists('here')",
    )
    assert run(husk, tmp_path / "one.ipynb").returncode == 0
    assert run(husk, two).returncode == 0


def test_end_of_the_terminal(husk: Husk, tmp_path: Path) -> None:
    """A replay whose process is told to end leaves nothing."""
    own = husk.with_state(husk.state.parent / "term")
    notebook = write(tmp_path / "n.ipynb", "import time\nopen('up', 'w').close()\ntime.sleep(60)")
    before = set(husk_processes())
    with subprocess.Popen(
        own.command("run", notebook, "--python", own.python),
        cwd=tmp_path,
        env=own.environment,
        stdout=subprocess.DEVNULL,
    ) as process:
        wait_until((tmp_path / "up").exists, 20, "start of the cell")
        os.kill(process.pid, signal.SIGTERM)
        process.wait(5)
    wait_until(lambda: not husk_processes().keys() - before, 5, "end of all processes")


# ---- The other verbs


def test_doctor(husk: Husk) -> None:
    """What the machine offers; and as JSON."""
    done = husk.run("doctor", "--python", husk.python)
    assert done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    done = husk.run("doctor", "--json", "--python", husk.python)
    assert isinstance(json.loads(done.stdout), dict)


def test_install(husk: Husk, tmp_path: Path) -> None:
    """A kernelspec that Jupyter accepts, with logos."""
    done = husk.run("install", "--prefix", tmp_path, "--python", husk.python)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "share/jupyter/kernels/husk-python"
    spec = json.loads((folder / "kernel.json").read_text())
    assert spec["display_name"] == "Python 3 (Husk)"
    assert spec["language"] == "python"
    assert spec["interrupt_mode"] == "message"
    assert "{connection_file}" in spec["argv"]
    assert Path(spec["argv"][0]).is_absolute()
    assert {"logo-32x32.png", "logo-64x64.png"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("option", ["--user", "--sys-prefix"])
def test_install_elsewhere(husk: Husk, tmp_path: Path, option: str) -> None:
    """Into a person's folder, or an environment's."""
    data = tmp_path / "data"
    subprocess.run([husk.python, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    done = husk.with_env(JUPYTER_DATA_DIR=str(data)).run(
        "install", option, "--python", tmp_path / "env/bin/python3", "--name", "mine"
    )
    assert (done.returncode, done.stderr) == (0, "")
    folder = data if option == "--user" else tmp_path / "env/share/jupyter"
    assert (folder / "kernels/mine/kernel.json").is_file()


VALUES = {
    "7": "7",
    "007": "7",
    "-3": "-3",
    "2.5e3": "2500.0",
    "inf": "inf",
    "True": "True",
    "None": "None",
    "a b": "'a b'",
    'q"\\': "'q\"\\\\'",
    "line\nnext": "'line\\nnext'",
    "é🐚": "'é🐚'",
    "--flag": "'--flag'",
    "1_000": "'1_000'",
    "": "''",
}


@pytest.mark.parametrize(("text", "shown"), VALUES.items(), ids=[repr(v) for v in VALUES])
def test_parameters(husk: Husk, tmp_path: Path, text: str, shown: str) -> None:
    """They replace the defaults; numbers are numbers and texts are texts."""
    defaults = new_code_cell("value = 'default'\nother = 1", metadata={"tags": ["parameters"]})
    path = write(tmp_path / "book.ipynb", "import math", defaults, "(value, other)")
    written = tmp_path / "written.ipynb"
    for source in (path, written):
        done = run(husk, source, "-p", "value", text, "-p", "other", "5", "--output", written)
        assert done.returncode == 0, done.stderr
        result = nbformat.read(written, 4)
        nbformat.validate(result)
        assert [c.metadata.get("tags") for c in result.cells] == [
            None,
            ["parameters"],
            ["injected-parameters"],
            None,
        ]
        assert result.cells[3].outputs[0].data["text/plain"] == f"({shown}, 5)"


def test_parameters_without_a_place(husk: Husk, tmp_path: Path) -> None:
    """They come first, and a user is told; a name that is none is refused."""
    path = tmp_path / "file.py"
    path.write_text("print(value)")
    done = run(husk, path, "-p", "value", "set")
    assert (done.returncode, "set" in done.stdout) == (0, True)
    assert "no cell is tagged parameters" in done.stderr
    done = run(husk, path, "-p", "not a name", "1")
    assert done.returncode == 2
    assert "NAME" in one_line(done.stderr)


def test_display_of_an_earlier_cell(husk: Husk, tmp_path: Path) -> None:
    """What a later cell makes of it is what is stored and compared."""
    path = write(
        tmp_path / "book.ipynb",
        "handle = display('not yet', display_id=True)",
        "handle.update('done')",
    )
    written = tmp_path / "written.ipynb"
    assert run(husk, path, "--output", written).returncode == 0
    assert nbformat.read(written, 4).cells[0].outputs[0].data["text/plain"] == "'done'"
    assert run(husk, written, "--check").returncode == 0
    book = nbformat.read(written, 4)
    book.cells[0].outputs[0].data["text/plain"] = "'not yet'"
    nbformat.write(book, written)
    done = run(husk, written, "--check", "--json")
    assert done.returncode == 1
    assert [cell["status"] for cell in summary(done)["cells"]] == ["differs", "ok"]
