"""What a terminal obeys, and where somebody else's text comes out."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

ESCAPES = {
    "a colour": "\x1b[31m",
    "a title": "\x1b]0;title\x07",
    "a clipboard": "\x1b]52;c;Zm9yZ2Vk\x07",
    "a link": "\x1b]8;;file:///etc/passwd\x1b\\",
    "a device": "\x1bP$q q\x1b\\",
    "an empty screen": "\x1b[2J\x1b[H",
    "a question to the terminal": "\x1b[6n\x1b[c",
    "one byte for two": "\x9b2J",
    "a step back": "\x08\x08\x08",
    "a line": "\nhusk: forged",
    "a return": "\rhusk: forged",
}
"""Text that does more than to be seen."""


def commands(text: str, colours: bool = False) -> list[str]:
    """Every character in a text that a terminal obeys; line ends and tabs are none."""
    return CONTROL.findall(COLOUR.sub("", text) if colours else text)


def on_terminal(
    command: list[str], cwd: Path, env: Mapping[str, str], timeout: float = 40
) -> tuple[int, str]:
    """Runs a program whose output is a terminal; returns its status and what it shows."""
    near, far = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env) | {"TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=far,
        stderr=far,
        start_new_session=True,
    )
    os.close(far)
    shown = b""
    # A terminal whose last writer has gone is an error to read.
    try:
        while part := os.read(near, 65_536):
            shown += part
    except OSError:
        pass
    finally:
        os.close(near)
    return process.wait(timeout), shown.decode("utf-8", "replace").replace("\r\n", "\n")
