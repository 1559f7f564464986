"""The example notebooks with other tools and beside ipykernel; test_run.py replays them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from peers.husk import ROOT, Husk

pytestmark = [pytest.mark.husk, pytest.mark.timeout(180)]

NOTEBOOKS = sorted((ROOT / "Notebooks").glob("*.ipynb"))

EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
source, target = sys.argv[1:]
book = nbformat.read(source, 4)
NotebookClient(book, kernel_name="python3", timeout=60).execute()
nbformat.write(book, target)
"""


def test_there_are_enough() -> None:
    """Each is a valid notebook with names that tell its cells apart."""
    assert len(NOTEBOOKS) >= 12
    for path in NOTEBOOKS:
        book = nbformat.read(path, 4)
        nbformat.validate(book)
        assert book.cells[0].cell_type == "markdown"


def test_nbval(kernel_name: str, jupyter_environment: dict[str, str]) -> None:
    """nbval compares every output literally."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval"),
            *("--nbval-kernel-name", kernel_name, str(ROOT / "Notebooks")),
        ],
        cwd=ROOT,
        env=jupyter_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_same_as_ipykernel(
    husk: Husk, jupyter_environment: dict[str, str], notebook: Path, tmp_path: Path
) -> None:
    """What ipykernel shows Husk shows; cells tagged husk are about what only Husk has."""
    for attempt in range(3):
        executed = tmp_path / f"{attempt}-{notebook.name}"
        execute_by_ipykernel(notebook, executed, jupyter_environment, tmp_path)
        done = husk.run(
            *("run", executed, "--python", husk.python, "--check"), cwd=tmp_path, timeout=100
        )
        # ipykernel does not wait for the thread that reads what its children print.
        if done.returncode == 0 or "subprocess" not in notebook.read_text():
            break
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


def execute_by_ipykernel(
    notebook: Path, executed: Path, environment: dict[str, str], folder: Path
) -> None:
    """Lets ipykernel make the outputs of a notebook."""
    # ipykernel does not hear its children's output when it finds itself in a test of pytest's.
    env = {k: v for k, v in environment.items() if k != "PYTEST_CURRENT_TEST"}
    subprocess.run(
        [sys.executable, "-c", EXECUTE, notebook, executed],
        cwd=folder,
        env=env | {"IPYTHONDIR": str(folder / "ipython")},
        check=True,
        capture_output=True,
    )
    book = nbformat.read(executed, 4)
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        if "husk" in tags:
            cell.metadata["tags"] = [*tags, "husk-ignore-output"]
    nbformat.write(book, executed)
