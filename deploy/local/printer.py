"""The output of several programs as one, line by line."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

COLOURS = (36, 35, 33, 32)  # ANSI: cyan, magenta, yellow, green


class Printer:
    """Writes whole lines to standard output, each with the name of who said it."""

    def __init__(self, names: Sequence[str]) -> None:
        coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        width = max(map(len, names))
        self._prefixes = {}
        for index, name in enumerate(names):
            prefix = f"{name:{width}} | "
            if coloured:
                prefix = f"\x1b[{COLOURS[index % len(COLOURS)]}m{prefix}\x1b[0m"
            self._prefixes[name] = prefix.encode()

    async def forward(self, name: str, output: asyncio.StreamReader) -> None:
        """Write what `output` brings until it ends, one line at a time."""
        pending = b""
        while chunk := await output.read(65536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._write(self._prefixes[name] + line)
        if pending:
            self._write(self._prefixes[name] + pending)

    def say(self, line: str) -> None:
        """Write a line of the supervisor's own."""
        self._write(line.encode())

    def _write(self, line: bytes) -> None:
        # A reader that went away (`make run | head`) is no reason to end, nor to let a service
        # block on a pipe that nobody empties.
        with suppress(OSError):
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()
