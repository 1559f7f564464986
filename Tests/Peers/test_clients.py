"""Clients that people use, with the kernel that they find installed."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.manager import start_new_async_kernel, start_new_kernel
from jupyter_client.threaded import ThreadedKernelClient, ThreadedZMQSocketChannel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from papermill.exceptions import PapermillExecutionError

from peers.console import Console

pytestmark = pytest.mark.usefixtures("jupyter_environment")


def execute(kernel: str, *cells: str, **options: Any) -> nbformat.NotebookNode:  # noqa: ANN401
    """Runs cells as nbclient does."""
    book = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(book, kernel_name=kernel, timeout=30, **options).execute()
    nbformat.validate(book)
    return book


# ---- nbclient and papermill


def test_nbclient(kernel_name: str) -> None:
    """Outputs of every kind, and the state of widgets, are in the notebook."""
    book = execute(
        kernel_name,
        "print('text')\n'result'",
        "from IPython.display import display, HTML\nh = display(HTML('one'), display_id=True)",
        "h.update(HTML('two'))",
        "import ipywidgets\nipywidgets.IntSlider(value=7)",
    )
    assert [o.output_type for o in book.cells[0].outputs] == ["stream", "execute_result"]
    assert book.cells[1].outputs[0].data["text/html"] == "two"
    state = book.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert 7 in [model["state"].get("value") for model in state.values()]


def test_nbclient_errors(kernel_name: str) -> None:
    """An error ends the run with the cell's own traceback; a tag lets it go on."""
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(kernel_name, "1 / 0", "print('never')")
    book = new_notebook(
        cells=[
            new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
            new_code_cell("print('after')"),
        ]
    )
    NotebookClient(book, kernel_name=kernel_name, timeout=30).execute()
    assert book.cells[1].outputs[0].text == "after\n"


def test_nbclient_hears_of_a_death(kernel_name: str) -> None:
    """It does not wait for a reply that nobody will send."""
    start = time.monotonic()
    with pytest.raises(DeadKernelError):
        execute(kernel_name, "import os\nos.kill(os.getpid(), 9)")
    assert time.monotonic() - start < 15


def test_papermill(kernel_name: str, tmp_path: Path) -> None:
    """Parameters are set, outputs written; a cell that fails is named."""
    source, target = str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb")
    defaults = new_code_cell("size = 1", metadata={"tags": ["parameters"]})
    book = new_notebook(cells=[defaults, new_code_cell("print(size * 2)")])
    book.metadata["kernelspec"] = {"name": kernel_name, "display_name": "", "language": "python"}
    nbformat.write(book, source)
    options: Any = {"kernel_name": kernel_name, "progress_bar": False}
    done = papermill.execute_notebook(source, target, {"size": 21}, **options)
    assert done.cells[-1].outputs[0].text == "42\n"
    with pytest.raises(PapermillExecutionError, match="unsupported operand"):
        papermill.execute_notebook(source, target, {"size": {}}, **options)


# ---- jupyter_client


def test_blocking_client(kernel_name: str) -> None:
    """Its hooks get the outputs, and its questions their answers."""
    manager, client = start_new_kernel(kernel_name=kernel_name)
    heard: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        heard.append(message["msg_type"])

    def answer(message: dict[str, Any]) -> None:
        assert message["content"]["prompt"] == "Who? "
        client.input("Ada")

    code = "print(input('Who? '))\n1"
    reply = client.execute_interactive(code, timeout=20, output_hook=hear, stdin_hook=answer)
    assert reply["content"]["status"] == "ok"
    assert [kind for kind in heard if kind != "status"] == [
        "execute_input",
        "stream",
        "execute_result",
    ]
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=20)
    assert client.execute_interactive("1", timeout=20)["content"]["execution_count"] == 1
    client.stop_channels()
    manager.shutdown_kernel()


def test_asynchronous_client(kernel_name: str) -> None:
    """Several kernels are used at once from one loop."""

    async def one(number: int) -> int:
        manager, client = await start_new_async_kernel(kernel_name=kernel_name)
        texts: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                texts.append(message["content"]["text"])

        def answer(_: dict[str, Any]) -> None:
            client.input(str(number))

        code = "print(int(input('Number? ')) ** 2)"
        await client.execute_interactive(code, timeout=20, output_hook=hear, stdin_hook=answer)
        client.stop_channels()
        await manager.shutdown_kernel()
        return int("".join(texts))

    async def all_of_them() -> list[int]:
        return list(await asyncio.gather(*(one(number) for number in range(4))))

    assert asyncio.run(all_of_them()) == [0, 1, 4, 9]


def wait_ready(manager: KernelManager) -> None:
    """Waits until a kernel answers.

    Whatever the kernel, a question is lost that is asked before the client's stdin is connected.
    """
    client = BlockingKernelClient()
    client.load_connection_info(manager.get_connection_info())
    client.start_channels()
    client.wait_for_ready(timeout=30)
    client.stop_channels()


class QueueChannel(ThreadedZMQSocketChannel):
    """A channel whose thread passes on what it hears."""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        super().__init__(*arguments)

    def call_handlers(self, msg: dict[str, Any]) -> None:
        """Runs in the channel's thread."""
        self.heard.put(msg)

    def wait_for(self, kind: str) -> dict[str, Any]:
        """Returns the content of the next message of that type."""
        while True:
            message = self.heard.get(timeout=20)
            if message["msg_type"] == kind:
                return message["content"]


class QueueClient(ThreadedKernelClient):
    """A client that reads its sockets in a thread."""

    shell_channel_class = QueueChannel
    iopub_channel_class = QueueChannel
    stdin_channel_class = QueueChannel
    control_channel_class = QueueChannel


def test_threaded_client(kernel_name: str) -> None:
    """Its thread hears outputs and questions, and sends the answers."""
    manager = KernelManager(kernel_name=kernel_name)
    manager.start_kernel()
    client = QueueClient()
    try:
        wait_ready(manager)
        client.load_connection_info(manager.get_connection_info())
        client.start_channels()
        client.kernel_info()
        assert client.shell_channel.wait_for("kernel_info_reply")["status"] == "ok"
        client.execute("print(input('Who? '))", allow_stdin=True)
        assert client.stdin_channel.wait_for("input_request")["prompt"] == "Who? "
        client.input("Ada")
        assert client.iopub_channel.wait_for("stream")["text"] == "Ada\n"
        assert client.shell_channel.wait_for("execute_reply")["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


# ---- jupyter console


@pytest.fixture
def console(kernel_name: str, tmp_path: Path) -> Iterator[Console]:
    """A console with a kernel of its own."""
    opened = Console(tmp_path, "--kernel", kernel_name)
    yield opened
    opened.close()


def test_console(console: Console) -> None:
    """Cells, results, blocks that go on, errors, questions, interrupts."""
    console.run("6 * 7")
    console.expect(r"Out\[.*1.*\]: .*42", r"In \[.*2.*\]: ")
    console.run("for n in range(2):")
    console.expect(r"\.\.\.: ")
    console.run("print('line', n)")
    console.run("")
    console.expect("line 0", "line 1", r"In \[.*3.*\]: ")
    console.run("1 / 0")
    console.expect("ZeroDivisionError", r"In \[.*4.*\]: ")
    console.run("print('Hello', input('W' + 'ho? '))")
    console.expect(r"Who\? ")
    console.run("Ada")
    console.expect(r"[\r\n]Hello Ada", r"In \[.*5.*\]: ")
    console.run("import time; print('armed'); time.sleep(60)")
    console.expect(r"[^']armed\r")
    console.interrupt()
    console.expect("KeyboardInterrupt", r"In \[.*6.*\]: ")
    console.run("print('after')")
    console.expect(r"[^']after\r", r"In \[.*7.*\]: ")


def test_console_completes(console: Console) -> None:
    """Tab completes names of the kernel's."""
    console.run("unmistakable = 'found it'")
    console.expect(r"In \[.*2.*\]: ")
    console.type("unmist\t")
    console.expect("unmistakable")
    console.run("")
    console.expect("found it", r"In \[.*3.*\]: ")


def test_console_shows_documentation(console: Console) -> None:
    """A question mark shows what the kernel knows of a name."""
    console.run("def shell(size): 'Makes a husk of a size.'")
    console.run("")
    console.expect(r"In \[.*2.*\]: ")
    console.run("shell?")
    console.expect("Signature:", "Makes a husk of a size", r"In \[.*3.*\]: ")


def test_console_remembers(kernel_name: str, tmp_path: Path) -> None:
    """Arrow-up brings the line of a console that has ended, which only its kernel has kept."""
    first = Console(tmp_path, "--kernel", kernel_name)
    first.run("print('remember', 6 * 7)")
    first.expect("remember 42", r"In \[.*2.*\]: ")
    first.close()
    second = Console(tmp_path, "--kernel", kernel_name)
    second.type("\x1b[A")
    second.expect(r"remember.*6.*\*.*7")
    second.run("")
    second.expect("remember 42", r"In \[.*2.*\]: ")
    second.close()


# ---- qtconsole


def test_qtconsole_client(kernel_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its channels are Qt's, and hear everything."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    from qtconsole.manager import QtKernelManager
    from qtpy.QtCore import QCoreApplication, QEventLoop, QTimer

    application = QCoreApplication.instance() or QCoreApplication([])
    manager = QtKernelManager(kernel_name=kernel_name)
    manager.start_kernel()
    wait_ready(manager)
    client = manager.client()
    client.start_channels()
    loop = QEventLoop()
    texts: list[str] = []
    replies: dict[str, dict[str, Any]] = {}
    QTimer.singleShot(30_000, loop.quit)

    def end_when_complete() -> None:
        if texts and "inspect_reply" in replies:
            loop.quit()

    def hear(message: dict[str, Any]) -> None:
        if message["header"]["msg_type"] == "stream":
            texts.append(message["content"]["text"])
            end_when_complete()

    def answer(_: dict[str, Any]) -> None:
        client.input("Ada")

    def receive(message: dict[str, Any]) -> None:
        replies[message["header"]["msg_type"]] = message["content"]
        if message["header"]["msg_type"] == "kernel_info_reply":
            client.execute("print(input('Who? '))", allow_stdin=True)
            client.complete("impor", 5)
            client.inspect("len", 3)
        end_when_complete()

    client.iopub_channel.message_received.connect(hear)
    client.stdin_channel.message_received.connect(answer)
    client.shell_channel.message_received.connect(receive)
    client.kernel_info()
    try:
        loop.exec()
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    assert application is not None
    assert "".join(texts) == "Ada\n"
    assert replies["execute_reply"]["status"] == "ok"
    assert "import" in replies["complete_reply"]["matches"]
    assert "len" in replies["inspect_reply"]["data"]["text/plain"]
