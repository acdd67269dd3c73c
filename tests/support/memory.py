"""What memory a process takes, as Linux tells it."""

from __future__ import annotations

from pathlib import Path


def rss_mb(pid: int) -> float:
    """Return what it takes now, in MB."""
    return _megabytes(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the most it has taken, in MB."""
    return _megabytes(pid, "VmHWM")


def _megabytes(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
