"""Builds the gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from prometheus_client import REGISTRY

from services.gateway.admission import Admission
from services.gateway.bodies import continue_when_read, timed
from services.gateway.callers import cross_origin, keyed, preflight
from services.gateway.docs import docs_routes
from services.gateway.errors import problems
from services.gateway.photos import PhotoRoutes
from services.gateway.receiving import Limits
from services.gateway.settings import GatewaySettings
from services.gateway.stages import StageRoutes
from services.gateway.sweep import sweep_forever
from services.gateway.thumbnailer import Thumbnailer
from services.gateway.thumbnails import ThumbnailRoute
from services.gateway.uploads import Uploads
from shared.blobs import open_store
from shared.callers import ApiKeys
from shared.decoding.decoder import Decoder
from shared.health import Health
from shared.photos import Photos
from shared.redis import connect, durability


async def build(settings: GatewaySettings) -> tuple[web.Application, Health]:
    """Return the gateway and its health. Raises `ValueError` if a setting cannot work."""
    try:
        blobs = open_store(settings.blob_url)
    except ValueError as error:
        raise ValueError(f"TAGLINE_BLOB_URL {error}") from None
    redis = connect(settings.redis_url)
    photos = Photos(redis, retention_s=settings.retention_s)
    uploads = Uploads(
        photos,
        blobs,
        limits=Limits(max_bytes=settings.max_upload_bytes, max_pixels=settings.max_pixels),
        lanes=settings.lanes,
        locale=settings.locale,
    )
    admission = Admission(
        redis,
        per_minute=settings.rate_limit,
        at_a_time=settings.max_uploads,
        proxies=settings.trusted_proxies,
    )
    photo_routes = PhotoRoutes(photos, blobs, lanes=settings.lanes)
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
            timed(settings.body_timeout_s),
            keyed(ApiKeys(settings.api_keys)),
        ]
    )
    app.on_response_prepare.append(cross_origin(settings.allowed_origins))
    app.add_routes(
        [
            web.post(
                "/api/photos/upload",
                admission.of(uploads.upload),
                expect_handler=continue_when_read,
            ),
            web.get("/api/photos", photo_routes.list),
            web.get(r"/api/photos/{id:\d{1,16}}", photo_routes.get),
            web.get(r"/api/photos/{id:\d{1,16}}/file", photo_routes.file),
            web.get(r"/api/photos/{id:\d{1,16}}/thumbnail", thumbnail_route.get),
            web.post(r"/api/photos/{id:\d{1,16}}/watch", photo_routes.watch),
            web.get("/api/stages", stage_routes.list),
            *docs_routes(),
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
