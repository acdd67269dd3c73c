"""What a process did, line by line, in a file that outlives its SIGKILL."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".journal"

SENDING = "sending"
ACCEPTED = "accepted"
UNKNOWN = "unknown"
"""Of producers: before enqueueing, after it returned, after it raised that Redis is away."""

FETCHED = "fetched"
STARTED = "started"
DONE = "done"
ACKED = "acked"
DYING = "dying"
"""Of consumers. `acked`: the server said that it acknowledged the entry, now and for us."""


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One line. `at_ns` is the machine's monotonic clock, the same for all processes."""

    at_ns: int
    what: str
    message_id: str
    process: str


class Journal:
    """Appends to the file of one process; every line is there before `note` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, what: str, message_id: str) -> None:
        os.write(self._file, f"{time.monotonic_ns()} {what} {message_id}\n".encode())


def path_of(folder: Path, process: str) -> Path:
    """Return the file of a process in `folder`."""
    return folder / f"{process}{SUFFIX}"


def read(folder: Path) -> list[Event]:
    """Return what all processes noted, in the order of time."""
    events = []
    for path in folder.glob(f"*{SUFFIX}"):
        process = path.name.removesuffix(SUFFIX)
        for line in path.read_text().splitlines():
            at_ns, what, message_id = line.split()
            events.append(Event(int(at_ns), what, message_id, process))
    return sorted(events)
