"""Calls that are allowed, with arguments that are not; and other ways into the kernel."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import termios

from attacks.definition import OTHERWISE, Control, Group
from attacks.tools import Place, call

CONTROLS = Group("controls")

IOCTL, PERSONALITY = 16, 135
TYPE_INPUT, PASTE, DISCIPLINE = 0x5412, 0x541C, 0x5423
HIGH = 1 << 32
"""A bit that the system does not look at and that a filter must not look at either."""


def own_terminal() -> int:
    """Makes a terminal and makes it the one of this process."""
    _near, far = os.openpty()
    if os.getsid(0) != os.getpid():
        os.setsid()
    fcntl.ioctl(far, termios.TIOCSCTTY, 0)
    return far


def control_terminal(here: Place, request: int, value: bytes) -> None:
    """On a terminal of one's own."""
    call(IOCTL, own_terminal(), request, value)


TERMINAL = {
    "text typed into a terminal": (TYPE_INPUT, b"x"),
    "a selection pasted into a terminal": (PASTE, b"\x03"),
    "another discipline of a terminal": (DISCIPLINE, bytes(4)),
}
for name, (request, value) in TERMINAL.items():
    for width, bits in (("", 0), (", in 64 bits", HIGH), (", in signed bits", (2**32 - 1) << 32)):
        CONTROLS.attack(
            f"{name}{width}", "EPERM ENOSYS", OTHERWISE, request=request | bits, value=value
        )(control_terminal)


PERSONALITIES = {
    "every page executable": 0x0040_0000,
    "page zero": 0x0010_0000,
    "32-bit addresses": 0x0080_0000,
    "a 32-bit process": 0x0008,
    "executable pages without randomisation": 0x0044_0000,
    "every page executable, in 64 bits": HIGH | 0x0040_0000,
}


def become(here: Place, persona: int) -> None:
    """personality(2), and back."""
    call(PERSONALITY, persona)
    call(PERSONALITY, 0)


for name, persona in PERSONALITIES.items():
    CONTROLS.attack(name, "EPERM ENOSYS", persona=persona)(become)


def run_code(code: bytes) -> int:
    """Runs machine code in a page of its own."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return int(function())


@CONTROLS.attack("the 32-bit entry", "SIGSYS", Control(outcome=None))
def enter_by_interrupt(here: Place) -> None:
    """int 0x80 with the number of getpid there."""
    run_code(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")


@CONTROLS.attack("the 32-bit entry with a number of 64 bits", "SIGSYS", Control(outcome=None))
def unshare_by_interrupt(here: Place) -> None:
    """310 is unshare there and process_vm_readv here."""
    run_code(b"\x53\xbb\x00\x00\x00\x04\xb8\x36\x01\x00\x00\xcd\x80\x5b\xc3")
