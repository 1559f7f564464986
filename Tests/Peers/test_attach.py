"""`husk attach`: a terminal at a kernel of the server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pexpect
import pytest

from peers.fixtures import served_kernel
from peers.server import Server, is_idle

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]


kernel = served_kernel


@pytest.fixture
def terminal(server: Server, kernel: str) -> Iterator[pexpect.spawn[str]]:
    """Somebody at a terminal."""
    command, *arguments = server.husk.command("attach", kernel)
    child = pexpect.spawn(
        command, arguments, env=server.husk.environment, encoding="utf-8", timeout=20, echo=False
    )
    child.expect_exact("In [1]: ")
    yield child
    child.close(force=True)


def piped(server: Server, kernel: str, text: str) -> subprocess.CompletedProcess[str]:
    """What comes of cells from a pipe."""
    return subprocess.run(
        server.husk.command("attach", kernel),
        env=server.husk.environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_cells(terminal: pexpect.spawn[str]) -> None:
    """A cell is run once it is whole, and shows what it shows."""
    terminal.sendline("x = 20")
    terminal.expect_exact("In [2]: ")
    terminal.sendline("for n in range(2):")
    terminal.expect_exact("   ...: ")
    terminal.sendline("    print('n is', n)")
    terminal.expect_exact("   ...: ")
    terminal.sendline("")
    terminal.expect_exact("n is 0\r\nn is 1")
    terminal.sendline("x + 1")
    terminal.expect_exact("21")
    terminal.sendline("1 / 0")
    terminal.expect_exact("ZeroDivisionError")
    terminal.sendline("print('\\x1b]0;title\\x07')")
    terminal.expect_exact("\u241b]0;title\ufffd")


def test_input(terminal: pexpect.spawn[str]) -> None:
    """A cell that asks gets the line; a password is not shown."""
    terminal.sendline("name = input('name? ')")
    terminal.expect_exact("name? ")
    terminal.sendline("Ada")
    terminal.expect_exact("In [2]: ")
    terminal.sendline("import getpass; word = getpass.getpass('word? ')")
    terminal.expect_exact("word? ")
    terminal.sendline("secret")
    terminal.expect_exact("In [3]: ")
    assert "secret" not in terminal.before
    terminal.sendline("print(name, len(word))")
    terminal.expect_exact("Ada 6")


def test_interrupt(terminal: pexpect.spawn[str]) -> None:
    """Ctrl-C ends the cell, and then what is typed."""
    terminal.sendline("print('on'); import time; time.sleep(60)")
    terminal.expect_exact("on\r\n")
    terminal.sendintr()
    terminal.expect_exact("KeyboardInterrupt")
    terminal.expect_exact("In [2]: ")
    terminal.sendline("if True:")
    terminal.expect_exact("   ...: ")
    terminal.sendintr()
    terminal.expect_exact("In [2]: ")
    terminal.sendline("print(3)")
    terminal.expect_exact("3")


def test_others_are_seen(server: Server, kernel: str, terminal: pexpect.spawn[str]) -> None:
    """What another client runs, and what that prints."""
    other = server.channels(kernel)
    list(other.until(is_idle(other.execute("print('from', 'afar')"))))
    terminal.expect_exact("print('from', 'afar')")
    terminal.expect_exact("from afar")
    other.close()


def test_leaving(server: Server, kernel: str, terminal: pexpect.spawn[str]) -> None:
    """The kernel goes on, with its variables."""
    terminal.sendline("kept = 7")
    terminal.expect_exact("In [2]: ")
    terminal.sendeof()
    terminal.expect(pexpect.EOF)
    assert piped(server, kernel, "print(kept)").stdout == "7\n"


def test_end_of_the_kernel(server: Server, kernel: str, terminal: pexpect.spawn[str]) -> None:
    """It is said, with the reason."""
    terminal.sendline("import os; os.kill(os.getpid(), 11)")
    terminal.expect_exact("SIGSEGV")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.exitstatus == 1


def test_pipe(server: Server, kernel: str) -> None:
    """Cells one after the other; the last one decides what the status is."""
    done = piped(server, kernel, "x = 1\nfor n in range(3):\n    x += n\n\nprint(x)\n")
    assert (done.returncode, done.stdout) == (0, "4\n")
    assert piped(server, kernel, "if x:\n    print('end')").stdout == "end\n"
    failed = piped(server, kernel, "1 / 0\n")
    assert failed.returncode == 1
    assert "ZeroDivisionError" in failed.stdout


def test_no_kernel(server: Server) -> None:
    """One line says what to do."""
    done = piped(server, "nope", "")
    assert done.returncode == 1
    assert "husk ps" in done.stderr
    alone = server.husk.with_state(server.husk.state.parent / "nobody")
    done = subprocess.run(
        alone.command("attach", "x"),
        env=alone.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "husk serve" in done.stderr
