"""`GET /api/photos/{id}/similar`: photos that look like one, the nearest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from services.gateway.metrics import SIMILAR_SECONDS
from services.gateway.photos import PHOTO, record_of
from services.gateway.requests import json_response, limit_in, number_in, only_queries
from shared.photos import Photos
from shared.similar import MOST_DISTANCE, Similar

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
DEFAULT_DISTANCE: Final = 8


class SimilarRoute:
    """Finds near-duplicates."""

    def __init__(self, photos: Photos, similar: Similar) -> None:
        self._photos = photos
        self._similar = similar

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get(f"{PHOTO}/similar", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        only_queries(request, frozenset({"limit", "distance"}))
        limit = limit_in(request, default=DEFAULT_LIMIT, most=MAX_LIMIT)
        distance = number_in(
            request, "distance", default=DEFAULT_DISTANCE, least=0, most=MOST_DISTANCE
        )
        record = await record_of(request, self._photos)
        with SIMILAR_SECONDS.time():
            found = await self._similar.to(record, distance=distance, limit=limit)
            records = await self._photos.get_many([each.photo_id for each in found.items])
        distances = {each.photo_id: each.distance for each in found.items}
        return json_response(
            {
                "items": [
                    {"photo": each.photo().view(), "distance": distances[each.id]}
                    for each in records
                ],
                "comparable": record.phash is not None,
                "truncated": found.truncated,
            }
        )
