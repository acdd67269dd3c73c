"""`/api/batches`: photos that came in one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from aiohttp import web

from services.gateway.callers import owner_of
from services.gateway.errors import not_found
from services.gateway.requests import json_response
from shared.batches import Batch, Batches
from shared.jobs import Jobs
from shared.photos import Photos

BATCH: Final = r"/api/batches/{id:[0-9a-f-]{36}}"

logger = structlog.stdlib.get_logger()


class BatchRoutes:
    """Shows the caller's batches, and cancels what is left of them."""

    def __init__(self, batches: Batches, photos: Photos, jobs: Jobs) -> None:
        self._batches = batches
        self._photos = photos
        self._jobs = jobs

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get(BATCH, self.get), web.post(f"{BATCH}/cancel", self.cancel)]

    async def get(self, request: web.Request) -> web.Response:
        return await self._answer(await self._batch(request), status=200)

    async def cancel(self, request: web.Request) -> web.Response:
        batch = await self._batch(request)
        for record in await self._photos.get_many(batch.photo_ids):
            if not record.ended:
                await self._jobs.cancel(record)
        logger.info("batch_cancelled", batch_id=batch.id)
        return await self._answer(await self._batch(request), status=202)

    async def _batch(self, request: web.Request) -> Batch:
        batch = await self._batches.get(request.match_info["id"])
        if batch is None or batch.owner != owner_of(request):
            raise not_found("batch")
        return batch

    async def _answer(self, batch: Batch, *, status: int) -> web.Response:
        records = await self._photos.get_many(batch.photo_ids)
        return json_response(
            {
                "batchId": batch.id,
                "total": batch.total,
                "complete": batch.complete,
                "failed": batch.failed,
                "cancelled": batch.cancelled,
                "photos": [record.photo().view() for record in records],
            },
            status=status,
        )
