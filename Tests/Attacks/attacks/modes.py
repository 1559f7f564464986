"""Files that would run as somebody else on the host: set-id bits, capabilities, owners."""

from __future__ import annotations

import fcntl
import os
import stat
import struct

from attacks.definition import ROOT, Control, Group
from attacks.tools import HERE, Place, call, fresh, need_set_id, stop, unused

MODES = Group("modes")

FCHMODAT2, OPENAT2, CREAT, OPEN, OPENAT = 452, 437, 85, 2, 257
MKDIR, MKDIRAT, MKNOD, MKNODAT = 83, 258, 133, 259
CHMOD, LINKAT, AT_SYMLINK_FOLLOW = 90, 265, 0x400
FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x4008_6602, 0x10
BITS = {"set-uid": 0o4755, "set-gid": 0o2755, "both": 0o6755}


def chmod(here: Place, mode: int) -> None:
    """By name."""
    path = fresh("bits")
    os.chmod(path, mode)
    need_set_id(path)


def fchmod(here: Place, mode: int) -> None:
    """By descriptor."""
    file = os.open(fresh("bits"), os.O_RDWR)
    os.fchmod(file, mode)
    need_set_id(file)


def fchmodat(here: Place, mode: int) -> None:
    """By name in a folder."""
    path, folder = fresh("bits"), os.open(".", os.O_RDONLY)
    os.chmod(path, mode, dir_fd=folder)
    need_set_id(path)


def fchmodat2(here: Place, mode: int) -> None:
    """By the newer call, which has a number of its own."""
    path = fresh("bits")
    call(FCHMODAT2, HERE, path.encode(), mode, 0)
    need_set_id(path)


def chmod_of_any_width(here: Place, mode: int) -> None:
    """With bits set that the system does not look at."""
    path = fresh("bits")
    call(CHMOD, path.encode(), mode | 1 << 32 | 1 << 63)
    need_set_id(path)


def creat(here: Place, mode: int) -> None:
    """By the oldest way to make a file."""
    path = unused("made")
    os.close(call(CREAT, path.encode(), mode))
    need_set_id(path)


def open_new(here: Place, mode: int) -> None:
    """With O_CREAT."""
    path = unused("made")
    os.close(call(OPEN, path.encode(), os.O_CREAT | os.O_RDWR, mode))
    need_set_id(path)


def openat_new(here: Place, mode: int) -> None:
    """With O_CREAT in a folder."""
    path = unused("made")
    os.close(call(OPENAT, HERE, path.encode(), os.O_CREAT | os.O_RDWR, mode))
    need_set_id(path)


def open_nameless(here: Place, mode: int) -> None:
    """With O_TMPFILE: the file has a name later."""
    file = os.open(".", os.O_TMPFILE | os.O_RDWR, mode)
    path, link = unused("made"), f"/proc/self/fd/{file}"
    call(LINKAT, HERE, link.encode(), HERE, path.encode(), AT_SYMLINK_FOLLOW)
    need_set_id(path)


def openat2(here: Place, mode: int) -> None:
    """With the mode in memory, where a filter cannot look."""
    path = unused("made")
    how = struct.pack("<QQQ", os.O_CREAT | os.O_RDWR, mode, 0)
    os.close(call(OPENAT2, HERE, path.encode(), how, len(how)))
    need_set_id(path)


def mknod(here: Place, mode: int) -> None:
    """As a node that is a file."""
    path = unused("made")
    call(MKNOD, path.encode(), stat.S_IFREG | mode, 0)
    need_set_id(path)


def mknodat(here: Place, mode: int) -> None:
    """As a node that is a file, in a folder."""
    path = unused("made")
    call(MKNODAT, HERE, path.encode(), stat.S_IFREG | mode, 0)
    need_set_id(path)


WAYS = {
    "chmod": chmod,
    "fchmod": fchmod,
    "fchmodat": fchmodat,
    "fchmodat2": fchmodat2,
    "chmod of 64 bits": chmod_of_any_width,
    "creat": creat,
    "open": open_new,
    "openat": openat_new,
    "open without a name": open_nameless,
    "openat2": openat2,
    "mknod": mknod,
    "mknodat": mknodat,
}

for way, function in WAYS.items():
    for bits, mode in BITS.items():
        if bits == "set-uid" or way in ("chmod", "openat"):
            MODES.attack(f"{bits} by {way}", "EPERM ENOSYS", mode=mode)(function)


@MODES.attack("set-gid on a folder by chmod", "EPERM ENOSYS")
def chmod_folder(here: Place) -> None:
    """What is made in it is of its group."""
    path = unused("made")
    os.mkdir(path)
    os.chmod(path, 0o2755)
    need_set_id(path)


def inherit_set_gid(here: Place) -> None:
    """Gives the bit to a folder: what is made in it has it too."""
    os.chmod(".", 0o2755)


INHERITED = Control(before=inherit_set_gid)


@MODES.attack("set-gid on a new folder by mkdir", "unchanged EPERM ENOSYS", INHERITED)
def mkdir(here: Place) -> None:
    """The system leaves the bit out."""
    path = unused("made")
    call(MKDIR, path.encode(), 0o2755)
    need_set_id(path)


@MODES.attack("set-gid on a new folder by mkdirat", "unchanged EPERM ENOSYS", INHERITED)
def mkdirat(here: Place) -> None:
    """The same in a folder."""
    path = unused("made")
    call(MKDIRAT, HERE, path.encode(), 0o2755)
    need_set_id(path)


@MODES.attack("set-uid in the home", "EPERM ENOSYS")
def chmod_at_home(here: Place) -> None:
    """Where nothing of the host's is, the rule is the same."""
    path = f"/home/user/{unused('made')}" if here.is_inside else unused("made")
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.chmod(path, 0o4755)
    need_set_id(path)


@MODES.attack("capabilities of a file", "EPERM EACCES", ROOT)
def file_capabilities(here: Place) -> None:
    """A program with CAP_SYS_ADMIN, whoever starts it."""
    capabilities = struct.pack("<IIIII", 0x0200_0001, 1 << 21, 0, 0, 0)
    os.setxattr(fresh("capable"), "security.capability", capabilities)


@MODES.attack("attributes of the trusted", "EPERM EACCES EOPNOTSUPP", ROOT)
def trusted_attribute(here: Place) -> None:
    """What a layer of the host's believes."""
    os.setxattr(fresh("trusted"), "trusted.overlay.opaque", b"y")


@MODES.attack("attributes of the system's security", "EPERM EACCES EOPNOTSUPP", ROOT)
def security_attribute(here: Place) -> None:
    """Labels that the host's own policies read."""
    os.setxattr(fresh("labelled"), "security.husk", b"x")


def run_set_uid(here: Place) -> None:
    """It runs as whoever starts it."""
    with os.popen("./set-uid-id --user") as output:
        if int(output.read()) == os.getuid():
            stop("unchanged")


# Only root can make one.
if os.getuid() == 0:
    MODES.attack("a set-uid file that the host has made", "unchanged", Control(user="ordinary"))(
        run_set_uid
    )


@MODES.attack("an owner that somebody else is", "EPERM EINVAL EOVERFLOW", ROOT)
def give_away(here: Place) -> None:
    """A file of nobody's."""
    os.chown(fresh("owned"), 65534, 65534)


@MODES.attack("root as the owner", "EPERM EINVAL EOVERFLOW", ROOT)
def give_to_root(here: Place) -> None:
    """A file of root's, in a folder of the host's."""
    os.chown(fresh("owned"), 0, 0)


@MODES.attack("a list of access that names root", "EINVAL EPERM EOPNOTSUPP EOVERFLOW", ROOT)
def list_of_access(here: Place) -> None:
    """The number would be somebody on the host (acl(5))."""
    entries = [(1, 7, 2**32 - 1), (2, 7, 0), (4, 5, 2**32 - 1), (16, 7, 2**32 - 1)]
    entries.append((32, 5, 2**32 - 1))
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(fresh("listed"), "system.posix_acl_access", value)


@MODES.attack("a file that nobody can remove", "EPERM EACCES ENOTTY EOPNOTSUPP", ROOT)
def immutable(here: Place) -> None:
    """A file that its owner on the host cannot remove (ioctl_iflags(2))."""
    file = os.open(fresh("immutable"), os.O_RDWR)
    fcntl.ioctl(file, FS_IOC_SETFLAGS, struct.pack("<l", FS_IMMUTABLE_FL))
    fcntl.ioctl(file, FS_IOC_SETFLAGS, struct.pack("<l", 0))
