"""The output of several programs as one, line by line."""

from __future__ import annotations

import os
import queue
import sys
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

MOST_LINES = 10_000  # that wait for a reader who has stopped, say by Ctrl-S
COLOURS = (36, 35, 33, 32)  # ANSI: cyan, magenta, yellow, green


class Printer:
    """Writes whole lines to standard output, each with the name of who said it.

    It is waited for by nobody: what stops reading (`make run | less`) holds up neither a service
    nor the end of all. Lines beyond `MOST_LINES` are counted instead.
    """

    def __init__(self, names: Sequence[str]) -> None:
        coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        width = max(map(len, names))
        self._prefixes = {}
        for index, name in enumerate(names):
            prefix = f"{name:{width}} | "
            if coloured:
                prefix = f"\x1b[{COLOURS[index % len(COLOURS)]}m{prefix}\x1b[0m"
            self._prefixes[name] = prefix.encode()
        self._lines: queue.Queue[bytes | None] = queue.Queue(MOST_LINES)
        self._missed = 0
        self._writing = Thread(target=self._write_all, daemon=True)
        self._writing.start()

    async def forward(self, name: str, output: asyncio.StreamReader) -> None:
        """Write what `output` brings until it ends, one line at a time."""
        pending = b""
        while chunk := await output.read(65536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._put(self._prefixes[name] + line)
        if pending:
            self._put(self._prefixes[name] + pending)

    def say(self, line: str) -> None:
        """Write a line of the supervisor's own."""
        self._put(line.encode(errors="replace"))

    def close(self, *, within_s: float) -> None:
        """Return when all is written, or nothing more has found a reader within `within_s`."""
        with suppress(queue.Full):
            if self._missed:
                self._lines.put(self._of_missed(), timeout=within_s)
            self._lines.put(None, timeout=within_s)
            left = self._lines.qsize() + 1
            while self._writing.is_alive() and self._lines.qsize() < left:
                left = self._lines.qsize()
                self._writing.join(within_s)

    def _put(self, line: bytes) -> None:
        try:
            if self._missed:
                self._lines.put_nowait(self._of_missed())
                self._missed = 0
            self._lines.put_nowait(line)
        except queue.Full:
            self._missed += 1

    def _of_missed(self) -> bytes:
        return b"%d lines found no reader" % self._missed

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            rest = line + b"\n"
            # A reader that went away (`make run | head`) is no reason to end. Not by way of
            # sys.stdout: Python itself waits for that as it ends.
            with suppress(OSError):
                while rest:
                    rest = rest[os.write(1, rest) :]
