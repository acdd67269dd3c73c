"""Tells clients which stages there are."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson
import structlog
from redis.asyncio import Redis

from services.tagger.pipeline import Pipeline
from shared import keys
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, script

TOLD_EVERY_S: Final = 30.0
"""After so long the last tagger of an older pipeline has had its say, or a server come anew."""

logger = structlog.stdlib.get_logger()


class Stages:
    """The stages of this tagger, for `GET /api/stages`; of several taggers the last one counts."""

    def __init__(self, redis: Redis, pipeline: Pipeline) -> None:
        self._tell = script(redis, "announce")
        self._json = orjson.dumps(pipeline.described())

    async def tell(self) -> None:
        """Write them. Raises `UnavailableError`."""
        with away_is_unavailable():
            await self._tell(keys=[keys.stages()], args=[self._json])

    async def tell_forever(self) -> None:
        """Write them again and again, as long as this process runs."""
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            try:
                await self.tell()
            except UnavailableError as error:
                logger.warning("stages_not_told", why=str(error))
