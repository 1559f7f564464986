"""Ways to a file of the host's by a name: links, `..`, /proc, and open descriptors."""

from __future__ import annotations

import mmap
import os
import socket
import stat

from attacks.definition import OWN_MOUNTS, ROOT, Control, Group
from attacks.tools import Place, mount, mounts, stop, unused

LINKS = Group("links")


@LINKS.attack("a path of the host's", "ENOENT EACCES")
def read_canary(here: Place) -> None:
    """A file that nobody has mounted is not there."""
    with open(here.canary) as file:
        assert file.read() == here.secret[::-1]


@LINKS.attack("a symbolic link made inside", "ENOENT EACCES")
def follow_own_link(here: Place) -> None:
    """A link is followed where it is read."""
    link = unused("link")
    os.symlink(here.canary, link)
    with open(link) as file:
        assert file.read() == here.secret[::-1]


@LINKS.attack("a symbolic link that the host has made", "ENOENT EACCES")
def follow_planted_link(here: Place) -> None:
    """Even in a folder of the host's it leads nowhere."""
    with open("planted-link") as file:
        assert file.read() == here.secret[::-1]


@LINKS.attack("a hard link to a file of the host's", "ENOENT EACCES EPERM")
def link_canary(here: Place) -> None:
    """It would keep the file in the work folder."""
    os.link(here.canary, unused("hard"))


@LINKS.attack("a hard link out of a read-only folder", "EXDEV EPERM EACCES")
def link_shared(here: Place) -> None:
    """Through it the file could be written."""
    link = unused("hard")
    os.link(f"{here.shared}/file", link)
    with open(link, "a") as file:
        file.write("written")


@LINKS.attack("a file of a read-only folder, written", "EROFS EACCES EPERM")
def write_shared(here: Place) -> None:
    """`:ro` means it."""
    with open(f"{here.shared}/file", "a") as file:
        file.write("written")


@LINKS.attack("a file of a read-only folder, moved", "EROFS EXDEV EACCES EPERM")
def move_shared(here: Place) -> None:
    """What is in it cannot be taken away."""
    path = f"{here.shared}/other"
    os.rename(path, f"{path}-moved")
    os.rename(f"{path}-moved", path)


@LINKS.attack("a file of a read-only folder, its times", "EROFS EACCES EPERM")
def touch_shared(here: Place) -> None:
    """Its dates cannot be set."""
    os.utime(f"{here.shared}/file")


@LINKS.attack("a read-only file through a mapping", "EFAULT EIO EACCES EROFS unchanged")
def write_mapped(here: Place) -> None:
    """/proc/PID/mem writes to pages that the program itself may not write."""
    path = f"{here.shared}/file"
    flags, protection = os.O_RDONLY, mmap.PROT_READ
    if os.access(path, os.W_OK):
        flags, protection = os.O_RDWR, mmap.PROT_READ | mmap.PROT_WRITE
    file = os.open(path, flags)
    before = os.pread(file, 100, 0)
    memory = mmap.mmap(file, 0, mmap.MAP_SHARED, protection)
    with open("/proc/self/maps") as lines:
        address = next(int(line.split("-")[0], 16) for line in lines if path in line)
    with open("/proc/self/mem", "r+b", buffering=0) as own:
        own.seek(address)
        own.write(b"#")
    memory.close()
    if os.pread(file, 100, 0) == before:
        stop("unchanged")


@LINKS.attack("`..` from the work folder", "ENOENT EACCES")
def climb(here: Place) -> None:
    """Above it is the sandbox's root and nothing else."""
    with open("../" * 40 + here.canary) as file:
        assert file.read() == here.secret[::-1]


@LINKS.attack("`..` from a folder that has left its mount", "ENOENT")
def climb_from_moved(here: Place) -> None:
    """The folder is in two mounts, and leaves the smaller one while a process stands in it."""
    name, work = unused("moved"), os.getcwd()
    os.mkdir(f"{here.nested}/{name}")
    os.chdir(f"{here.nested}/{name}")
    os.rename(f"{work}/nested/{name}", f"{work}/{name}")
    if "planted-link" not in os.listdir(".."):
        stop("absent")


@LINKS.attack("`..` after a second chroot", "EPERM ENOSYS", ROOT)
def climb_from_chroot(here: Place) -> None:
    """A process that stands outside its root has no root."""
    root = unused("root")
    os.mkdir(root)
    os.chroot(root)
    with open("../" * 40 + here.canary) as file:
        assert file.read() == here.secret[::-1]


@LINKS.attack("the root of the interpreter", "ENOENT EACCES")
def root_of_parent(here: Place) -> None:
    """/proc/PID/root is where that process sees its root."""
    with open(f"/proc/{here.parent}/root{here.canary}") as file:
        assert file.read() == here.secret[::-1]


@LINKS.attack("a link of /proc with more behind it", "ENOENT EACCES ENOTDIR")
def walk_through_cwd(here: Place) -> None:
    """A magic link jumps, but not out of the mounts."""
    with open(f"/proc/{here.parent}/cwd/" + "../" * 40 + here.canary) as file:
        assert file.read() == here.secret[::-1]


@LINKS.attack("the root of any process", "absent", ROOT)
def roots_of_all(here: Place) -> None:
    """No process in /proc stands where the canary is."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for link in ("root", "cwd"):
            if os.path.exists(f"/proc/{pid}/{link}{here.canary}"):
                return
    stop("absent")


def open_root(here: Place) -> None:
    """Leaves a folder open, as a careless server might."""
    os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    here.parent = os.getpid()


@LINKS.attack("descriptors that were left open", "absent", Control(before=open_root))
def search_descriptors(here: Place) -> None:
    """None of the interpreter's is a folder, a device with a name, or a file of the host's."""
    harmless = ("pipe:", "anon_inode:", "/memfd:husk-channel", "/dev/null", "socket:")
    for number in os.listdir(f"/proc/{here.parent}/fd"):
        link = f"/proc/{here.parent}/fd/{number}"
        if not os.path.lexists(link):
            continue
        target = os.readlink(link)
        if target.startswith(f"/proc/{here.parent}/fd"):
            continue
        if not target.startswith(harmless) or stat.S_ISDIR(os.stat(link).st_mode):
            return
    stop("absent")


def share_socket(here: Place) -> None:
    """Leaves a connection to somebody else open, as a careless server might."""
    socket.socketpair()[0].detach()
    here.parent = os.getpid()


@LINKS.attack("a connection to the server", "absent", Control(before=share_socket))
def search_sockets(here: Place) -> None:
    """Both ends of each of the interpreter's sockets are its own."""
    folder = f"/proc/{here.parent}/fd"
    targets = [
        os.readlink(f"{folder}/{number}")
        for number in os.listdir(folder)
        if os.path.lexists(f"{folder}/{number}")
    ]
    if sum(target.startswith("socket:") for target in targets) % 2 == 0:
        stop("absent")


@LINKS.attack("the program of the interpreter, written", "EPERM EACCES EROFS ETXTBSY ENOENT")
def write_program(here: Place) -> None:
    """It is the host's file, or a copy that everybody runs."""
    program = os.open(here.program, os.O_RDONLY)
    writable = os.open(f"/proc/self/fd/{program}", os.O_WRONLY)
    os.pwrite(writable, b"\x7fELF", 0)


@LINKS.attack("the program of Python, written", "EPERM EACCES EROFS ETXTBSY", ROOT)
def write_python(here: Place) -> None:
    """/proc/self/exe leads to the host's file, in a mount that is read-only."""
    program = os.readlink("/proc/self/exe") if here.is_inside else here.program
    os.close(os.open(program, os.O_WRONLY))


@LINKS.attack("a package of the environment's, written", "unchanged EROFS EACCES", harms="layer")
def write_layer(here: Place) -> None:
    """What is written goes to a layer."""
    with open(f"{here.layer}/file", "a") as file:
        file.write("written")


@LINKS.attack("a package of the environment's, removed", "unchanged EROFS EACCES", harms="layer")
def remove_from_layer(here: Place) -> None:
    """The same for what is taken away."""
    os.unlink(f"{here.layer}/other")


def make_layer(here: Place) -> None:
    """Makes a layer that leaves its lower folder where everybody finds it."""
    for part in ("lower", "upper", "work", "merged"):
        os.makedirs(f"layers/{part}", exist_ok=True)
    parts = "lowerdir=layers/lower,upperdir=layers/upper,workdir=layers/work"
    mount("overlay", "layers/merged", "overlay", 0, f"userxattr,{parts}")


@LINKS.attack(
    "the folder under a layer",
    "ENOENT EACCES EPERM EROFS absent",
    Control(namespaces=OWN_MOUNTS, before=make_layer),
)
def write_lower(here: Place) -> None:
    """The kernel tells where it is; there is no way to it."""
    for _, (kind, _, words) in mounts():
        options = dict(word.partition("=")[::2] for word in words.split(","))
        if kind == "overlay" and "userxattr" in options:
            with open(f"{options['lowerdir']}/{unused('planted')}", "w") as file:
                file.write("written")
            return
    stop("absent")
