"""The processes of a kernel, as the machine sees them."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from peers.waiting import wait_until
from peers.wire import Client


def keeper_of(state: Path) -> int | None:
    """Process identifier of the keeper that serves a state directory."""
    # The undertaker runs the same program with the same words.
    for process in psutil.process_iter(["cmdline", "name"]):
        words = process.info["cmdline"] or []
        if str(state) in words and process.info["name"] == "husk-keeper":
            return process.pid
    return None


def end_keeper(state: Path) -> None:
    """Ends the keeper of a state directory, and with it whatever a failed test left running."""
    keeper = keeper_of(state)
    if keeper is None:
        return
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: keeper_of(state) is None, 5, "end of the keeper")


def descendants(pid: int) -> list[psutil.Process]:
    """All processes below one; none when it has ended."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def program(pid: int) -> str:
    """Path of the file that a process executes; empty when it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def namespace(pid: int | str) -> str:
    """Name of a process's pid namespace, such as `pid:[4026531836]`; empty when it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def in_namespace(name: str) -> dict[int, int]:
    """Processes in a pid namespace: from their number inside to their number here."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or namespace(entry.name) != name:
            continue
        try:
            lines = (entry / "status").read_text().splitlines()
        except OSError:
            continue
        numbers = next(line for line in lines if line.startswith("NSpid:")).split()[1:]
        found[int(numbers[-1])] = int(entry.name)
    return found


def is_alive(pid: int) -> bool:
    """Tells whether a process exists and has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_left(pid: int) -> bool:
    """Tells whether a process exists; one that has ended and that init has yet to reap does not."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE or process.ppid() != 1
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True)
class Place:
    """Where an interpreter is: its own number in its sandbox, and the sandbox's pid namespace."""

    inside: int
    namespace: str

    @property
    def processes(self) -> dict[int, int]:
        """All processes of the sandbox: from their number inside to their number here."""
        return in_namespace(self.namespace)

    @property
    def interpreter(self) -> int:
        """The interpreter's number here."""
        return self.processes[self.inside]

    @property
    def first(self) -> int:
        """The number here of the sandbox's PID 1."""
        return self.processes[1]


def place_of(client: Client) -> Place:
    """Asks an interpreter where it is."""
    code = "import os; print(os.getpid(), os.readlink('/proc/self/ns/pid'))"
    inside, name = client.run_ok(code, store_history=False).stdout.split()
    return Place(int(inside), name)


def husk_processes() -> dict[int, str]:
    """Every process of a Husk on this machine, or in a sandbox of one, and what it is."""
    own = namespace("self")
    found: dict[int, str] = {}
    for process in psutil.process_iter(["name", "cmdline"]):
        name, words = process.info["name"] or "", process.info["cmdline"] or []
        other = namespace(process.pid)
        is_husk = name.startswith("husk") or (words and "husk" in Path(words[0]).name)
        if is_husk or (other and other != own):
            found[process.pid] = f"{name} {words} {other}"
    return found
