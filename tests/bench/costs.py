"""What processes have cost so far: CPU time and memory, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import redis

from tests.support.memory import peak_mb, rss_mb
from tests.support.processes import descendants

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has had so far, all its threads together."""
    text = Path(f"/proc/{pid}/stat").read_text()
    user, system = text[text.rindex(")") + 2 :].split()[11:13]
    return (int(user) + int(system)) / TICKS_A_SECOND


def family_cpu_s(pid: int) -> float:
    """Return the same of a process and all that run below it."""
    return sum(map(cpu_s, [pid, *descendants(pid)]))


def server_bytes(client: redis.Redis) -> int:
    """Return what a server's data take."""
    memory: Any = client.info("memory")
    return int(memory["used_memory"])


def family_mb(pid: int) -> float:
    """Return what a process and all that run below it take now, in MB."""
    return sum(map(rss_mb, [pid, *descendants(pid)]))


def family_peak_mb(pid: int) -> float:
    """Return the most that each of them has taken, together."""
    return sum(map(peak_mb, [pid, *descendants(pid)]))
