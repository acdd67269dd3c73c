"""Builds the notifier."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from aiohttp import web
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from services.notifier.admission import Admission
from services.notifier.callers import admitted, cross_origin
from services.notifier.hub import Hub
from services.notifier.leaving import Leaving
from services.notifier.limits import MAX_MESSAGE_BYTES, Timing
from services.notifier.presence import report_forever
from services.notifier.settings import NotifierSettings
from services.notifier.socketio_route import SocketIORoute
from services.notifier.sse import SseRoute
from services.notifier.websocket import WebSocketRoute
from shared.health import Health
from shared.key_file import KeyFile
from shared.photos import Photos
from shared.progress import Lanes
from shared.redis import check_keeps_all, connect, durability
from shared.tasks import end

OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics"})


async def build(
    settings: NotifierSettings, timing: Timing | None = None
) -> tuple[web.Application, Health]:
    """Return the notifier and its health. `timing`: other patience than a client's usual."""
    timing = timing or Timing()
    redis = connect(settings.redis_url)
    await check_keeps_all(redis)
    hub = _hub(settings, redis)
    admission = Admission(settings.limits)
    socketio = SocketIORoute(hub, admission, timing)
    api_keys = settings.keys()
    health = Health({"redis": lambda: durability(redis)}, REGISTRY)
    app = web.Application(
        client_max_size=MAX_MESSAGE_BYTES,
        middlewares=[admitted(api_keys, settings.allowed_origins, open_to_all=OPEN)],
    )
    app.on_response_prepare.append(cross_origin(settings.allowed_origins))
    app.add_routes(
        [
            # A HEAD would have a socket, too, and an answer that has no end.
            web.get("/ws", WebSocketRoute(hub, admission, timing).connect, allow_head=False),
            web.get("/sse", SseRoute(hub, admission, timing).connect, allow_head=False),
            *socketio.routes(),
            *health.routes(),
        ]
    )
    leaving = Leaving(
        hub, socketio, admission, over_s=timing.drain_over_s, grace_s=settings.grace_s
    )
    reporting = asyncio.create_task(
        report_forever(redis, hub.sockets, every_s=timing.report_every_s)
    )

    async def close_redis(_app: web.Application) -> None:
        await end(reporting)
        await hub.stopped()
        await redis.aclose()

    if settings.api_keys_file:
        file = KeyFile(settings.api_keys_file, api_keys, on_removed=leaving.readmit)
        app.cleanup_ctx.append(file.watched)
    app.on_shutdown.append(leaving.drain)
    app.on_cleanup.append(close_redis)
    return app, health


def _hub(settings: NotifierSettings, redis: Redis) -> Hub:
    return Hub(
        Lanes(redis, retention_s=settings.retention_s),
        Photos(redis, retention_s=settings.retention_s),
        redis_url=settings.redis_url,
        lane_count=settings.lanes,
        retention_s=settings.retention_s,
        home_lane=_home_lane(settings),
    )


def _home_lane(settings: NotifierSettings) -> int:
    if settings.home_lane is not None:
        return settings.home_lane
    # Replicas that know nothing of each other spread over the lanes.
    return random.randrange(settings.lanes)  # noqa: S311
