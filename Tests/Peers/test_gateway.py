"""JupyterLab and Jupyter Server in front of `husk serve`, which has the kernels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from peers.lab import Lab, NotebookPage
from peers.server import Server

pytestmark = [pytest.mark.husk, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def lab(
    server: Server, tmp_path_factory: pytest.TempPathFactory, jupyter_environment: dict[str, str]
) -> Iterator[Lab]:
    """A JupyterLab that has no kernels of its own."""
    options = {"GatewayClient.url": server.url, "GatewayClient.auth_token": server.token}
    lab = Lab(tmp_path_factory.mktemp("lab"), jupyter_environment, options)
    yield lab
    lab.stop()


@pytest.fixture
def notebook(
    lab: Lab, browser: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[NotebookPage]:
    """A notebook whose cells show what there is; a picture of it is kept."""
    name = re.sub(r"\W+", "-", f"gateway-{request.node.name}")
    lab.write(
        name,
        "python3",
        [
            "print('to the screen')",
            "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);",
            "import pandas as pd\npd.DataFrame({'n': [1, 2], 'square': [1, 4]})",
            "import time\nprint('waiting')\ntime.sleep(60)",
            "x = 'kept'",
            "print(x)",
        ],
    )
    pictures = Path(os.environ.get("HUSK_ARTIFACTS", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    page = NotebookPage(browser.new_page(viewport={"width": 1200, "height": 900}), pictures)
    page.open(lab.url(name))
    yield page
    page.picture(name)
    page.page.close()


def test_lab(notebook: NotebookPage, lab: Lab, server: Server) -> None:
    """Text, a picture, a table; an interrupt; a page that is loaded again; a restart."""
    notebook.menu("Run", "Run All Cells")
    expect(notebook.output(0)).to_have_text("to the screen\n")
    expect(notebook.output(1).locator("img")).to_be_visible()
    expect(notebook.output(2).locator("table")).to_contain_text("square")
    expect(notebook.output(3)).to_have_text("waiting\n")
    notebook.command("notebook:interrupt-kernel")
    expect(notebook.output(3).last).to_contain_text("KeyboardInterrupt")
    notebook.run(4)
    expect(notebook.prompt(4)).to_have_text("[5]:")
    notebook.page.reload()
    notebook.wait_idle()
    notebook.run(5)
    expect(notebook.output(5)).to_have_text("kept\n")
    notebook.command("notebook:restart-kernel")
    notebook.accept()
    notebook.wait_idle()
    notebook.run(5)
    expect(notebook.output(5)).to_contain_text("NameError")
    notebook.run(0)
    expect(notebook.prompt(0)).to_have_text("[2]:")
