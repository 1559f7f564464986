"""What every attack has at hand: the text of this file stands before each program."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

HERE = -100
"""AT_FDCWD: names are looked up from the working folder."""


class Place:
    """What a program is told of where it runs."""

    is_inside: bool
    uid: int
    """The user outside."""
    secret: str
    """The text of a file of the host's and of a variable of the server's, reversed."""
    key: str
    """The key of a connection file, reversed."""
    canary: str
    """The path of that file."""
    shared: str
    """A folder of the host's that is mounted read-only, with a file in it."""
    nested: str
    """A folder of the work folder's that is mounted a second time."""
    layer: str
    """A folder whose changes go to a layer, with a file in it."""
    first: int
    """The process that must not be reached: PID 1 inside, a victim of the same user outside."""
    parent: int
    """The interpreter inside, that victim outside."""
    host_process: int
    """A process of the host's."""
    marker: str
    """A word in the command line of another kernel's process, reversed."""
    name: str
    """The name of the host."""
    memory: int
    """The key of shared memory of the host's that everybody may write."""
    port: int
    """A port of the host's loopback device that somebody listens on, for both families."""
    abstract: str
    """The name of an abstract socket that somebody on the host listens on."""
    sockets: list[str]
    """Paths of sockets that somebody on the host listens on."""
    device: str
    """A network device of the host's."""
    program: str
    """The program of a process, as /proc shows it."""
    pids: int
    """How many processes and threads are allowed."""

    def __init__(self, facts: dict[str, object]) -> None:
        self.__dict__.update(facts)


class StoppedError(Exception):
    """An attack came to nothing without an error of the system's."""


def stop(outcome: str) -> NoReturn:
    """Ends the attack: `absent`, `masked`, `unchanged` or the like."""
    raise StoppedError(outcome)


LIBC = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: object) -> int:
    """Makes a system call by its number; integers are passed as they are, in all 64 bits."""
    words = [
        ctypes.c_ulong(word & 2**64 - 1) if isinstance(word, int) else word for word in arguments
    ]
    LIBC.syscall.restype = ctypes.c_long
    ctypes.set_errno(0)
    outcome: int = LIBC.syscall(ctypes.c_long(number), *words)
    if outcome == -1 and (code := ctypes.get_errno()):
        raise OSError(code, os.strerror(code))
    return outcome


def libc(name: str, *arguments: object) -> int:
    """Calls a function of libc that sets errno."""
    ctypes.set_errno(0)
    outcome: int = getattr(LIBC, name)(*arguments)
    if outcome == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return outcome


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Calls mount(2)."""
    words = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags))
    libc("mount", *words, options.encode())


MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096


def bind(source: str, target: str) -> None:
    """Shows a folder or a file at a second place."""
    mount(source, target, flags=MS_BIND)


def unused(name: str) -> str:
    """A name that nothing in the work folder has, which several sandboxes may share."""
    return f"{name}-{os.urandom(8).hex()}"


def fresh(name: str) -> str:
    """Makes a new file in the work folder."""
    path = unused(name)
    with open(path, "x") as file:
        file.write("#!/bin/sh\n")
    return path


def need_set_id(path: str | int) -> None:
    """Goes on only if a file has the set-uid or the set-gid bit."""
    if not os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
        stop("unchanged")


def is_masked(path: str) -> bool:
    """Tells whether something else stands where /proc has a file."""
    return os.stat(path).st_dev != os.stat("/proc").st_dev


def mounts() -> Iterator[tuple[list[str], list[str]]]:
    """The mounts that this process sees: fields before and after the hyphen.

    proc_pid_mountinfo(5)
    """
    with open("/proc/self/mountinfo") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            yield before.split(), after.split()


def wait_for(pid: int) -> None:
    """Waits for a child, and fails as it failed: its exit status is the number of an error."""
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        stop(signal.Signals(os.WTERMSIG(status)).name)
    if code := os.WEXITSTATUS(status):
        raise OSError(code, os.strerror(code))


def main(steps: list[Callable[..., object]], values: dict[str, object]) -> None:
    """Makes an attack, the last of the steps, and prints its outcome, one line of JSON."""
    here = Place(json.loads(sys.argv[1]))
    *preparations, attack = steps
    for prepare in preparations:
        prepare(here)
    outcome: dict[str, str | None] = {"outcome": "succeeded", "errno": None}
    try:
        attack(here, **values)
    except StoppedError as error:
        outcome["outcome"] = str(error)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, str(error))
        outcome = {"outcome": "refused", "errno": name}
    print(json.dumps(outcome), flush=True)
