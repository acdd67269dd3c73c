"""How the queues, the database and the photo store stand, looked at when the metrics are asked for.

A gateway does it, so that one sees what waits also where no tagger runs. What cannot be known is
not told as it was before: queues are not there then, and single figures are NaN.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Final

import structlog
from redis.asyncio import Redis

from services.gateway import metrics
from services.gateway.queue_broker import QueueBroker
from services.gateway.queues import QUEUES, alive
from shared import keys
from shared.blobs import BlobStore
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, durability, memory_of

FRESH_S: Final = 1.0
"""For how long what was seen is told again."""

PATIENCE_S: Final = 2.0
"""Who asks for metrics waits a few seconds; without an answer they are told the rest."""

_SAFE: Final = {"always": 1.0, "unknown": math.nan}

_OF_QUEUES: Final = (
    metrics.QUEUE_WAITING,
    metrics.QUEUE_HELD,
    metrics.QUEUE_DELAYED,
    metrics.QUEUE_DEAD,
    metrics.QUEUE_WORKERS,
    metrics.QUEUE_PAUSED,
)
_OF_REDIS: Final = (
    metrics.OLDEST_SECONDS,
    metrics.REDIS_SAFE,
    metrics.REDIS_MEMORY,
    metrics.REDIS_MEMORY_MOST,
)

logger = structlog.stdlib.get_logger()


class Survey:
    """Sets the gauges that nobody sets as things happen. It costs Redis seven short questions."""

    def __init__(self, redis: Redis, broker: QueueBroker, blobs: BlobStore) -> None:
        self._redis = redis
        self._broker = broker
        self._blobs = blobs
        self._looked_s = float("-inf")
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        """Look, if that was not done just now."""
        async with self._looking:
            if time.monotonic() - self._looked_s < FRESH_S:
                return
            await asyncio.gather(self._look_at_redis(), self._look_at_blobs())
            self._looked_s = time.monotonic()

    async def _look_at_redis(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                metrics.REDIS_SAFE.set(_SAFE.get(await durability(self._redis), 0.0))
                await self._memory()
                await self._oldest()
                for name in QUEUES:
                    await self._queue(name)
        except (UnavailableError, TimeoutError):
            _forget()
        except Exception:  # what else is counted is told all the same
            logger.exception("survey_broke")
            _forget()
        else:
            metrics.REDIS_UP.set(1)

    async def _memory(self) -> None:
        memory = await memory_of(self._redis)
        metrics.REDIS_MEMORY.set(memory.get("used_memory", math.nan))
        metrics.REDIS_MEMORY_MOST.set(memory.get("maxmemory") or math.nan)

    async def _oldest(self) -> None:
        with away_is_unavailable():
            seconds, microseconds = await self._redis.time()
            first = await self._redis.zrange(keys.unfinished(), 0, 0, withscores=True)
        since_s = float(first[0][1]) / 1000 if first else math.inf
        metrics.OLDEST_SECONDS.set(max(0.0, seconds + microseconds / 1e6 - since_s))

    async def _queue(self, name: str) -> None:
        report = await self._broker.inspect(name)
        for priority, number in report.waiting.items():
            metrics.QUEUE_WAITING.labels(queue=name, priority=priority).set(number)
        for priority, number in report.held.items():
            metrics.QUEUE_HELD.labels(queue=name, priority=priority).set(number)
        metrics.QUEUE_DELAYED.labels(queue=name).set(report.delayed)
        metrics.QUEUE_DEAD.labels(queue=name).set(report.dead)
        metrics.QUEUE_WORKERS.labels(queue=name).set(alive(report))
        metrics.QUEUE_PAUSED.labels(queue=name).set(report.paused)

    async def _look_at_blobs(self) -> None:
        free: float | None = math.nan
        try:
            async with asyncio.timeout(PATIENCE_S):
                free = await self._blobs.free_bytes()
        except (UnavailableError, TimeoutError):
            pass
        metrics.BLOBS_FREE.set(math.nan if free is None else free)


def _forget() -> None:
    metrics.REDIS_UP.set(0)
    for gauge in _OF_QUEUES:
        gauge.clear()
    for gauge in _OF_REDIS:
        gauge.set(math.nan)
