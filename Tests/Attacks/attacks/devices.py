"""Devices: nodes that are made, nodes that are there, nodes that the host has made."""

from __future__ import annotations

import os
import stat

from attacks.definition import OTHERWISE, ROOT, Group
from attacks.tools import HERE, Place, call, stop, unused

DEVICES = Group("devices")

NODES = {
    "memory": (stat.S_IFCHR, 1, 1),
    "kernel log": (stat.S_IFCHR, 1, 11),
    "disk": (stat.S_IFBLK, 254, 0),
    "loop device": (stat.S_IFBLK, 7, 0),
}


def make_node(here: Place, kind: int, major: int, minor: int) -> None:
    """By mknod, under a name of its own."""
    path = unused("node")
    os.mknod(path, kind | 0o600, os.makedev(major, minor))
    os.unlink(path)


for name, (kind, major, minor) in NODES.items():
    values = {"kind": kind, "major": major, "minor": minor}
    DEVICES.attack(f"a node for the {name}", "EPERM EACCES", ROOT, **values)(make_node)


@DEVICES.attack("a node in a private folder", "EPERM EACCES", ROOT)
def make_node_in_memory(here: Place) -> None:
    """Where the sandbox's own file systems are."""
    path = f"/dev/shm/node-{os.getpid()}"
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.unlink(path)


@DEVICES.attack("a whiteout", "EPERM EACCES", has_one_wall=True)
def make_whiteout(here: Place) -> None:
    """The one device that everybody may make; as a layer it hides a file."""
    path = unused("whiteout")
    call(259, HERE, path.encode(), stat.S_IFCHR, 0)
    os.unlink(path)


def open_planted(here: Place) -> None:
    """In a mounted folder no node is a device."""
    with open("node", "rb") as file:
        file.read(1)


# Only root can make one.
if os.getuid() == 0:
    DEVICES.attack("a node that the host has made", "EACCES EPERM")(open_planted)


OPENED = [
    *("mem", "kmsg", "port", "console", "tty0", "tty1", "vcs", "vcsa", "vcsu"),
    *("sda", "vda", "nvme0n1", "loop0", "zram0", "mapper/control", "loop-control", "btrfs-control"),
    *("fuse", "kvm", "vhost-net", "vhost-vsock", "vsock", "net/tun", "userfaultfd", "hwrng"),
    *("autofs", "cpu_dma_latency", "vga_arbiter", "rfkill", "uinput", "input/event0", "snd/timer"),
    *("dri/card0", "nvidia0", "hpet", "rtc0", "tpm0", "cpu/0/msr"),
]


def open_device(here: Place, name: str) -> None:
    """Opened for reading, without a wait, and closed again."""
    os.close(os.open(f"/dev/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))


for name in OPENED:
    if os.path.exists(f"/dev/{name}"):
        DEVICES.attack(f"/dev/{name}", "ENOENT", OTHERWISE, name=name)(open_device)


@DEVICES.attack("a device beside those that are needed", "absent")
def search_devices(here: Place) -> None:
    """Whatever this machine has."""
    wanted = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue"}
    wanted |= {"fd", "stdin", "stdout", "stderr", "core"}
    if set(os.listdir("/dev")) <= wanted:
        stop("absent")


@DEVICES.attack("the permissions of a device of the host's", "EROFS EPERM EACCES", ROOT)
def chmod_device(here: Place) -> None:
    """/dev/null is the host's own."""
    os.chmod("/dev/null", 0o666)


@DEVICES.attack("the dates of a device of the host's", "EROFS EPERM EACCES", ROOT)
def touch_device(here: Place) -> None:
    """Under its own name or as a mask."""
    masks = ["/proc/keys", "/proc/kallsyms", "/proc/timer_list"] if here.is_inside else []
    for path in ["/dev/null", *masks]:
        os.utime(path)


@DEVICES.attack("the host's terminals", "absent", ROOT)
def search_terminals(here: Place) -> None:
    """/dev/pts is the sandbox's own: it begins with nothing."""
    if not here.is_inside:
        os.openpty()
    if set(os.listdir("/dev/pts")) <= {"ptmx"}:
        stop("absent")
