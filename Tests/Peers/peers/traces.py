"""What kernels may leave on a machine."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from peers.processes import husk_processes, is_left
from peers.waiting import wait_until


def mounts() -> set[str]:
    """Mount points of this namespace."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {" ".join(line.split()[4:6]) for line in lines}


def control_groups() -> set[str]:
    """Every control group directory with Husk's name in its path."""
    return {
        folder
        for folder, _, _ in os.walk("/sys/fs/cgroup")
        if "husk" in folder.removeprefix("/sys/fs/cgroup").lower()
    }


def loose_files() -> set[str]:
    """Files in the places that programs leave them in."""
    places = [Path("/dev/shm"), Path("/run"), Path("/var/tmp")]
    return {str(path) for place in places if place.is_dir() for path in place.glob("*husk*")}


def unix_sockets() -> set[str]:
    """Names of unix sockets with Husk's in them."""
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    names = (line.split()[-1] for line in lines if len(line.split()) == 8)
    return {name for name in names if "husk" in name}


@dataclass
class Traces:
    """What kernels may leave on a machine, and what was there before."""

    processes: set[int] = field(default_factory=lambda: set(husk_processes()))
    mounts: set[str] = field(default_factory=mounts)
    groups: set[str] = field(default_factory=control_groups)
    sockets: set[str] = field(default_factory=unix_sockets)
    files: set[str] = field(default_factory=loose_files)

    def left(self) -> dict[str, list[str]]:
        """What is there now and was not before."""
        now = husk_processes()
        found = {
            "processes": [now[pid] for pid in now.keys() - self.processes if is_left(pid)],
            "mounts": sorted(mounts() - self.mounts),
            "control groups": sorted(control_groups() - self.groups),
            "sockets": sorted(unix_sockets() - self.sockets),
            "files": sorted(loose_files() - self.files),
        }
        return {kind: names for kind, names in found.items() if names}

    def check_nothing_is_left(self, timeout: float) -> None:
        """Waits until nothing is left; says what is, after the timeout."""
        with suppress(TimeoutError):
            wait_until(lambda: not self.left(), timeout, "a machine without traces", interval=0.1)
        left = self.left()
        if left:
            raise AssertionError(f"left: {left}")
