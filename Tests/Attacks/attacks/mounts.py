"""Ways to change what is mounted, or to a file without a name."""

from __future__ import annotations

import ctypes
import os
import stat
import struct

from attacks.definition import OWN_MOUNTS, ROOT, Control, Group
from attacks.tools import (
    HERE,
    MS_BIND,
    MS_RDONLY,
    MS_REMOUNT,
    Place,
    bind,
    call,
    libc,
    mount,
    mounts,
    stop,
)

MOUNTS = Group("mounts")

UMOUNT2, PIVOT_ROOT, MNT_DETACH = 166, 155, 2
OPEN_TREE, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, MOUNT_SETATTR = 428, 429, 430, 431, 432, 442
CLONE_TREE, RECURSIVE = 1, 0x8000

NAME_TO_HANDLE_AT, OPEN_BY_HANDLE_AT = 303, 304

OWN = Control(namespaces=OWN_MOUNTS)
OWN_SHARED = Control(namespaces=(*OWN_MOUNTS, "--propagation", "shared"), user="root")


def seal_shared(here: Place) -> None:
    """Makes the folder read-only in this program's own mounts."""
    bind(here.shared, here.shared)
    mount("none", here.shared, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)


@MOUNTS.attack(
    "a read-only folder mounted anew",
    "EPERM ENOSYS",
    Control(namespaces=OWN_MOUNTS, before=seal_shared),
)
def remount(here: Place) -> None:
    """MS_REMOUNT takes the flag away."""
    mount("none", here.shared, flags=MS_REMOUNT | MS_BIND)
    with open(f"{here.shared}/file", "a"):
        pass


@MOUNTS.attack("a read-only root mounted anew", "EPERM ENOSYS", OWN)
def remount_root(here: Place) -> None:
    """The root is the sandbox's own, and still not to be written."""
    mount("none", "/", flags=MS_REMOUNT | MS_BIND)


@MOUNTS.attack(
    "a mount's flags by mount_setattr",
    "EPERM ENOSYS",
    Control(namespaces=OWN_MOUNTS, before=seal_shared),
)
def clear_attributes(here: Place) -> None:
    """The newer call for the same."""
    cleared = struct.pack("<QQQQ", 0, MS_RDONLY, 0, 0)
    call(MOUNT_SETATTR, HERE, here.shared.encode(), 0, cleared, len(cleared))


def hide_canary(here: Place) -> None:
    """Puts a mask on a file in this program's own mounts."""
    bind("/dev/null", f"{here.shared}/file")


@MOUNTS.attack(
    "a mask taken away", "EPERM ENOSYS", Control(namespaces=OWN_MOUNTS, before=hide_canary)
)
def unmount_mask(here: Place) -> None:
    """What is hidden under it is there again."""
    masked = "/proc/keys" if here.is_inside else f"{here.shared}/file"
    libc("umount2", masked.encode(), MNT_DETACH)


@MOUNTS.attack(
    "a mount taken away", "EPERM ENOSYS", Control(namespaces=OWN_MOUNTS, before=seal_shared)
)
def unmount(here: Place) -> None:
    """Whatever lies under it."""
    libc("umount2", here.shared.encode(), MNT_DETACH)


@MOUNTS.attack("a folder over the system's", "EPERM ENOSYS", OWN)
def bind_over(here: Place) -> None:
    """Programs that others start would be the attacker's."""
    bind(".", "/usr/bin")


@MOUNTS.attack("a file over a protected one", "EPERM ENOSYS", OWN)
def bind_over_file(here: Place) -> None:
    """What is read-only is read-only under every name."""
    bind(".envrc", ".git/config")


KINDS = ("tmpfs", "proc", "sysfs", "devpts", "mqueue", "overlay", "cgroup2", "ramfs")


def mount_new(here: Place, kind: str) -> None:
    """By mount(2)."""
    os.makedirs(f"new-{kind}", exist_ok=True)
    options = "lowerdir=/usr:/tmp" if kind == "overlay" else ""
    mount(kind, f"new-{kind}", kind, 0, options)


for kind in KINDS:
    # The others ask for more namespaces, or for a system that hides nothing.
    is_simple = kind in ("tmpfs", "devpts", "overlay", "ramfs")
    control = OWN if is_simple else Control(user="root", namespaces=("--mount",))
    MOUNTS.attack(f"a new {kind}", "EPERM ENOSYS", control, kind=kind)(mount_new)


@MOUNTS.attack("a new tmpfs by fsopen", "ENOSYS EPERM", OWN)
def mount_by_context(here: Place) -> None:
    """The calls that come after mount(2)."""
    context = call(FSOPEN, b"tmpfs", 0)
    call(FSCONFIG, context, 6, 0, 0, 0)
    tree = call(FSMOUNT, context, 0, 0)
    call(MOVE_MOUNT, tree, b"", HERE, b"/mnt", 4)


@MOUNTS.attack("a copy of a tree", "ENOSYS EPERM", OWN)
def copy_tree(here: Place) -> None:
    """A mount without the flags of the first."""
    tree = call(OPEN_TREE, HERE, here.shared.encode(), CLONE_TREE | RECURSIVE)
    call(MOVE_MOUNT, tree, b"", HERE, b"/mnt", 4)


@MOUNTS.attack("a new root", "EPERM ENOSYS", OWN)
def pivot(here: Place) -> None:
    """What was the root is under it then."""
    os.makedirs("root/old", exist_ok=True)
    bind("root", "root")
    os.chdir("root")
    call(PIVOT_ROOT, b".", b"old")


@MOUNTS.attack("chroot", "EPERM ENOSYS", ROOT)
def chroot(here: Place) -> None:
    """It is the first half of many ways out."""
    os.chroot(".")


@MOUNTS.attack("a file by its handle", "EPERM ENOSYS", ROOT)
def open_by_handle(here: Place) -> None:
    """A number of the file system's, without a path (open_by_handle_at(2))."""
    handle = ctypes.create_string_buffer(struct.pack("<Ii", 128, 0), 136)
    number = ctypes.c_int()
    call(NAME_TO_HANDLE_AT, HERE, b".", handle, ctypes.byref(number), 0)
    folder = os.open(".", os.O_RDONLY)
    os.close(call(OPEN_BY_HANDLE_AT, folder, handle, os.O_RDONLY))


@MOUNTS.attack("the root of a file system by a guessed handle", "EPERM ENOSYS", ROOT)
def guess_handle(here: Place) -> None:
    """The root of ext4 and its relatives is inode 2: the host's own root, from any of its files."""
    handle = ctypes.create_string_buffer(struct.pack("<IiII", 8, 1, 2, 0), 16)
    folder = os.open(".", os.O_RDONLY)
    root = call(OPEN_BY_HANDLE_AT, folder, handle, os.O_RDONLY | os.O_DIRECTORY)
    assert "etc" in os.listdir(root)


@MOUNTS.attack("mounts that spread", "absent", OWN_SHARED)
def search_propagation(here: Place) -> None:
    """Nothing that is mounted later, inside or outside, is seen on the other side."""
    words = [word for before, _ in mounts() for word in before[6:]]
    if not any(word.startswith(("shared:", "master:", "propagate_from:")) for word in words):
        stop("absent")


@MOUNTS.attack("mounts that honour set-uid bits", "absent")
def search_set_uid_mounts(here: Place) -> None:
    """Every folder and every file that could be a program is in a mount with nosuid."""
    for before, _ in mounts():
        path = before[4].encode().decode("unicode_escape")
        if "nosuid" in before[5].split(",") or not os.path.exists(path):
            continue
        if not stat.S_ISCHR(os.stat(path).st_mode):
            return
    stop("absent")


@MOUNTS.attack("mounts that honour devices", "absent")
def search_device_mounts(here: Place) -> None:
    """Only the nodes of /dev themselves do, one by one, and the sandbox's own terminals."""
    for before, (kind, *_) in mounts():
        path = before[4]
        if "nodev" in before[5].split(",") or kind == "devpts" or not os.path.exists(path):
            continue
        if not stat.S_ISCHR(os.stat(path).st_mode):
            return
    stop("absent")


@MOUNTS.attack("a folder that can be written beside those that are given", "absent", ROOT)
def search_writable(here: Place) -> None:
    """Under every mount, and in every folder of the root."""
    given = [os.getcwd(), here.nested, here.layer, "/home/user", "/tmp", "/var/tmp", "/dev/shm"]
    given += ["/proc", "/dev/mqueue", "/dev/pts"]
    found = [before[4] for before, _ in mounts()] + [f"/{name}" for name in os.listdir("/")]
    for path in found:
        if not os.path.isdir(path) or any(
            path == own or path.startswith(f"{own}/") or own.startswith(f"{path}/lib/")
            for own in given
        ):
            continue
        try:
            os.close(os.open(path, os.O_TMPFILE | os.O_RDWR))
        except OSError:
            continue
        return
    stop("absent")


@MOUNTS.attack("the host's root, still mounted", "absent")
def search_old_root(here: Place) -> None:
    """Nothing of what the sandbox was built from is left beside it."""
    wanted = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "proc", "dev", "sys"}
    wanted |= {"tmp", "var", "home", "root", "run", "opt", "mnt", "srv"}
    wanted.add(os.getcwd().split("/")[1])
    wanted.add(here.layer.split("/")[1])
    if set(os.listdir("/")) <= wanted:
        stop("absent")
