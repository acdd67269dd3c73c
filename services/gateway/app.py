"""Builds the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

from aiohttp import web
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from services.gateway.admission import Admission
from services.gateway.batches import BatchRoutes
from services.gateway.bodies import timed
from services.gateway.callers import cross_origin, keyed, preflight, same_origin
from services.gateway.docs import docs_routes
from services.gateway.errors import problems, whole
from services.gateway.files import FileRoute
from services.gateway.hardening import harden
from services.gateway.jobs import JobRoutes
from services.gateway.page import page_routes
from services.gateway.photo_jobs import PhotoJobsRoute
from services.gateway.photos import PhotoRoutes
from services.gateway.queue_broker import QueueBroker
from services.gateway.queues import QueueRoutes
from services.gateway.receiving import Limits
from services.gateway.settings import GatewaySettings
from services.gateway.similar import SimilarRoute
from services.gateway.stages import StageRoutes
from services.gateway.statistics import StatisticsRoute
from services.gateway.survey import Survey
from services.gateway.sweep import sweep_forever
from services.gateway.tags import TagRoutes
from services.gateway.thumbnailer import Thumbnailer
from services.gateway.thumbnails import ThumbnailRoute
from services.gateway.tracing import traced
from services.gateway.uploads import Uploads
from shared import keys
from shared.batches import Batches
from shared.blobs import BlobStore, open_store
from shared.broker import RedisStreamsBroker
from shared.callers import ApiKeys
from shared.decoding.decoder import Decoder
from shared.health import Health
from shared.jobs import Jobs
from shared.key_file import KeyFile
from shared.photos import Photos
from shared.redis import check_keeps_all, connect, durability
from shared.similar import Similar
from shared.tags import Tags
from shared.tasks import end


async def build(settings: GatewaySettings) -> tuple[web.Application, Health]:
    """Return the gateway and its health. Raises `ValueError` if a setting cannot work."""
    try:
        blobs = open_store(settings.blob_url, min_free_bytes=settings.min_free_bytes)
    except ValueError as error:
        raise ValueError(f"TAGLINE_BLOB_URL {error}") from None
    redis = connect(settings.redis_url)
    await check_keeps_all(redis)
    api_keys = settings.keys()
    photos = Photos(redis, retention_s=settings.retention_s)
    jobs = Jobs(redis, retention_s=settings.retention_s)
    tags = Tags(redis)
    broker = QueueBroker(
        RedisStreamsBroker(url=settings.redis_url, namespace=keys.SHARD, middleware=[])
    )
    thumbnailer = Thumbnailer(
        blobs,
        Decoder(processes=settings.thumbnailers, max_pixels=settings.max_pixels),
        at_a_time=settings.thumbnailers,
    )
    health = Health(
        {"redis": lambda: durability(redis), "blobs": blobs.check_takes},
        REGISTRY,
        look=Survey(redis, broker, blobs).look,
    )
    app = _application(settings, api_keys)
    for routes in (
        _uploads(settings, photos, blobs).routes(_admission(settings, redis)),
        PhotoRoutes(photos, tags, blobs, lanes=settings.lanes).routes(),
        PhotoJobsRoute(photos, jobs).routes(),
        FileRoute(photos, blobs).routes(),
        ThumbnailRoute(photos, thumbnailer).routes(),
        SimilarRoute(photos, Similar(redis)).routes(),
        TagRoutes(tags, locale=settings.locale).routes(),
        JobRoutes(jobs, photos).routes(),
        BatchRoutes(Batches(redis), photos, jobs).routes(),
        QueueRoutes(broker).routes(),
        StatisticsRoute(redis).routes(),
        StageRoutes(redis, locale=settings.locale).routes(),
        docs_routes(keyed=api_keys.asked_for),
        page_routes(settings),
        health.routes(),
    ):
        app.add_routes(routes)
    # Ended from the last to the first: who works before what it works with.
    app.cleanup_ctx.append(_closing(redis.aclose))
    app.cleanup_ctx.append(_closing(broker.close))
    app.cleanup_ctx.append(_closing(thumbnailer.close))
    app.cleanup_ctx.append(_running(lambda: sweep_forever(redis, blobs, photos)))
    if settings.api_keys_file:
        app.cleanup_ctx.append(KeyFile(settings.api_keys_file, api_keys).watched)
    return app, health


def _application(settings: GatewaySettings, api_keys: ApiKeys) -> web.Application:
    """Return what every request goes through, without routes."""
    app = web.Application(
        middlewares=[
            traced,
            preflight(settings.allowed_origins),
            problems,
            whole,
            same_origin(settings.allowed_origins),
            timed(settings.body_timeout_s),
            keyed(api_keys),
        ]
    )
    app.on_response_prepare.append(cross_origin(settings.allowed_origins))
    app.on_response_prepare.append(harden)
    return app


def _uploads(settings: GatewaySettings, photos: Photos, blobs: BlobStore) -> Uploads:
    return Uploads(
        photos,
        blobs,
        limits=Limits(
            max_bytes=settings.max_upload_bytes,
            max_pixels=settings.max_pixels,
            max_side=settings.max_side,
        ),
        max_batch=settings.max_batch,
        lanes=settings.lanes,
        locale=settings.locale,
    )


def _admission(settings: GatewaySettings, redis: Redis) -> Admission:
    return Admission(
        redis,
        per_minute=settings.rate_limit,
        at_a_time=settings.max_uploads,
        proxies=settings.trusted_proxies,
    )


def _running(
    work: Callable[[], Coroutine[None, None, None]],
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(work())
        yield
        await end(task)

    return context


def _closing(
    close: Callable[[], Awaitable[None]],
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_app: web.Application) -> AsyncIterator[None]:
        yield
        await close()

    return context
