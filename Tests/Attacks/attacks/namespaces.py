"""New namespaces, and those of others: in a new one a process has every capability again."""

from __future__ import annotations

import fcntl
import os
import signal
import struct

from attacks.definition import ROOT, Control, Group
from attacks.tools import Place, call, wait_for

NAMESPACES = Group("namespaces")

CLONE, CLONE3, UNSHARE, SETNS, PIDFD_OPEN, CHILD = 56, 435, 272, 308, 434, 17
KINDS = {
    "time": 0x80,
    "mount": 0x0002_0000,
    "control group": 0x0200_0000,
    "host name": 0x0400_0000,
    "message": 0x0800_0000,
    "user": 0x1000_0000,
    "process": 0x2000_0000,
    "network": 0x4000_0000,
}
HIGH = 1 << 40
PRCTL, SET_DEATH_SIGNAL = 157, 1
GET_OWNER, GET_PARENT = 0xB701, 0xB702


def unshare(here: Place, flags: int) -> None:
    """By unshare(2)."""
    call(UNSHARE, flags)


def clone(here: Place, flags: int) -> None:
    """By clone(2), as fork does it."""
    child = call(CLONE, flags | CHILD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    wait_for(child)


def clone3(here: Place, flags: int) -> None:
    """By clone3(2), whose flags lie in memory."""
    arguments = struct.pack("<11Q", flags, 0, 0, 0, CHILD, 0, 0, 0, 0, 0, 0)
    child = call(CLONE3, arguments, len(arguments))
    if child == 0:
        os._exit(0)
    wait_for(child)


for name, flags in KINDS.items():
    NAMESPACES.attack(f"a new {name} namespace by unshare", "EPERM ENOSYS", ROOT, flags=flags)(
        unshare
    )
    NAMESPACES.attack(f"a new {name} namespace by clone3", "ENOSYS", ROOT, flags=flags)(clone3)
    if name != "time":
        NAMESPACES.attack(f"a new {name} namespace by clone", "EPERM ENOSYS", ROOT, flags=flags)(
            clone
        )

USER = KINDS["user"]
for name, function in (("unshare", unshare), ("clone", clone)):
    title = f"a new user and mount namespace by {name}"
    NAMESPACES.attack(title, "EPERM ENOSYS", flags=USER | KINDS["mount"])(function)
    # unshare(2) refuses what it does not know; clone(2) looks at 32 bits.
    control = Control(outcome="EINVAL") if name == "unshare" else Control()
    NAMESPACES.attack(f"{title}, in 64 bits", "EPERM ENOSYS", control, flags=USER | HIGH)(function)


@NAMESPACES.attack("a process by clone3", "ENOSYS")
def clone3_plain(here: Place) -> None:
    """Libraries take the older call then."""
    clone3(here, 0)


def enter(here: Place, kind: str) -> None:
    """By the file of the process's own."""
    call(SETNS, os.open(f"/proc/self/ns/{kind}", os.O_RDONLY), 0)


for kind in ("uts", "mnt", "net", "ipc", "cgroup", "time_for_children", "pid_for_children"):
    if os.path.exists(f"/proc/self/ns/{kind}"):
        NAMESPACES.attack(f"the own {kind} entered again", "EPERM ENOSYS", ROOT, kind=kind)(enter)


@NAMESPACES.attack("the namespaces of PID 1", "EPERM ENOSYS EACCES", ROOT)
def enter_first(here: Place) -> None:
    """By a descriptor of the process."""
    call(SETNS, call(PIDFD_OPEN, here.first, 0), KINDS["host name"])


def make_child_namespace(here: Place) -> None:
    """Makes a process in a user namespace below this one; it ends with this one."""
    ready, told = os.pipe()
    here.first = os.fork()
    if here.first == 0:
        call(PRCTL, SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        call(UNSHARE, USER)
        os.write(told, b"x")
        signal.pause()
    os.read(ready, 1)


def enter_user_namespace(here: Place) -> None:
    """Becomes nobody in a new namespace, with every right to it."""
    call(UNSHARE, USER)


OWN_USERS = Control(before=enter_user_namespace)


@NAMESPACES.attack(
    "the user namespace above", "EPERM ENOSYS EACCES", Control(before=make_child_namespace)
)
def parent_namespace(here: Place) -> None:
    """A namespace tells which one it is in (ioctl_ns(2))."""
    pid = "self" if here.is_inside else here.first
    namespace = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
    fcntl.ioctl(namespace, GET_PARENT)


@NAMESPACES.attack("the user namespace that owns the network", "EPERM ENOSYS EACCES", ROOT)
def owning_namespace(here: Place) -> None:
    """With a descriptor of it (ioctl_ns(2))."""
    owner = fcntl.ioctl(os.open("/proc/self/ns/net", os.O_RDONLY), GET_OWNER)
    call(SETNS, owner, 0) if here.is_inside else os.close(owner)


@NAMESPACES.attack("users mapped anew", "EPERM EACCES EROFS", OWN_USERS)
def map_users(here: Place) -> None:
    """A second table would make somebody of nobody."""
    own = os.getuid() if here.is_inside else here.uid
    with open("/proc/self/uid_map", "w") as file:
        file.write(f"0 {own} 1")


@NAMESPACES.attack("groups allowed again", "EPERM EACCES EROFS EINVAL", OWN_USERS)
def allow_groups(here: Place) -> None:
    """What was denied stays so."""
    with open("/proc/self/setgroups", "w") as file:
        file.write("allow" if here.is_inside else "deny")
