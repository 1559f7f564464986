"""What a cell can take so much of that others have too little."""

from __future__ import annotations

from dataclasses import dataclass

HELPERS = """
import contextlib, ctypes, errno, os, signal, struct, subprocess, sys, threading, time

LIBC = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    outcome = LIBC.syscall(ctypes.c_long(number), *arguments)
    if outcome == -1:
        raise OSError(ctypes.get_errno(), "")
    return outcome

def take(get, most):
    "Takes until there is no more, or as much as asked for; tells which."
    held = []
    try:
        for _ in range(most):
            held.append(get())
    except OSError as error:
        return held, errno.errorcode[error.errno]
    except (MemoryError, RuntimeError):
        return held, "EAGAIN"
    return held, "succeeded"

def child():
    "A child that waits."
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    return pid

def thread():
    "A thread that waits."
    one = threading.Thread(target=done.wait, daemon=True)
    one.start()
    return one

done = threading.Event()

def orphan():
    "A process that ends at once, and whose parent has ended before."
    pid = os.fork()
    if pid == 0:
        try:
            os.fork()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise OSError(status, "")

def zombie():
    "A process that has ended and that nobody asks about."
    if os.fork() == 0:
        os._exit(0)

def fill(folder, size):
    "Writes a megabyte to a file, again and again."
    with open(f"{folder}/filled-{os.getpid()}", "wb", buffering=0) as file:
        outcome = take(lambda: file.write(bytes(1 << 20)), size)
    os.unlink(f"{folder}/filled-{os.getpid()}")
    return outcome

def fill_two(one, other, size):
    "The same in a folder while another one is half full."
    with open(f"{one}/kept", "wb") as file:
        file.write(bytes(size << 20))
    return fill(other, size)

def litter(folder, count):
    "Makes empty files."
    os.makedirs(f"{folder}/litter", exist_ok=True)
    names = iter(range(10**9))
    return take(lambda: open(f"{folder}/litter/{next(names)}", "x").close(), count)

def timer():
    "A timer of POSIX's: it takes one of the signals that may wait."
    number = ctypes.c_int()
    call(222, 1, 0, ctypes.byref(number))

def wide_pipe():
    "A pipe of the size that every new one has, while there is room."
    import fcntl
    near, far = os.pipe()
    if fcntl.fcntl(near, 1032) < 65536:
        os.close(near), os.close(far)
        raise OSError(errno.ENOBUFS, "")
    return near, far
"""


@dataclass(frozen=True)
class Limit:
    """Something that a limit of the sandbox's stops."""

    name: str
    code: str
    """An expression; the second part of its value is what stopped it."""
    refused: str
    options: tuple[str, ...]
    """Options of `husk kernel` with which it is stopped; without them it is not."""
    free: tuple[str, ...] = ()
    """Options with which it is not."""


LIMITS = [
    Limit("processes", "take(child, 100)", "EAGAIN", ("--pids", "64"), ("--pids", "400")),
    Limit("threads", "take(thread, 100)", "EAGAIN", ("--pids", "64"), ("--pids", "400")),
    Limit("zombies", "take(zombie, 100)", "EAGAIN", ("--pids", "64"), ("--pids", "400")),
    Limit(
        "descriptors",
        "take(lambda: os.open('/dev/null', 0), 400)",
        "EMFILE",
        ("--open-files", "128"),
    ),
    Limit(
        "sockets",
        "take(__import__('socket').socketpair, 200)",
        "EMFILE",
        ("--open-files", "128"),
    ),
    Limit("a file's size", "fill('/tmp', 4)", "EFBIG", ("--file-size", "2M")),
    Limit("a file's size in the work folder", "fill('.', 4)", "EFBIG", ("--file-size", "2M")),
    *(
        Limit(f"space in {folder}", f"fill({folder!r}, 100)", "ENOSPC", ("--disk", "64M"))
        for folder in ("/tmp", "/var/tmp", "/dev/shm", "/home/user")
    ),
    Limit("space in the layer", "fill(sys.prefix, 100)", "ENOSPC", ("--disk", "64M")),
    Limit("space in two folders", "fill_two('/tmp', '/dev/shm', 40)", "ENOSPC", ("--disk", "64M")),
    Limit("files without content", "litter('/tmp', 20_000)", "ENOSPC", ("--disk", "64M")),
]


@dataclass(frozen=True)
class Share:
    """Something of which the whole machine, or a user, has a number."""

    name: str
    get: str
    """A name of the helpers': takes one."""
    most: int
    is_of_a_user: bool = False
    """Whether it is counted by user: who is the same user outside has the same number."""


SHARES = [
    Share("instances of inotify", "lambda: call(294, 0)", 1000),
    Share("terminals", "lambda: os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)", 5000),
    Share("timers", "timer", 200_000),
    Share("pipes of full size", "wide_pipe", 3000, is_of_a_user=True),
]


@dataclass(frozen=True)
class Hog:
    """Something that never ends and leaves nobody else a processor."""

    name: str
    code: str
    options: tuple[str, ...] = ()


FORKS = "while True:\n    try: os.fork()\n    except OSError: pass"
HOGS = [
    Hog("fifty processes", "for _ in range(50):\n    if os.fork() == 0:\n        while True: pass"),
    Hog("processes that make processes", FORKS, ("--pids", "200")),
    Hog(
        "fifty threads",
        "for _ in range(50): threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()",
    ),
    Hog("text without an end", "while True: print('x' * 1000)"),
    Hog("text of a child's", "subprocess.Popen(['yes', 'x' * 1000])"),
    Hog("pictures without an end", "while True: display({'image/png': 'A' * 1_000_000}, raw=True)"),
    Hog("lines without an end", "while True: print('x', flush=True)"),
    Hog("system calls", "while True: os.stat('/')"),
    Hog("memory that comes and goes", "while True: bytearray(200 << 20)"),
]
