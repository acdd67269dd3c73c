"""Whether the database has memory left for more photos."""

from __future__ import annotations

import time
from typing import Final

import structlog
from redis.asyncio import Redis

from services.gateway.errors import almost_full
from shared.redis import memory_of

MOST: Final = 0.95
"""How much of its memory is for accepting. What has been accepted has the rest to be worked on:
each photo writes events, and its tags, before it ends."""

LOOK_EVERY_S: Final = 1.0

logger = structlog.stdlib.get_logger()


class Memory:
    """Looks at the server's memory, at most once a second."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._looked_s = -LOOK_EVERY_S
        self._full = False

    async def check(self) -> None:
        """Raise `Problem` when the server is as full as accepting may make it.

        A server without a limit, or that does not let us ask, is never full here.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s  # before the answer: one asks, the others go by what was
            full = await self._is_full()
            if full and not self._full:
                logger.warning("database_almost_full", most=MOST)
            self._full = full
        if self._full:
            raise almost_full()

    async def _is_full(self) -> bool:
        memory = await memory_of(self._redis)
        most_bytes = int(memory.get("maxmemory", 0))
        return bool(most_bytes) and int(memory["used_memory"]) > MOST * most_bytes
