"""Which of the sandbox's limits an error is about, in words that programs and people understand."""

from __future__ import annotations

import errno
import traceback

# What the server's own refusals are called too; the option that sets the limit stands behind.
_BY_NUMBER = {
    errno.ENOSPC: ("disk_full", "--disk"),
    errno.EDQUOT: ("disk_full", "--disk"),
    errno.EFBIG: ("file_size", "--file-size"),
    errno.EMFILE: ("open_files", "--open-files"),
    errno.ENOMEM: ("out_of_memory", "--memory"),
}
_STARTS = {"fork", "_fork_exec", "_execute_child", "start", "start_new_thread", "forkpty", "posix_spawn"}


def refusal(error: BaseException | None) -> tuple[str, str] | None:
    """Return the name of the limit that an error, or one behind it, came from, and the option that sets it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if (found := _of_one(error)) is not None:
            return found
        error = error.__cause__ or error.__context__
    return None


def _of_one(error: BaseException) -> tuple[str, str] | None:
    if isinstance(error, MemoryError):
        return ("out_of_memory", "--memory")
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return ("processes", "--pids")
    if isinstance(error, OSError):
        # EAGAIN has many meanings; where something was to be started it has one.
        if error.errno == errno.EAGAIN and _STARTS.intersection(_functions(error)):
            return ("processes", "--pids")
        return _BY_NUMBER.get(error.errno or 0)
    return None


def _functions(error: BaseException) -> set[str]:
    frames = traceback.extract_tb(error.__traceback__)
    # A fork is a function without a frame of its own: the line that calls it says it.
    words = {
        word for frame in frames for word in (frame.line or "").replace("(", " ").replace(".", " ").split()
    }
    return words | {frame.name for frame in frames}
