"""What has run out when an error is raised, in words that programs understand."""

from __future__ import annotations

import errno
import traceback

# What the server's own refusals are called too.
_BY_NUMBER = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EFBIG: "file_size",
    errno.EMFILE: "open_files",
    errno.ENOMEM: "out_of_memory",
}
_STARTS = {"fork", "_fork_exec", "_execute_child", "start", "start_new_thread", "forkpty", "posix_spawn"}


def refusal(error: BaseException | None) -> str | None:
    """Return what an error, or one behind it, says has run out."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if (found := _of_one(error)) is not None:
            return found
        error = error.__cause__ or error.__context__
    return None


def _of_one(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return "out_of_memory"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "processes"
    if isinstance(error, OSError):
        # EAGAIN has many meanings; where something was to be started it has one.
        if error.errno == errno.EAGAIN and _STARTS.intersection(_functions(error)):
            return "processes"
        return _BY_NUMBER.get(error.errno or 0)
    return None


def _functions(error: BaseException) -> set[str]:
    frames = traceback.extract_tb(error.__traceback__)
    # A fork is a function without a frame of its own: the line that calls it says it.
    words = {
        word for frame in frames for word in (frame.line or "").replace("(", " ").replace(".", " ").split()
    }
    return words | {frame.name for frame in frames}
