"""A bounded queue of what is still to be sent to one socket."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from services.notifier.frames import Frame

MAX_FRAMES: Final = 256
MAX_BYTES: Final = 256 * 1024


class Outbox:
    """Frames for one socket, in order; full at `MAX_FRAMES` or above `MAX_BYTES`."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._size_bytes = 0
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()

    @property
    def full(self) -> bool:
        return len(self._frames) >= MAX_FRAMES or self._size_bytes > MAX_BYTES

    def offer(self, frame: Frame) -> bool:
        """Add `frame`; False, and not added, if the outbox is full."""
        if self.full:
            return False
        self._frames.append(frame)
        self._size_bytes += len(frame.data)
        self._filled.set()
        return True

    async def put(self, frame: Frame) -> None:
        """Add `frame`, waiting for room."""
        while not self.offer(frame):
            self._drained.clear()
            await self._drained.wait()

    async def get(self) -> Frame:
        """Take the next frame, waiting for one."""
        while not self._frames:
            self._filled.clear()
            await self._filled.wait()
        frame = self._frames.popleft()
        self._size_bytes -= len(frame.data)
        if not self.full:
            self._drained.set()
        return frame
