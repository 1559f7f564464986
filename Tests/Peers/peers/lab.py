"""A real JupyterLab, and its pages in a real browser."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import URLError

import nbformat
from playwright.sync_api import Locator, Page, expect

from peers.waiting import wait_until

PATIENCE = 30_000
"""Milliseconds that the browser is given for anything."""


class Lab:
    """A JupyterLab server with a folder of its own, on the loopback device."""

    def __init__(
        self, folder: Path, env: dict[str, str], options: Mapping[str, object] | None = None
    ) -> None:
        self.folder = folder / "notebooks"
        self.folder.mkdir()
        # Nobody is there to answer whether to fetch news, and the question hides a corner.
        quiet = folder / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
        quiet.parent.mkdir(parents=True)
        quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
        self._log = folder / "lab.log"
        self._token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        home = {
            "HOME": str(folder),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "JUPYTER_PREFER_ENV_PATH": "0",
        }
        settings: dict[str, object] = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self._port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.folder,
            "IdentityProvider.token": self._token,
            "LabApp.news_url": "None",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        } | dict(options or {})
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                cwd=self.folder,
                env=os.environ | env | home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, 60, "JupyterLab")

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(f"{self._url}/api", timeout=5):
                return True
        except URLError:
            return False

    def write(self, name: str, kernel: str, cells: Sequence[str]) -> Path:
        """Writes a notebook for a kernel."""
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        book.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
        path = self.folder / f"{name}.ipynb"
        nbformat.write(book, path)
        return path

    def url(self, name: str) -> str:
        """The address of a notebook, alone in a workspace of its own."""
        return f"{self._url}/lab/workspaces/{name}/tree/{name}.ipynb?token={self._token}"

    def stop(self) -> None:
        """Ends the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class NotebookPage:
    """An open notebook, as its user sees it."""

    def __init__(self, page: Page, pictures: Path) -> None:
        self._pictures = pictures
        self.page = page
        self.page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)

    def reopen(self, url: str) -> None:
        """Closes the page and opens it in another window, whatever its kernel does."""
        browser, size = self.page.context.browser, self.page.viewport_size
        assert browser is not None
        self.page.close()
        self.page = browser.new_page(viewport=size)
        self.page.set_default_timeout(PATIENCE)
        self.page.goto(url)

    def open(self, url: str) -> None:
        """Opens it, and waits until its kernel has said what it can: no cell runs before that."""
        self.page.goto(url)
        expect(self.page.locator(".jp-DebuggerBugButton[aria-disabled='false']")).to_be_visible()
        self.wait_idle()

    def picture(self, name: str) -> None:
        """Keeps a picture of how it looks now."""
        self.page.screenshot(path=self._pictures / f"{name}.png")

    def wait_idle(self) -> None:
        """Waits until the kernel rests."""
        indicator = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
        expect(indicator.first).to_be_visible()

    def cell(self, number: int) -> Locator:
        """A cell, from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def output(self, number: int) -> Locator:
        """What a cell shows."""
        return self.cell(number).locator(".jp-OutputArea-output")

    def prompt(self, number: int) -> Locator:
        """A cell's number in brackets."""
        return self.cell(number).locator(".jp-InputPrompt")

    def edit(self, number: int) -> Locator:
        """Puts the cursor at the end of a cell."""
        editor = self.cell(number).locator(".cm-content")
        editor.click()
        self.page.keyboard.press("Control+End")
        return editor

    def run(self, number: int) -> None:
        """Runs a cell from the keyboard."""
        self.edit(number)
        self.page.keyboard.press("Control+Enter")

    def command(self, name: str) -> None:
        """Presses the button of the notebook's toolbar that runs a command."""
        self.page.locator(f".jp-NotebookPanel-toolbar [data-command='{name}']").first.click()

    def menu(self, menu: str, entry: str) -> None:
        """Chooses an entry of the main menu."""
        self.page.locator(".lm-MenuBar-item", has_text=menu).first.click()
        # Until the notebook's session is there the entry is, but does nothing.
        self.page.locator(".lm-Menu-item:not(.lm-mod-disabled)", has_text=entry).first.click()

    def accept(self) -> None:
        """Accepts the dialog."""
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
