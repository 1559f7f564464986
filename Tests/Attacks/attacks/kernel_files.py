"""What /proc, /sys and control groups show of the machine and let be written."""

from __future__ import annotations

import os
import resource
import signal
import stat

from attacks.definition import OTHERWISE, ROOT, Control, Group
from attacks.tools import Place, call, is_masked, mounts, stop

KERNEL_FILES = Group("kernel files")

SETRLIMIT, PRLIMIT64 = 160, 302
MASKED = [
    *("kcore", "keys", "key-users", "kmsg", "kpagecount", "kpageflags", "kpagecgroup"),
    *("latency_stats", "timer_list", "sched_debug", "vmallocinfo", "config.gz", "kallsyms"),
    *("modules", "slabinfo", "pagetypeinfo", "interrupts"),
]


def read_kernel_file(here: Place, name: str) -> None:
    """Something must come."""
    path = f"/proc/{name}"
    if is_masked(path):
        stop("masked")
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
        if name not in ("kmsg", "keys") and not file.read(8):
            stop("masked")


for name in MASKED:
    if os.path.exists(f"/proc/{name}"):
        refused = "masked EACCES EPERM ENOENT"
        KERNEL_FILES.attack(f"/proc/{name}", refused, ROOT, name=name)(read_kernel_file)


@KERNEL_FILES.attack("addresses of the kernel's", "masked EACCES EPERM", ROOT)
def kernel_addresses(here: Place) -> None:
    """In any file that shows some to those who may see them."""
    for path in ("/proc/kallsyms", "/proc/modules", "/proc/net/unix", "/proc/self/stack"):
        if not os.path.exists(path):
            continue
        with open(path) as file:
            if "ffffffff" in file.read().lower():
                return
    stop("masked")


def open_to_write(here: Place, path: str) -> None:
    """Opened and closed again; nothing is written."""
    if is_masked(path):
        stop("masked")
    os.close(os.open(path, os.O_WRONLY))


WRITTEN = [
    *("sysrq-trigger", "sys/kernel/core_pattern", "sys/kernel/modprobe", "sys/kernel/hostname"),
    *("sys/kernel/hotplug", "sys/kernel/poweroff_cmd", "sys/kernel/ns_last_pid", "sys/fs/file-max"),
    *(
        "sys/kernel/unprivileged_bpf_disabled",
        "sys/kernel/randomize_va_space",
        "sys/vm/drop_caches",
    ),
    *("sys/vm/overcommit_memory", "sys/net/ipv4/ip_forward"),
    *("sys/fs/binfmt_misc/register", "sys/kernel/sysrq", "sys/kernel/kptr_restrict", "mtrr"),
    *("sys/fs/protected_hardlinks", "irq/default_smp_affinity"),
]

for name in WRITTEN:
    if os.path.exists(f"/proc/{name}"):
        refused = "EROFS EACCES EPERM ENOENT masked"
        KERNEL_FILES.attack(f"/proc/{name}, written", refused, ROOT, path=f"/proc/{name}")(
            open_to_write
        )


@KERNEL_FILES.attack("any file of /proc that can be written", "absent", ROOT)
def search_writable_proc(here: Place) -> None:
    """Beside those of processes there is none."""
    for folder, folders, files in os.walk("/proc"):
        if folder == "/proc":
            folders[:] = [name for name in folders if not name.isdigit() and "self" not in name]
        for name in files:
            path = f"{folder}/{name}"
            if os.access(path, os.W_OK) and stat.S_ISREG(os.stat(path).st_mode):
                return
    stop("absent")


@KERNEL_FILES.attack("any file of /sys that can be written", "absent", ROOT)
def search_writable_sys(here: Place) -> None:
    """A processor switched off would be everybody's."""
    for folder, _, files in os.walk("/sys/devices/system"):
        if any(os.access(f"{folder}/{name}", os.W_OK) for name in files):
            return
    stop("absent")


@KERNEL_FILES.attack("more of /sys than the processors", "absent")
def search_sys(here: Place) -> None:
    """Disks, network devices and firmware are nobody's business."""
    if set(os.listdir("/sys")) <= {"devices"} and set(os.listdir("/sys/devices")) <= {"system"}:
        stop("absent")


@KERNEL_FILES.attack("control groups", "absent")
def search_control_groups(here: Place) -> None:
    """No tree of them is mounted, with or without a release_agent."""
    if not any(after[0].startswith("cgroup") for _, after in mounts()):
        stop("absent")


@KERNEL_FILES.attack(
    "names of the host's control groups", "absent", Control(user="root", outcome=None)
)
def name_of_control_group(here: Place) -> None:
    """The inside is the root of what it sees."""
    with open("/proc/self/cgroup") as file:
        if all(line.rstrip().endswith(":/") for line in file):
            stop("absent")


@KERNEL_FILES.attack("a lower score at the end of memory", "EACCES EPERM EROFS", OTHERWISE)
def lower_score(here: Place) -> None:
    """Somebody else would be killed instead."""
    with open("/proc/self/oom_score_adj", "r+") as file:
        own = int(file.read())
        file.seek(0)
        file.write(str(own - 1) if here.is_inside else str(own))


def core_limit() -> int:
    """The limit in force: the host's helper is started unless it is 1 (core(5))."""
    return resource.getrlimit(resource.RLIMIT_CORE)[0]


@KERNEL_FILES.attack("the host's helper for core dumps", "unchanged")
def start_helper(here: Place) -> None:
    """Under a limit of 0 it is started all the same; 1 is the one value under which it is not."""
    if core_limit() == 1:
        stop("unchanged")


def set_by_setrlimit(here: Place, number: int) -> None:
    """A limit of 0."""
    call(SETRLIMIT, number, bytes(16))
    if core_limit() == 1:
        stop("unchanged")


def set_by_prlimit(here: Place, number: int) -> None:
    """A limit of 0, by the newer call."""
    call(PRLIMIT64, 0, number, bytes(16), 0)
    if core_limit() == 1:
        stop("unchanged")


CORE = 4
for way in (set_by_setrlimit, set_by_prlimit):
    call_name = way.__name__.removeprefix("set_by_")
    refused = "unchanged EPERM EINVAL ENOSYS"
    KERNEL_FILES.attack(f"the limit of core dumps by {call_name}", refused, number=CORE)(way)
    KERNEL_FILES.attack(
        f"the limit of core dumps by {call_name}, in 64 bits", refused, number=CORE | 1 << 32
    )(way)


@KERNEL_FILES.attack("the limit of core dumps of a child's", "unchanged EPERM EINVAL ENOSYS")
def set_of_child(here: Place) -> None:
    """The parent sets what the child may not set itself."""
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        call(PRLIMIT64, child, CORE, bytes(16), 0)
        with open(f"/proc/{child}/limits") as file:
            line = next(line for line in file if line.startswith("Max core"))
        if line.split()[4:6] == ["1", "1"]:
            stop("unchanged")
    finally:
        os.kill(child, signal.SIGKILL)


@KERNEL_FILES.attack("a core dump", "absent")
def dump_core(here: Place) -> None:
    """Of a process that asks for one of any size."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
    if not os.WCOREDUMP(os.waitpid(child, 0)[1]):
        stop("absent")
