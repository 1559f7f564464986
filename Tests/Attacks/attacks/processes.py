"""Other processes: PID 1, those of the host, those of another sandbox."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import struct

from attacks.definition import HOST, ROOT, Control, Group
from attacks.tools import Place, call, stop

PROCESSES = Group("processes")

PTRACE, PIDFD_SEND_SIGNAL, PIDFD_OPEN, PIDFD_GETFD = 101, 424, 434, 438
TKILL, TGKILL, QUEUE, QUEUE_TO_THREAD = 200, 234, 129, 297
READ_MEMORY, WRITE_MEMORY, KCMP, SHMGET = 310, 311, 312, 29
ATTACH, SEIZE, TRACE_ME, NEXT_CALL, POKE_USER, SET_OPTIONS = 16, 0x4206, 0, 24, 6, 0x4200
GET_REGISTERS, KILL_WITH_TRACER_AND_MARK_CALLS = 12, 0x10_0001
CALL_NUMBER, GETPPID, UNSHARE, NEW_UTS = 120, 110, 272, 0x0400_0000

# ---- Signals


def need_end(pid: int) -> None:
    """Goes on once a process has ended; who still runs has not ended PID 1."""
    if pid == 1:
        stop("ignored")
    select.select([os.pidfd_open(pid)], [], [])


def information(number: int) -> bytes:
    """struct siginfo for a signal that is queued."""
    return struct.pack("<iiiiii", number, 0, -1, 0, os.getpid(), os.getuid()).ljust(128, b"\0")


def by_kill(pid: int) -> None:
    """kill(2)."""
    os.kill(pid, signal.SIGKILL)


def by_tkill(pid: int) -> None:
    """tkill(2)."""
    call(TKILL, pid, signal.SIGKILL)


def by_tgkill(pid: int) -> None:
    """tgkill(2)."""
    call(TGKILL, pid, pid, signal.SIGKILL)


def by_queue(pid: int) -> None:
    """rt_sigqueueinfo(2)."""
    call(QUEUE, pid, signal.SIGKILL, information(signal.SIGKILL))


def by_queue_to_thread(pid: int) -> None:
    """rt_tgsigqueueinfo(2)."""
    call(QUEUE_TO_THREAD, pid, pid, signal.SIGKILL, information(signal.SIGKILL))


def by_descriptor(pid: int) -> None:
    """pidfd_send_signal(2)."""
    call(PIDFD_SEND_SIGNAL, call(PIDFD_OPEN, pid, 0), signal.SIGKILL, 0, 0)


WAYS = [by_kill, by_tkill, by_tgkill, by_queue, by_queue_to_thread, by_descriptor]


def end_first(here: Place, way: int) -> None:
    """PID 1's end is everybody's."""
    WAYS[way](here.first)
    need_end(here.first)


for number, function in enumerate(WAYS):
    name = (function.__doc__ or "").rstrip(".")
    PROCESSES.attack(f"PID 1 ended by {name}", "EPERM ignored", way=number)(end_first)


@PROCESSES.attack("every signal to PID 1", "EPERM ignored")
def signal_first(here: Place) -> None:
    """Also those that would only stop it."""
    refused = 0
    for number in range(1, 65):
        try:
            os.kill(here.first, number)
        except PermissionError:
            refused += 1
        except ProcessLookupError:
            break
    if refused == 64:
        raise PermissionError(1, "")
    need_end(here.first)


@PROCESSES.attack("a process of the host's", "ESRCH", ROOT)
def signal_host(here: Place) -> None:
    """It has no number inside."""
    os.kill(here.host_process, 0)


# ---- Memory and descriptors of PID 1

FILES = ["mem", "environ", "maps", "smaps", "stack", "syscall", "auxv", "io", "pagemap", "timers"]
LINKS = ["root/", "cwd/", "exe"]
FOLDERS = ["fd", "fdinfo", "map_files", "task/1/fd"]


def read_of_first(here: Place, name: str) -> None:
    """A file that only those may read who may trace the process."""
    with open(f"/proc/{here.first}/{name}", "rb") as file:
        if name not in ("mem", "pagemap", "syscall", "timers"):
            file.read(1)


def follow_of_first(here: Place, name: str) -> None:
    """A link that only those may follow who may trace the process."""
    os.stat(f"/proc/{here.first}/{name}")


def list_of_first(here: Place, name: str) -> None:
    """A folder that only those may read who may trace the process."""
    os.listdir(f"/proc/{here.first}/{name.replace('1', str(here.first))}")


for name in FILES:
    if os.path.exists(f"/proc/self/{name}"):
        control = ROOT if name in ("stack", "syscall", "map_files") else HOST
        PROCESSES.attack(f"{name} of PID 1", "EACCES EPERM", control, name=name)(read_of_first)
for name in LINKS:
    PROCESSES.attack(f"{name} of PID 1", "EACCES EPERM", name=name)(follow_of_first)
for name in FOLDERS:
    PROCESSES.attack(f"{name} of PID 1", "EACCES EPERM", name=name)(list_of_first)


@PROCESSES.attack("PID 1 traced", "EPERM ENOSYS")
def attach_first(here: Place) -> None:
    """ptrace(2), PTRACE_ATTACH."""
    call(PTRACE, ATTACH, here.first, 0, 0)


@PROCESSES.attack("PID 1 traced without a stop", "EPERM EIO ENOSYS")
def seize_first(here: Place) -> None:
    """ptrace(2), PTRACE_SEIZE."""
    call(PTRACE, SEIZE, here.first, 0, 0)


def transfer(number: int, pid: int) -> None:
    """Moves one byte between this process and an address that another one does not have."""
    byte = ctypes.create_string_buffer(1)
    own = struct.pack("<QQ", ctypes.addressof(byte), 1)
    other = struct.pack("<QQ", 4096, 1)
    call(number, pid, own, 1, other, 1, 0)


NO_ADDRESS = Control(outcome="EFAULT")


@PROCESSES.attack("memory of PID 1, read", "EPERM ENOSYS", NO_ADDRESS)
def read_memory(here: Place) -> None:
    """process_vm_readv(2)."""
    transfer(READ_MEMORY, here.first)


@PROCESSES.attack("memory of PID 1, written", "EPERM ENOSYS", NO_ADDRESS)
def write_memory(here: Place) -> None:
    """process_vm_writev(2)."""
    transfer(WRITE_MEMORY, here.first)


@PROCESSES.attack("a descriptor of PID 1's", "ENOSYS EPERM")
def take_descriptor(here: Place) -> None:
    """pidfd_getfd(2)."""
    os.close(call(PIDFD_GETFD, call(PIDFD_OPEN, here.first, 0), 0, 0))


@PROCESSES.attack("kernel objects compared with PID 1's", "ENOSYS EPERM")
def compare(here: Place) -> None:
    """kcmp(2) gives away the order of kernel addresses."""
    call(KCMP, os.getpid(), here.first, 1, 0, 0)


@PROCESSES.attack("the user table of PID 1", "EPERM EACCES EROFS", Control(user="root"))
def map_users(here: Place) -> None:
    """A table is written once; opened is half of it."""
    os.close(os.open(f"/proc/{here.first}/uid_map", os.O_WRONLY))


# ---- What there is to see


@PROCESSES.attack("processes of another sandbox", "absent")
def search_processes(here: Place) -> None:
    """By a word in their command line."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with open(f"/proc/{pid}/cmdline") as file:
            if here.marker[::-1] in file.read() and pid != str(os.getpid()):
                return
    stop("absent")


@PROCESSES.attack("processes beside the own ones", "absent")
def count_processes(here: Place) -> None:
    """PID 1, the interpreter and this one."""
    if len([name for name in os.listdir("/proc") if name.isdigit()]) <= 3:
        stop("absent")


@PROCESSES.attack("variables of the server's", "absent")
def search_environment(here: Place) -> None:
    """In the own environment, and in that of every process."""
    secret = here.secret[::-1].encode()
    for pid in ["self", str(here.parent), *filter(str.isdigit, os.listdir("/proc"))]:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if secret in file.read():
                    return
        except OSError:
            continue
    stop("absent")


@PROCESSES.attack("shared memory of the host's", "ENOENT EACCES")
def attach_memory(here: Place) -> None:
    """By its key (shmget(2))."""
    call(SHMGET, here.memory, 4096, 0)


@PROCESSES.attack("the name of the host", "absent")
def name_of_host(here: Place) -> None:
    """Each sandbox has the same."""
    if here.name not in (os.uname().nodename, socket.gethostname()):
        stop("absent")


def search_memory(here: Place, text: str) -> None:
    """Every page that the process may read."""
    wanted = getattr(here, text)[::-1].encode()
    with open(f"/proc/{here.parent}/maps") as lines:
        areas = [line.split() for line in lines]
    with open(f"/proc/{here.parent}/mem", "rb", buffering=0) as memory:
        for addresses, permissions, *_, last in areas:
            start, end = (int(address, 16) for address in addresses.split("-"))
            if "r" not in permissions or last in ("[vvar]", "[vsyscall]"):
                continue
            try:
                memory.seek(start)
                if wanted in memory.read(end - start):
                    return
            except (OSError, OverflowError):
                continue
    stop("absent")


PROCESSES.attack("variables of the server's in memory", "absent", text="secret")(search_memory)
PROCESSES.attack("the key of the connection in memory", "absent", text="key")(search_memory)


# ---- The filter, by way of a tracer


@PROCESSES.attack("a call changed after it was looked at", "EPERM ENOSYS", ROOT)
def change_call(here: Place) -> None:
    """A tracer puts another number in while the call waits; what runs is looked at again."""
    child = os.fork()
    if child == 0:
        call(PTRACE, TRACE_ME, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            call(GETPPID, NEW_UTS)
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    os.waitpid(child, 0)
    call(PTRACE, SET_OPTIONS, child, 0, KILL_WITH_TRACER_AND_MARK_CALLS)
    while True:
        call(PTRACE, NEXT_CALL, child, 0, 0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            break
        if os.WSTOPSIG(status) == signal.SIGTRAP | 0x80:
            registers = ctypes.create_string_buffer(216)
            call(PTRACE, GET_REGISTERS, child, 0, registers)
            if struct.unpack_from("<Q", registers, CALL_NUMBER)[0] == GETPPID:
                call(PTRACE, POKE_USER, child, CALL_NUMBER, UNSHARE)
    if code := os.WEXITSTATUS(status):
        raise OSError(code, os.strerror(code))
