"""`GET /api/tags`: the caller's tags, most used first."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from services.gateway.callers import owner_of
from services.gateway.requests import (
    json_response,
    limit_in,
    locale_of,
    only_queries,
    word_in,
)
from shared import messages
from shared.tags import Tags


class TagRoutes:
    """Lists tags."""

    def __init__(self, tags: Tags, *, locale: str) -> None:
        self._tags = tags
        self._locale = locale

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get("/api/tags", self.list)]

    async def list(self, request: web.Request) -> web.Response:
        only_queries(request, frozenset({"prefix", "limit", "locale"}))
        found = await self._tags.most_used(
            owner_of(request),
            prefix=request.query.get("prefix", ""),
            limit=limit_in(request),
            locale=word_in(request, "locale", messages.LOCALES)
            or locale_of(request, default=self._locale),
        )
        return json_response(
            {"items": [{"id": tag.id, "name": tag.name, "count": tag.count} for tag in found]}
        )
