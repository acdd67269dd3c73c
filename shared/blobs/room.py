"""Whether there is room for more blobs where they lie."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Final

from shared.errors import NoRoomError, UnavailableError

LOOK_EVERY_S: Final = 1.0
"""For how long what was found holds, less what was put here since. What others write meanwhile is
unseen."""


class Room:
    """What is free on the file system of `folder`, of which `least_bytes` are to stay free.

    A disk that is full stops more than uploads: the database that writes to it, too.
    """

    def __init__(self, folder: Path, *, least_bytes: int) -> None:
        self._folder = folder
        self._least_bytes = least_bytes
        self._free_bytes = 0
        self._looked_s = float("-inf")

    async def check(self) -> None:
        """Raise `NoRoomError` if there is none, `UnavailableError` if the folder is away."""
        if await self.free_bytes() < self._least_bytes:
            raise NoRoomError(f"less than {self._least_bytes} bytes are free")

    def took(self, size_bytes: int) -> None:
        """Note that so much was put here: in a second a disk may take more than is to stay."""
        self._free_bytes -= size_bytes

    async def free_bytes(self) -> int:
        """Return how much is free. Raises `UnavailableError` if the folder is away."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            try:
                # On a thread: a file system may be one that does not answer.
                self._free_bytes = (await asyncio.to_thread(shutil.disk_usage, self._folder)).free
            except OSError as error:
                raise UnavailableError("blobs") from error
            self._looked_s = now_s
        return self._free_bytes
