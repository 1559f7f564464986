"""What the sandbox uses: the reply to a usage request, in the shape of ipykernel's."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

_before: dict[str, tuple[float, float]] = {}


def usage() -> dict[str, Any]:
    """Return the processor time and the memory of all processes in the sandbox, and of the machine."""
    busy, memory = _processes()
    host_busy, host_total = _host_ticks()
    content: dict[str, Any] = {
        "hostname": socket.gethostname(),
        "pid": os.getpid(),
        "kernel_cpu": _rate("kernel", busy / _TICKS, time.monotonic()),
        "kernel_memory": memory,
        "cpu_count": os.cpu_count(),
        "host_virtual_memory": _memory(),
    }
    percent = _rate("host", host_busy, host_total)
    if percent > 0:
        content["host_cpu_percent"] = percent
    return content


def _rate(name: str, amount: float, whole: float) -> float:
    """Return the percentage since the last call; 0 the first time, as psutil does."""
    amount_before, whole_before = _before.get(name, (amount, whole))
    _before[name] = amount, whole
    return round(100 * (amount - amount_before) / (whole - whole_before), 1) if whole > whole_before else 0.0


def _processes() -> tuple[int, int]:
    ticks = memory = 0
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                # The name in parentheses may hold anything (proc(5)).
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
        memory += int(fields[21]) * _PAGE
    return ticks, memory


def _host_ticks() -> tuple[int, int]:
    with open("/proc/stat", encoding="ascii") as file:
        numbers = [int(field) for field in file.readline().split()[1:9]]
    return sum(numbers) - numbers[3] - numbers[4], sum(numbers)


def _memory() -> dict[str, float]:
    sizes: dict[str, int] = {}
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            sizes[name] = int(rest.split()[0]) * 1024
    total, available = sizes["MemTotal"], sizes["MemAvailable"]
    return {
        "total": total,
        "available": available,
        "percent": round(100 * (total - available) / total, 1),
        "used": total - available,
        "free": sizes["MemFree"],
        "active": sizes.get("Active", 0),
        "inactive": sizes.get("Inactive", 0),
        "buffers": sizes.get("Buffers", 0),
        "cached": sizes.get("Cached", 0),
        "shared": sizes.get("Shmem", 0),
        "slab": sizes.get("Slab", 0),
    }
