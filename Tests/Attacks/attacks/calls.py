"""System calls that exist for nobody inside, by their numbers, whatever their arguments."""

from __future__ import annotations

import errno

from attacks.definition import OTHERWISE, Control, Group
from attacks.tools import Place, call

CALLS = Group("calls")

ANY = (2**64 - 1,) * 6
NONE = (0,) * 6

# What is given outside does no harm: it is refused for another reason, or changes nothing.
TABLE: dict[str, tuple[int, tuple[object, ...]]] = {
    "uselib": (134, NONE),
    "ustat": (136, NONE),
    "sysfs": (139, (3,)),
    "modify_ldt": (154, (0, 0, 0)),
    "pivot_root": (155, NONE),
    "_sysctl": (156, NONE),
    "adjtimex": (159, NONE),
    "chroot": (161, NONE),
    "acct": (163, (b"/nonexistent/file",)),
    "settimeofday": (164, NONE),
    "mount": (165, NONE),
    "umount2": (166, NONE),
    "swapon": (167, NONE),
    "swapoff": (168, NONE),
    "reboot": (169, NONE),
    "sethostname": (170, (0, 2**31)),
    "setdomainname": (171, (0, 2**31)),
    "iopl": (172, NONE),
    "ioperm": (173, (0, 1, 0)),
    "create_module": (174, NONE),
    "init_module": (175, NONE),
    "delete_module": (176, NONE),
    "get_kernel_syms": (177, NONE),
    "query_module": (178, NONE),
    "quotactl": (179, ANY),
    "nfsservctl": (180, NONE),
    "lookup_dcookie": (212, NONE),
    "remap_file_pages": (216, NONE),
    "vserver": (236, NONE),
    "kexec_load": (246, (0, 0, 0, 0xFFFF)),
    "add_key": (248, NONE),
    "request_key": (249, NONE),
    "keyctl": (250, (11, 0, 0, 0, 0)),
    "migrate_pages": (256, NONE),
    "unshare": (272, NONE),
    "move_pages": (279, NONE),
    "perf_event_open": (298, NONE),
    "fanotify_init": (300, NONE),
    "fanotify_mark": (301, ANY),
    "open_by_handle_at": (304, (2**64 - 1, 0, 0)),
    "clock_adjtime": (305, NONE),
    "setns": (308, (2**64 - 1, 0)),
    "kcmp": (312, NONE),
    "finit_module": (313, (2**64 - 1, 0, 0)),
    "kexec_file_load": (320, ANY),
    "bpf": (321, NONE),
    "userfaultfd": (323, NONE),
    "io_uring_setup": (425, NONE),
    "io_uring_enter": (426, (2**64 - 1, 0, 0, 0, 0, 0)),
    "io_uring_register": (427, (2**64 - 1, 0, 0, 0)),
    "open_tree": (428, ANY),
    "move_mount": (429, ANY),
    "fsopen": (430, NONE),
    "fsconfig": (431, ANY),
    "fsmount": (432, ANY),
    "fspick": (433, ANY),
    "clone3": (435, NONE),
    "openat2": (437, (2**64 - 1, 0, 0, 0)),
    "pidfd_getfd": (438, (2**64 - 1, 0, 0)),
    "mount_setattr": (442, ANY),
    "quotactl_fd": (443, ANY),
    "memfd_secret": (447, ANY),
    "process_mrelease": (448, (2**64 - 1, 0)),
    "set_mempolicy_home_node": (450, (0, 0, 0, 1)),
    "fchmodat2": (452, (2**64 - 1, b"", 0, 0)),
    "map_shadow_stack": (453, NONE),
    "statmount": (457, NONE),
    "listmount": (458, NONE),
    "lsm_get_self_attr": (459, NONE),
    "lsm_set_self_attr": (460, NONE),
    "lsm_list_modules": (461, NONE),
    "setxattrat": (463, ANY),
    "getxattrat": (464, ANY),
    "listxattrat": (465, ANY),
    "removexattrat": (466, ANY),
    "open_tree_attr": (467, ANY),
    "file_getattr": (468, ANY),
    "file_setattr": (469, ANY),
    "clock_settime": (227, NONE),
    "syslog": (103, (10, 0, 0)),
    "vhangup": (153, NONE),
    "a number that there is not": (999, NONE),
}


def make_all(calls: list[tuple[object, ...]]) -> None:
    """Makes one call after another: the last refusal is told, and anything else at once."""
    refusal = OSError()
    for words in calls:
        try:
            call(*words)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EPERM):
                raise
            refusal = error
        else:
            return
    raise refusal


def make_call(here: Place, number: int, words: tuple[object, ...]) -> None:
    """Inside with other arguments too."""
    vectors = [words, NONE, ANY] if here.is_inside else [words]
    make_all([(number, *vector) for vector in vectors])


for name, (number, words) in TABLE.items():
    CALLS.attack(name, "ENOSYS EPERM", OTHERWISE, number=number, words=words)(make_call)


def all_numbers(here: Place, first: int, last: int) -> None:
    """None of these numbers is known."""
    make_all([(number, *ANY) for number in range(first, last)])


CALLS.attack("numbers of calls to come", "ENOSYS EPERM", OTHERWISE, first=463, last=600)(
    all_numbers
)


@CALLS.attack("x32 numbers", "SIGSYS", Control(outcome=None))
def other_numbers(here: Place) -> None:
    """Bit 30 asks for the calls of another ABI."""
    call(0x4000_0000 | 39)
