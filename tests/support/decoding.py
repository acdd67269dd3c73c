"""The children of a decoder that runs in this process."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def children() -> set[int]:
    """Return our child processes, zombies too."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread of another test that has just ended
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def working(pid: int) -> bool:
    """Return whether a process has a picture in its hands: it is running, and not waiting."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "R"
