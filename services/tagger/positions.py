"""Tells the owners of waiting photos where they stand in line, and for about how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import orjson
import structlog
from redis.asyncio import Redis

from services.tagger.metrics import IN_LINE
from services.tagger.turns import Turns
from shared import keys, messages
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, script

EVERY_S: Final = 2.0
"""How often a photo is told at most; of all taggers one does it."""

LATE_S: Final = 0.05
"""How much later a tagger comes than the lock ends, which the last one to tell has taken."""

NEAR: Final = 50
"""How many places, the first ones, are looked at each time and told each change."""

PLACES: Final = 500
"""How many of the places behind are looked at each time, in turn; they are told a change of a
tenth."""

EVENTS: Final = 200
"""How many events are written each time, about; the first places take half of them at most."""

WAITED_MS: Final = 1_000
"""A photo that has waited for less than this is most likely begun before anyone could read it."""

logger = structlog.stdlib.get_logger()


class Positions:
    """The photos that wait. Raises `UnavailableError` when Redis is away.

    `budget_is_spent`: whether they wait for more than their place, and nobody knows how long.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        retention_s: int,
        budget_is_spent: Callable[[], bool] = lambda: False,
    ) -> None:
        self._turns = Turns(redis, keys.line_lock())
        self._budget_is_spent = budget_is_spent
        self._retention_ms = retention_s * 1000
        self._line = script(redis, "line")
        self._next = NEAR

    async def tell_forever(self) -> None:
        """Tell every `EVERY_S`, in one of all taggers."""
        while True:
            await asyncio.sleep(EVERY_S + LATE_S)
            try:
                if await self._turns.mine(every_s=EVERY_S):
                    await self.tell()
            except UnavailableError as error:
                logger.warning("positions_not_told", why=str(error))

    async def tell(self, *, waited_ms: int = WAITED_MS, every_s: float = EVERY_S) -> None:
        """Tell those whose place has changed and who have waited for `waited_ms`.

        A photo that was told less than `every_s` ago is passed over.
        """
        length, _, told = await self._tell(0, NEAR, EVENTS // 2, waited_ms, every_s)
        IN_LINE.set(length)
        if length > NEAR:
            if self._next >= length:
                self._next = NEAR
            _, self._next, _ = await self._tell(
                self._next, PLACES, EVENTS - told, waited_ms, every_s
            )

    async def _tell(
        self, first: int, places: int, events: int, waited_ms: int, every_s: float
    ) -> tuple[int, int, int]:
        """Return how long the line is, where to go on, and how many events were written."""
        is_spent = self._budget_is_spent()
        with away_is_unavailable():
            length, following, told = await self._line(
                keys=[keys.line(), keys.working(), keys.durations()],
                args=[
                    keys.SHARD,
                    self._retention_ms,
                    first,
                    places,
                    waited_ms,
                    orjson.dumps(messages.texts("queued_budget" if is_spent else "queued")),
                    round(every_s * 1000),
                    NEAR,
                    events,
                    "budget" if is_spent else "",
                ],
            )
        return length, following, told
