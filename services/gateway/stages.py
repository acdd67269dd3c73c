"""`GET /api/stages`: the pipeline, as the tagger that spoke last says it runs."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from aiohttp import web
from redis.asyncio import Redis

from services.gateway.requests import json_response, locale_of, only_queries
from shared import keys
from shared.redis import away_is_unavailable


class StageRoutes:
    """Tells clients which stages a photo goes through."""

    def __init__(self, redis: Redis, *, locale: str) -> None:
        self._redis = redis
        self._locale = locale

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get("/api/stages", self.list)]

    async def list(self, request: web.Request) -> web.Response:
        """Answer the stages in their order; none before a tagger has started for the first time."""
        only_queries(request, frozenset())
        locale = locale_of(request, default=self._locale)
        with away_is_unavailable():
            published = await self._redis.get(keys.stages())
        stages = orjson.loads(published or b"[]")
        return json_response(
            [
                {
                    "id": stage["id"],
                    "progress": stage["progress"],
                    "label": stage["labels"][locale],
                    "icon": stage["icon"],
                }
                for stage in stages
            ]
        )
