"""JupyterLab in a browser: what a person does with a notebook."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from peers.lab import Lab, NotebookPage
from peers.waiting import wait_until

pytestmark = pytest.mark.timeout(120)

OpenNotebook = Callable[..., NotebookPage]


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory, jupyter_environment: dict[str, str]
) -> Iterator[Lab]:
    """One JupyterLab for the module."""
    server = Lab(tmp_path_factory.mktemp("lab"), jupyter_environment)
    yield server
    server.stop()


@pytest.fixture
def open_notebook(
    lab: Lab,
    browser: Browser,
    kernel_name: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[OpenNotebook]:
    """Opens a notebook of these cells; keeps a picture of how it looked in the end."""
    pages: list[NotebookPage] = []
    pictures = Path(os.environ.get("HUSK_ARTIFACTS", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", request.node.name)

    def open_one(*cells: str) -> NotebookPage:
        lab.write(name, kernel_name, cells)
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        notebook = NotebookPage(page, pictures)
        pages.append(notebook)
        notebook.open(lab.url(name))
        return notebook

    yield open_one
    for notebook in pages:
        notebook.picture(name)
        notebook.page.close()


def test_run_all(open_notebook: OpenNotebook) -> None:
    """Streams, results, pictures, errors: each in its place."""
    notebook = open_notebook(
        "print('to the screen')",
        "6 * 7",
        "from IPython.display import HTML\nHTML('<b class=\"mine\">bold</b>')",
        "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);",
        "import sys\nprint('warned', file=sys.stderr)",
        "1 / 0",
    )
    notebook.menu("Run", "Run All Cells")
    expect(notebook.output(0)).to_have_text("to the screen\n")
    expect(notebook.output(1)).to_have_text("42")
    expect(notebook.output(2).locator("b.mine")).to_have_text("bold")
    expect(notebook.output(3).locator("img")).to_be_visible()
    expect(notebook.output(4)).to_have_attribute("data-mime-type", re.compile("stderr"))
    expect(notebook.output(5)).to_contain_text("ZeroDivisionError: division by zero")
    expect(notebook.prompt(5)).to_have_text("[6]:")


def test_completion(open_notebook: OpenNotebook) -> None:
    """Tab offers what fits, and Enter takes it."""
    notebook = open_notebook("import math", "math.sqr")
    notebook.run(0)
    expect(notebook.prompt(0)).to_have_text("[1]:")
    editor = notebook.edit(1)
    notebook.page.keyboard.press("Tab")
    items = notebook.page.locator(".jp-Completer-item")
    expect(items.filter(has_text="sqrt")).to_be_visible()
    notebook.page.keyboard.press("Enter")
    expect(editor).to_have_text("math.sqrt")


def test_tooltip(open_notebook: OpenNotebook) -> None:
    """Shift-Tab shows the documentation of what the cursor stands in."""
    notebook = open_notebook("def shell(size):\n    '''Makes a husk of a size.'''", "shell(")
    notebook.run(0)
    expect(notebook.prompt(0)).to_have_text("[1]:")
    notebook.edit(1)
    notebook.page.keyboard.press("Shift+Tab")
    expect(notebook.page.locator(".jp-Tooltip")).to_contain_text("Makes a husk of a size.")


def test_slider(open_notebook: OpenNotebook) -> None:
    """A widget that is moved in the browser is moved in the kernel, whose answer is shown."""
    notebook = open_notebook(
        "import ipywidgets as w\n"
        "slider, label = w.IntSlider(value=3, max=9), w.Label()\n"
        "def show(change): label.value = f'squared {change.new ** 2}'\n"
        "slider.observe(show, 'value')\n"
        "w.VBox([slider, label])",
        "slider.value",
    )
    notebook.run(0)
    handle = notebook.cell(0).locator(".noUi-handle")
    handle.focus()
    for _ in range(2):
        notebook.page.keyboard.press("ArrowRight")
    expect(notebook.cell(0).locator(".widget-label", has_text="squared 25")).to_be_visible()
    notebook.run(1)
    expect(notebook.output(1)).to_have_text("5")


@pytest.mark.husk
def test_slider_while_a_cell_runs(open_notebook: OpenNotebook) -> None:
    """Subshells let widgets answer meanwhile. ipykernel 7.4.0 leaves them to the main shell."""
    notebook = open_notebook(
        "import ipywidgets as w, time\n"
        "slider, label = w.IntSlider(value=3, max=9), w.Label()\n"
        "slider.observe(lambda change: setattr(label, 'value', f'is {change.new}'), 'value')\n"
        "w.VBox([slider, label])",
        "while slider.value != 4: time.sleep(0.05)\nprint('moved')",
    )
    notebook.run(0)
    notebook.cell(0).locator(".noUi-handle").wait_for()
    notebook.run(1)
    expect(notebook.prompt(1)).to_have_text("[*]:")
    notebook.cell(0).locator(".noUi-handle").focus()
    notebook.page.keyboard.press("ArrowRight")
    expect(notebook.cell(0).locator(".widget-label", has_text="is 4")).to_be_visible()
    expect(notebook.output(1)).to_have_text("moved\n")


def test_debugger(open_notebook: OpenNotebook) -> None:
    """A breakpoint stops the cell; its variables are shown; then it goes on."""
    notebook = open_notebook(
        "def double(number):\n    doubled = number * 2\n    return doubled\n\nprint(double(21))"
    )
    page = notebook.page
    page.locator(".jp-DebuggerBugButton").click()
    gutter = notebook.cell(0).locator(".cm-breakpoint-gutter .cm-gutterElement")
    expect(gutter.nth(5)).to_be_attached()
    gutter.nth(3).click()
    expect(gutter.nth(3).locator(".cm-breakpoint-icon")).to_be_visible()
    notebook.run(0)
    frames = page.locator(".jp-DebuggerCallstack-body li")
    expect(frames.first).to_contain_text("double")
    variables = page.locator(".jp-DebuggerVariables")
    expect(variables).to_contain_text("doubled")
    expect(variables).to_contain_text("42")
    notebook.picture("test_debugger-stopped")
    page.locator("[data-command='debugger:continue']").first.click()
    expect(notebook.output(0)).to_have_text("42\n")


def test_interrupt(open_notebook: OpenNotebook) -> None:
    """The square of the toolbar ends what runs, and the notebook goes on."""
    notebook = open_notebook("import time\nprint('armed')\ntime.sleep(60)", "print('after')")
    notebook.run(0)
    expect(notebook.output(0).first).to_have_text("armed\n")
    notebook.command("notebook:interrupt-kernel")
    expect(notebook.output(0).last).to_contain_text("KeyboardInterrupt")
    notebook.run(1)
    expect(notebook.output(1)).to_have_text("after\n")


def test_interrupt_from_the_keyboard(open_notebook: OpenNotebook) -> None:
    """So do two strokes of I."""
    notebook = open_notebook("import time\nprint('armed')\ntime.sleep(60)")
    notebook.run(0)
    expect(notebook.output(0).first).to_have_text("armed\n")
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("i")
    notebook.page.keyboard.press("i")
    expect(notebook.output(0).last).to_contain_text("KeyboardInterrupt")


def saved_outputs(file: Path) -> list[nbformat.NotebookNode]:
    """What is saved of the first cell; nothing while JupyterLab writes, which it does in place."""
    try:
        return nbformat.read(file, 4).cells[0].outputs
    except nbformat.reader.NotJSONError:
        return []


def test_closed_while_a_cell_runs(lab: Lab, open_notebook: OpenNotebook) -> None:
    """The cell goes on without the page, which shows again what was saved, and uses the kernel.

    What a cell says while no page is open JupyterLab does not show, with any kernel.
    """
    notebook = open_notebook(
        "import os, time\nprint('before')\n"
        "while not os.path.exists('page-is-back'): time.sleep(0.05)\n"
        "kept = 5",
        "print('kept is', kept)",
    )
    name = "test_closed_while_a_cell_runs"
    file = lab.folder / f"{name}.ipynb"
    notebook.run(0)
    expect(notebook.output(0)).to_have_text("before\n")
    notebook.page.keyboard.press("Control+s")
    wait_until(lambda: saved_outputs(file), 30, "output in the saved notebook")
    notebook.reopen(lab.url(name))
    expect(notebook.output(0)).to_have_text("before\n")
    (lab.folder / "page-is-back").touch()
    notebook.run(1)
    expect(notebook.output(1)).to_have_text("kept is 5\n")
    expect(notebook.prompt(1)).to_have_text("[2]:")


def test_restart(open_notebook: OpenNotebook) -> None:
    """A restarted kernel has no variables and counts from one."""
    notebook = open_notebook("kept = 1\nprint('ran')", "kept")
    notebook.run(0)
    notebook.run(0)
    expect(notebook.prompt(0)).to_have_text("[2]:")
    notebook.command("notebook:restart-kernel")
    notebook.accept()
    notebook.wait_idle()
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("NameError: name 'kept' is not defined")
    expect(notebook.prompt(1)).to_have_text("[1]:")


def test_input(open_notebook: OpenNotebook) -> None:
    """A question is answered in the cell's own field."""
    notebook = open_notebook("name = input('Who? ')\nprint('Hello', name)")
    notebook.run(0)
    field = notebook.cell(0).locator(".jp-Stdin-input")
    field.fill("Ada")
    field.press("Enter")
    expect(notebook.output(0).last).to_have_text("Hello Ada\n")
