"""Turns at what one of all taggers does at a time."""

from __future__ import annotations

import uuid

from redis.asyncio import Redis

from shared.redis import away_is_unavailable, script


class Turns:
    """The turns at one such thing; `key`: where it is noted that somebody has had one."""

    def __init__(self, redis: Redis, key: str) -> None:
        self._key = key
        self._take = script(redis, "take_turn")

    async def mine(self, *, every_s: float) -> bool:
        """Whether it is this tagger's turn: nobody has one for `every_s` then.

        Raises `UnavailableError`.
        """
        with away_is_unavailable():
            return bool(
                await self._take(keys=[self._key], args=[round(every_s * 1000), uuid.uuid4().hex])
            )
