"""Standing back for other processes of the machine, where there are not cores for all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_AUTOGROUP: Final = Path("/proc/self/autogroup")
"""Where Linux groups what it schedules by sessions (sched(7)), niceness counts for nothing between
sessions, but that of each session's group does."""


def stand_back(nice: int) -> None:
    """Be `nice` (0 to 19) as a process and, if it is a session of its own, as that session.

    Threads and children that are made later are so, too.
    """
    if not nice:
        return
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        # There is none everywhere; and but for root, each has to wait a moment for the last.
        with contextlib.suppress(OSError):
            _AUTOGROUP.write_text(str(nice))
