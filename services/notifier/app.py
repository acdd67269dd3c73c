"""Builds the notifier."""

from __future__ import annotations

import random
from typing import Final

from aiohttp import web
from prometheus_client import REGISTRY

from services.notifier import socketio
from services.notifier.callers import admitted
from services.notifier.closing import Close
from services.notifier.hub import Hub
from services.notifier.settings import NotifierSettings
from services.notifier.websocket import WebSocketRoute
from shared.callers import ApiKeys
from shared.health import Health
from shared.photos import Photos
from shared.progress import Lanes
from shared.redis import connect, durability

OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics"})


async def build(settings: NotifierSettings) -> tuple[web.Application, Health]:
    """Return the notifier and its health."""
    redis = connect(settings.redis_url)
    hub = Hub(
        Lanes(redis),
        Photos(redis, retention_s=settings.retention_s),
        redis_url=settings.redis_url,
        lane_count=settings.lanes,
        # Replicas that know nothing of each other spread over the lanes.
        home_lane=random.randrange(settings.lanes),  # noqa: S311
    )
    health = Health({"redis": lambda: durability(redis)}, REGISTRY)
    app = web.Application(
        middlewares=[
            admitted(ApiKeys(settings.api_keys), settings.allowed_origins, open_to_all=OPEN)
        ]
    )
    app.add_routes([web.get("/ws", WebSocketRoute(hub).connect), *health.routes()])
    socketio.attach(app, hub)

    async def close_sockets(_app: web.Application) -> None:
        hub.close_all(Close.GOING_AWAY)

    async def close_redis(_app: web.Application) -> None:
        await redis.aclose()

    app.on_shutdown.append(close_sockets)
    app.on_cleanup.append(close_redis)
    return app, health
