"""Runs a service that dies at a failpoint: `python -m tests.chaos.failing tagger --at POINT:3`.

At its third passing from now the process sends itself SIGKILL; with `POINT:3:stop`, SIGSTOP.
`--board FILE`: the failpoint is written there, at any time, by `arm`; `--fired FILE`: there the
process notes it. `--poison FILE`: it also dies whenever it reads a photo that ends in `POISON` and
a name, and notes the name in FILE before. `--clock-s N`: its clock is so much ahead of the others'.
With none of it, it is the service as it is.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import inspect
import mmap
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

from tests.chaos.points import BEFORE, POINTS, Seam

POISON: Final = b"tagline-poison:"
BOARD_BYTES: Final = 64
GET: Final = "shared.blobs.store:BlobStore.get"


def wrap(place: str, *, before: Callable[[], None], after: Callable[[Any], None]) -> None:
    """Have `before` called before the function at `place`, and `after` with what it returned."""
    owner, name = found(place)
    inner = getattr(owner, name)
    if inspect.iscoroutinefunction(inner):

        @wraps(inner)
        async def around(*args: Any, **named: Any) -> Any:
            before()
            result = await inner(*args, **named)
            after(result)
            return result
    else:

        @wraps(inner)
        def around(*args: Any, **named: Any) -> Any:
            before()
            result = inner(*args, **named)
            after(result)
            return result

    setattr(owner, name, around)


def found(place: str) -> tuple[Any, str]:
    """Return the class and the name of the function at `place`. Raises `AttributeError`."""
    module, _, path = place.partition(":")
    owner, name = path.split(".")
    holder = getattr(importlib.import_module(module), owner)
    getattr(holder, name)
    return holder, name


class Board:
    """Says at which failpoint to die, and counts how often it is come by since it says so.

    A piece of memory that the process shares with whoever arms it: looking costs nothing.
    """

    def __init__(
        self, shared: mmap.mmap, die: Callable[[str], None], stop: Callable[[], None]
    ) -> None:
        self._shared = shared
        self._die = die
        self._stop = stop
        self._armed = b""
        self._passed = 0

    def watch(self, name: str, seam: Seam) -> None:
        """Have the process come by the failpoint `name` at its seam."""
        wrap(
            seam.place,
            before=lambda: self._pass(name) if seam.side == BEFORE else None,
            after=lambda _: None if seam.side == BEFORE else self._pass(name),
        )

    def _pass(self, name: str) -> None:
        if not self._shared[0]:
            return
        text = self._shared[:].rstrip(b"\0")
        if text != self._armed:
            self._armed, self._passed = text, 0
        point, passing, *stop = text.decode().split(":")
        if point == name:
            self._passed += 1
            if self._passed < int(passing):
                return
            if not stop:
                self._die(name)
            elif self._passed == int(passing):
                self._stop()


def arm(board: Path, point: str = "", passing: int = 1, *, stop: bool = False) -> None:
    """Have the process that looks at `board` die, or stand still, at `point`; or nowhere."""
    text = f"{point}:{passing}{':stop' if stop else ''}".encode() if point else b""
    if not board.exists():
        board.write_bytes(bytes(BOARD_BYTES))
    with board.open("r+b") as file:
        file.write(text.ljust(BOARD_BYTES, b"\0"))


def _shared(board: Path) -> mmap.mmap:
    with board.open("r+b") as file:
        return mmap.mmap(file.fileno(), BOARD_BYTES)


def die_of_poison(notes: Path) -> None:
    def look(data: bytes) -> None:
        _, marked, name = data.rpartition(POISON)
        if marked:
            _die(notes, name.decode())

    wrap(GET, before=lambda: None, after=look)


def _stand_still() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _set_clock(ahead_s: float) -> None:
    true_s = time.time
    time.time = lambda: true_s() + ahead_s


def _die(notes: Path | None, why: str) -> None:
    if notes is not None:
        with notes.open("ab", buffering=0) as file:
            file.write(f"{why}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", choices=POINTS)
    parser.add_argument("--at", help="<failpoint>:<passing>[:stop]")
    parser.add_argument("--board", type=Path)
    parser.add_argument("--fired", type=Path)
    parser.add_argument("--poison", type=Path)
    parser.add_argument("--clock-s", type=float, default=0.0)
    options = parser.parse_args()
    faulthandler.register(signal.SIGUSR1)  # where every thread is, for who asks
    _set_clock(options.clock_s)
    shared = _shared(options.board) if options.board else mmap.mmap(-1, BOARD_BYTES)
    if options.at:
        shared.write(options.at.encode())
    board = Board(shared, lambda name: _die(options.fired, name), _stand_still)
    for name, seam in POINTS[options.service].items():
        board.watch(name, seam)
    if options.poison:
        die_of_poison(options.poison)
    sys.argv[1:] = []
    runpy.run_module(f"services.{options.service}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
