"""Builds the gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web
from prometheus_client import REGISTRY

from services.gateway.batches import BatchRoutes
from services.gateway.callers import cross_origin, keyed, preflight
from services.gateway.docs import docs_routes
from services.gateway.errors import problems
from services.gateway.files import FileRoute
from services.gateway.jobs import JobRoutes
from services.gateway.photos import PhotoRoutes
from services.gateway.receiving import Limits
from services.gateway.settings import GatewaySettings
from services.gateway.stages import StageRoutes
from services.gateway.statistics import StatisticsRoute
from services.gateway.sweep import sweep_forever
from services.gateway.tags import TagRoutes
from services.gateway.thumbnailer import Thumbnailer
from services.gateway.thumbnails import ThumbnailRoute
from services.gateway.uploads import Uploads
from shared.batches import Batches
from shared.blobs import open_store
from shared.callers import ApiKeys
from shared.decoding.decoder import Decoder
from shared.health import Health
from shared.jobs import Jobs
from shared.photos import Photos
from shared.redis import connect, durability
from shared.tags import Tags

PHOTO: Final = r"/api/photos/{id:\d{1,16}}"
JOB: Final = r"/api/jobs/{id:[0-9a-f-]{36}}"
BATCH: Final = r"/api/batches/{id:[0-9a-f-]{36}}"


async def build(settings: GatewaySettings) -> tuple[web.Application, Health]:
    """Return the gateway and its health. Raises `ValueError` if a setting cannot work."""
    try:
        blobs = open_store(settings.blob_url)
    except ValueError as error:
        raise ValueError(f"TAGLINE_BLOB_URL {error}") from None
    redis = connect(settings.redis_url)
    photos = Photos(redis, retention_s=settings.retention_s)
    jobs = Jobs(redis, retention_s=settings.retention_s)
    tags = Tags(redis)
    uploads = Uploads(
        photos,
        blobs,
        limits=Limits(max_bytes=settings.max_upload_bytes, max_pixels=settings.max_pixels),
        max_batch=settings.max_batch,
        lanes=settings.lanes,
        locale=settings.locale,
    )
    photo_routes = PhotoRoutes(photos, tags, blobs, lanes=settings.lanes)
    job_routes = JobRoutes(jobs, photos)
    batch_routes = BatchRoutes(Batches(redis), photos, jobs)
    thumbnailer = Thumbnailer(
        blobs,
        Decoder(processes=settings.thumbnailers, max_pixels=settings.max_pixels),
        at_a_time=settings.thumbnailers,
    )
    thumbnail_route = ThumbnailRoute(photos, thumbnailer)
    stage_routes = StageRoutes(redis, locale=settings.locale)
    health = Health({"redis": lambda: durability(redis), "blobs": blobs.check}, REGISTRY)

    app = web.Application(
        middlewares=[
            preflight(settings.allowed_origins),
            problems,
            keyed(ApiKeys(settings.api_keys)),
        ]
    )
    app.on_response_prepare.append(cross_origin(settings.allowed_origins))
    app.add_routes(
        [
            web.post("/api/photos/upload", uploads.upload),
            web.get("/api/photos", photo_routes.list),
            web.get(PHOTO, photo_routes.get),
            web.delete(PHOTO, photo_routes.delete),
            web.get(f"{PHOTO}/file", FileRoute(photos, blobs).get),
            web.get(f"{PHOTO}/thumbnail", thumbnail_route.get),
            web.put(f"{PHOTO}/tags", photo_routes.edit_tags),
            web.post(f"{PHOTO}/retag", photo_routes.retag),
            web.post(f"{PHOTO}/watch", photo_routes.watch),
            web.get("/api/tags", TagRoutes(tags, locale=settings.locale).list),
            web.get("/api/jobs", job_routes.list),
            web.get(JOB, job_routes.get),
            web.delete(JOB, job_routes.drop),
            web.post(f"{JOB}/cancel", job_routes.cancel),
            web.post(f"{JOB}/retry", job_routes.retry),
            web.get(BATCH, batch_routes.get),
            web.post(f"{BATCH}/cancel", batch_routes.cancel),
            web.get("/api/stats", StatisticsRoute(redis).get),
            web.get("/api/stages", stage_routes.list),
            *docs_routes(keyed=bool(settings.api_keys)),
            *health.routes(),
        ]
    )
    app.cleanup_ctx.append(_running(lambda: sweep_forever(redis, blobs, photos)))
    app.cleanup_ctx.append(_closing(thumbnailer.close))
    app.cleanup_ctx.append(_closing(redis.aclose))
    return app, health


def _running(
    work: Callable[[], Awaitable[None]],
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.ensure_future(work())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return context


def _closing(
    close: Callable[[], Awaitable[None]],
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_app: web.Application) -> AsyncIterator[None]:
        yield
        await close()

    return context
