"""The three streams that a process is started with, or should be."""

from __future__ import annotations

import os
import sys
from typing import Final

LAST: Final = 2
"""The number of stderr, after stdin and stdout."""


def open_the_closed() -> None:
    """Open what is closed of stdin, stdout and stderr, onto nothing.

    What is opened next would have the number of what is closed. libuv aborts a process that closes
    such a number, and what somebody prints would go to whoever is connected by it.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= LAST:
        os.set_inheritable(number, True)
    os.close(number)
    # Of what was closed when it started, Python has made None.
    for name, number in (("stdout", 1), ("stderr", LAST)):
        if getattr(sys, name) is None:
            stream = open(number, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
