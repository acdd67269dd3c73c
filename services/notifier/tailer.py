"""Follows one lane with blocking reads and hands every entry to the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from redis.exceptions import ResponseError

from shared.errors import UnavailableError
from shared.progress import LaneEntry, Lanes, Reach
from shared.redis import AWAY, closing, connect_blocking

BLOCK_MS: Final = 5_000
AWAY_PAUSE_S: Final = 0.2

logger = structlog.stdlib.get_logger()


class Tailer:
    """Reads a lane from a position on, over a connection of its own, until stopped.

    While Redis is away it keeps its place. `deliver` gets each entry once, in order;
    `on_break` is called when the lane no longer reaches back to that place: the server
    was wiped or replaced, and what happened in between cannot be told.
    """

    def __init__(
        self,
        lane: int,
        position: str,
        *,
        redis_url: str,
        lanes: Lanes,
        deliver: Callable[[LaneEntry], None],
        on_break: Callable[[int], None],
    ) -> None:
        self.lane = lane
        self.position = position
        self._redis_url = redis_url
        self._lanes = lanes
        self._deliver = deliver
        self._on_break = on_break
        self._task = asyncio.create_task(self._run(), name=f"tailer-{lane}")

    async def stop(self) -> None:
        """Stop reading."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        async with closing(connect_blocking(self._redis_url, block_ms=BLOCK_MS)) as redis:
            reader = Lanes(redis)
            unsure = False
            while True:
                try:
                    if unsure:
                        await self._find_place()
                        unsure = False
                    for entry in await reader.read(self.lane, self.position, block_ms=BLOCK_MS):
                        self._deliver(entry)
                        self.position = entry.id
                except (*AWAY, UnavailableError, ResponseError) as error:
                    logger.warning("tailer_waits", lane=self.lane, why=str(error))
                    unsure = True
                    await asyncio.sleep(AWAY_PAUSE_S)

    async def _find_place(self) -> None:
        if await self._lanes.reach(self.lane, self.position) is not Reach.WHOLE:
            self.position = await self._lanes.end(self.lane)
            logger.warning("lane_broke", lane=self.lane)
            self._on_break(self.lane)
