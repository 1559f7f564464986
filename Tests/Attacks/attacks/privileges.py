"""More rights: capabilities, identities, priorities, limits."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import struct
import subprocess

from attacks.definition import HOST, OTHERWISE, ROOT, Control, Group
from attacks.tools import Place, call, libc, stop

PRIVILEGES = Group("privileges")

PRCTL, CAPSET, SETRLIMIT, SETFSUID, TIMERFD_CREATE = 157, 126, 160, 122, 283
SCHED_SETSCHEDULER, SCHED_SETATTR, IOPRIO_SET = 144, 314, 251
SET_MM, MAP_SIZE, CAPBSET_DROP, SET_SECUREBITS, CAP_AMBIENT, AMBIENT_RAISE = 35, 14, 24, 28, 47, 2
BOOTTIME_ALARM, CAPABILITY_VERSION, CAP_SYS_ADMIN = 9, 0x2008_0522, 21
HIGH = 1 << 32
"""A bit that the system does not look at and that a filter must not look at either."""


def fields() -> dict[str, str]:
    """What /proc says of this process (proc_pid_status(5))."""
    with open("/proc/self/status") as file:
        return {key: value.strip() for key, _, value in (line.partition(":") for line in file)}


@PRIVILEGES.attack("capabilities that are there", "absent", ROOT)
def own_capabilities(here: Place) -> None:
    """In any of the five sets."""
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    if not any(int(fields()[name], 16) for name in names):
        stop("absent")


@PRIVILEGES.attack("a process without the filter", "absent")
def without_filter(here: Place) -> None:
    """Every process has it, and has given up new privileges."""
    if (fields()["Seccomp"], fields()["NoNewPrivs"]) == ("2", "1"):
        stop("absent")


@PRIVILEGES.attack("a capability set", "EPERM ENOSYS", ROOT)
def set_capability(here: Place) -> None:
    """CAP_SYS_ADMIN and no other."""
    header, wanted = struct.pack("<Ii", CAPABILITY_VERSION, 0), 1 << CAP_SYS_ADMIN
    call(CAPSET, header, struct.pack("<6I", wanted, wanted, 0, 0, 0, 0))


def control_process(here: Place, words: list[int]) -> None:
    """prctl(2)."""
    call(PRCTL, *words)


OPTIONS = {
    "the bounding set": [CAPBSET_DROP, 5, 0, 0, 0],
    "what binds a process to its capabilities": [SET_SECUREBITS, 1, 0, 0, 0],
    "what /proc says of the own memory": [SET_MM, MAP_SIZE, 0, 0, 0],
}
for name, words in OPTIONS.items():
    for width, bits in (("", 0), (", in 64 bits", HIGH)):
        values = [words[0] | bits, *words[1:]]
        PRIVILEGES.attack(f"{name}{width}", "EPERM ENOSYS", OTHERWISE, words=values)(
            control_process
        )


@PRIVILEGES.attack("an ambient capability", "EPERM ENOSYS EINVAL", OTHERWISE)
def raise_ambient(here: Place) -> None:
    """One that a new program would have."""
    if not here.is_inside:
        wanted = struct.pack(
            "<6I", 1 << CAP_SYS_ADMIN, 1 << CAP_SYS_ADMIN, 1 << CAP_SYS_ADMIN, 0, 0, 0
        )
        call(CAPSET, struct.pack("<Ii", CAPABILITY_VERSION, 0), wanted)
    call(PRCTL, CAP_AMBIENT, AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0)


# ---- Identities

IDENTITIES = {
    "setuid": (105, [0]),
    "setgid": (106, [0]),
    "setreuid": (113, [0, 0]),
    "setregid": (114, [0, 0]),
    "setresuid": (117, [0, 0, 0]),
    "setresgid": (119, [0, 0, 0]),
    "setgroups": (116, [0, 0]),
    "setuid of another user": (105, [65534]),
}


def become(here: Place, number: int, words: list[int]) -> None:
    """By the call itself."""
    call(number, *words)


for name, (number, words) in IDENTITIES.items():
    PRIVILEGES.attack(name, "EPERM EINVAL ENOSYS", ROOT, number=number, words=words)(become)


@PRIVILEGES.attack("root for the file system alone", "unchanged", ROOT)
def become_for_files(here: Place) -> None:
    """setfsuid(2) says nothing of a failure; /proc does."""
    call(SETFSUID, 0)
    if fields()["Uid"].split()[3] != "0":
        stop("unchanged")


@PRIVILEGES.attack("another's credentials on a socket", "EPERM EINVAL", ROOT)
def forge_credentials(here: Place) -> None:
    """A peer that believes them would take this process for root's PID 1 (unix(7))."""
    near, _far = socket.socketpair()
    words = struct.pack("<iii", 1, 0, 0)
    near.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, words)])


SET_UID = ["su", "mount", "umount", "passwd", "newuidmap", "chsh", "newgrp", "sudo", "pkexec"]


def run_set_uid(here: Place, path: str) -> None:
    """The loader shows its vector unless it runs as somebody else (ld.so(8), LD_SHOW_AUXV)."""
    done = subprocess.run(
        [path, "--version"], env={"LD_SHOW_AUXV": "1"}, capture_output=True, text=True, check=False
    )
    if "AT_SECURE:            0" in done.stdout:
        stop("unchanged")


for name in SET_UID:
    path = f"/usr/bin/{name}"
    if os.path.exists(path):
        PRIVILEGES.attack(f"{name} run as root", "unchanged", Control(user="ordinary"), path=path)(
            run_set_uid
        )


# ---- Priorities


@PRIVILEGES.attack("a higher priority", "EACCES EPERM", ROOT)
def raise_priority(here: Place) -> None:
    """A negative nice value."""
    os.setpriority(os.PRIO_PROCESS, 0, -5)


@PRIVILEGES.attack("a higher priority of PID 1's", "EACCES EPERM", ROOT)
def raise_priority_of_first(here: Place) -> None:
    """Of a process that is not one's own."""
    os.setpriority(os.PRIO_PROCESS, here.first, -5)


@PRIVILEGES.attack("real-time scheduling", "EPERM", OTHERWISE)
def run_in_real_time(here: Place) -> None:
    """Nobody else would run on this processor."""
    call(SCHED_SETSCHEDULER, 0, os.SCHED_FIFO if here.is_inside else 99, struct.pack("<i", 1))


@PRIVILEGES.attack("deadline scheduling", "EPERM", OTHERWISE)
def run_by_deadline(here: Place) -> None:
    """The highest class of all."""
    times = (10**7, 10**8, 10**8) if here.is_inside else (0, 0, 0)
    call(SCHED_SETATTR, 0, struct.pack("<IIQiIQQQ", 48, 6, 0, 0, 0, *times), 0)


@PRIVILEGES.attack("real-time input and output", "EPERM", ROOT)
def read_in_real_time(here: Place) -> None:
    """Everybody else would wait for the disk."""
    call(IOPRIO_SET, 1, 0, 1 << 13)


# ---- Limits


@PRIVILEGES.attack("memory locked beyond the limit", "ENOMEM EPERM EAGAIN", ROOT)
def lock_memory(here: Place) -> None:
    """Nobody else could have it."""
    size = 128 << 20
    memory = ctypes.create_string_buffer(size)
    libc("mlock", memory, ctypes.c_size_t(size))


@PRIVILEGES.attack("more processes than are allowed", "EPERM EINVAL unchanged", HOST)
def raise_processes(here: Place) -> None:
    """By raising the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if hard == resource.RLIM_INFINITY or hard > here.pids:
        return
    call(SETRLIMIT, resource.RLIMIT_NPROC, struct.pack("<QQ", hard + 1, hard + 1))


@PRIVILEGES.attack("limits of PID 1", "EPERM", HOST)
def limit_first(here: Place) -> None:
    """It would end by a limit of processor time."""
    limits = resource.prlimit(here.first, resource.RLIMIT_NOFILE)
    resource.prlimit(here.first, resource.RLIMIT_NOFILE, limits)


@PRIVILEGES.attack("a wake-up of the machine", "EPERM ENOTSUP", OTHERWISE)
def wake_machine(here: Place) -> None:
    """Clocks that end a suspension (CAP_WAKE_ALARM)."""
    call(TIMERFD_CREATE, BOOTTIME_ALARM, 0)
