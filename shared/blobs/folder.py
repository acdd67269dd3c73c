"""Blobs written to a folder by whoever has them.

obstore has its threads do it: a write is handed from one to the next five times, which on a busy
machine takes longer than the write, and twice its CPU time.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from shared.tasks import seen_through

QUICK_S: Final = 0.002
"""A write takes less on average where the kernel keeps what is written, and syncs it later. One may
take longer by itself on a busy machine, which is not the disk's doing."""

AVERAGED: Final = 128
"""Of about how many writes that is the average."""

REST: Final = 50
"""Slow writes are followed by so many times their length without any: the event loop waits for a
file system that is slow, far away or busy, for a fiftieth of its time."""

_UNFINISHED: Final = re.compile(r"#\d+$")
"""How the names end under which a file is written until it is whole."""


class Folder:
    """Writes files below `root` as obstore does: beside their place, then moved there."""

    def __init__(self, root: Path) -> None:
        # As obstore takes it: a link that leads elsewhere later does not lead us there.
        self._root = root.resolve()
        self._place = os.fspath(self._root)
        self._average_s = 0.0
        self._slow_until_s = float("-inf")

    def is_quick(self) -> bool:
        """Say whether a write is worth waiting for; if not, it belongs on a thread."""
        return time.monotonic() >= self._slow_until_s

    def is_there(self) -> bool:
        """Say whether there is a folder at all: what it is on may have been taken away."""
        return self._root.is_dir()

    def is_writable(self) -> bool:
        """Say whether files may be made here.

        Not by others than its owner, say, nor on a disk that has become read-only for its faults.
        """
        return os.access(self._place, os.W_OK | os.X_OK)

    def write(self, name: str, content: bytes) -> None:
        """Store `content` as `name`; raises `OSError`, and nothing is stored then."""
        with self._judged():
            file = self._new(name)
            try:
                file.write(content)
                file.finish()
            finally:
                file.discard()

    def begin(self, name: str) -> NewFile:
        """Return the file that will be `name`. Raises `OSError`."""
        with self._judged():
            return self._new(name)

    def _new(self, name: str) -> NewFile:
        path = f"{self._place}/{name}"
        try:
            return NewFile(path)
        except FileNotFoundError:
            # Not the folder itself: what is written below another one would be hidden by it.
            if not self.is_there():
                raise
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            return NewFile(path)

    async def append(self, file: NewFile, content: bytes) -> None:
        """Write more of `file`; raises `OSError`."""
        await self._done(partial(file.write, content))

    async def finish(self, file: NewFile) -> None:
        """Put `file` in its place; raises `OSError`.

        Some file systems write only now what they were given: NFS, as a file is closed.
        """
        await self._done(file.finish)

    async def discard(self, file: NewFile) -> None:
        """Remove `file` if it was not finished."""
        if not file.is_finished:
            await self._done(file.discard)

    async def _done(self, move: Callable[[], None]) -> None:
        if self.is_quick():
            with self._judged():
                move()
            return
        # The file is not closed under its hands: the number of a closed one may soon be another's.
        # No task: those the end of the loop would cancel while their threads go on.
        await seen_through(asyncio.get_running_loop().run_in_executor(None, move))

    @contextmanager
    def _judged(self) -> Iterator[None]:
        started_s = time.monotonic()
        try:
            yield
        finally:
            ended_s = time.monotonic()
            self._average_s += (ended_s - started_s - self._average_s) / AVERAGED
            if self._average_s > QUICK_S:
                self._slow_until_s = ended_s + REST * AVERAGED * self._average_s
                self._average_s = 0.0

    def remove_unfinished(self, folder: str, before: datetime) -> int:
        """Remove from `folder` what writes cut off before that time have left; returns how many.

        A process that dies as it writes leaves a file beside the blob that was to be. Raises
        `OSError`.
        """
        removed = 0
        for path in (self._root / folder).rglob("*#*"):
            with suppress(FileNotFoundError):  # the write has ended meanwhile
                modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                if _UNFINISHED.search(path.name) and modified < before:
                    path.unlink()
                    removed += 1
        return removed


class NewFile:
    """A file that lies beside its place until it is finished; what is not is discarded."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._beside = f"{path}#{secrets.randbits(32)}"
        self._file = _opened(self._beside)
        self._is_open = True
        self.is_finished = False

    def write(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[os.write(self._file, left) :]

    def finish(self) -> None:
        """Put it in its place."""
        self._close()
        os.replace(self._beside, self._path)  # noqa: PTH105  # a `Path` takes as long as the rest
        self.is_finished = True

    def discard(self) -> None:
        """Remove it if it was not finished."""
        if self.is_finished:
            return
        with suppress(OSError):  # what could not be written may be said again as it is closed
            self._close()
        with suppress(OSError):
            Path(self._beside).unlink()

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._file)


def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
