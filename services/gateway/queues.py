"""`/api/queues`: what waits, runs, is delayed or dead; and holding it all back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog
from aiohttp import web

from services.gateway.errors import not_found
from services.gateway.queue_broker import QueueBroker
from services.gateway.requests import json_response, only_queries
from shared import keys
from shared.broker import QueueReport

QUEUES: Final = (keys.TAGGING_QUEUE,)

ALIVE_MS: Final = 15_000
"""A worker that has not been heard of for so long does not count as alive; an idle one asks for
work every few seconds."""

logger = structlog.stdlib.get_logger()


class QueueRoutes:
    """Shows the queues to operators, and pauses them."""

    def __init__(self, broker: QueueBroker) -> None:
        self._broker = broker

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get("/api/queues", self.list),
            web.post("/api/queues/{name}/pause", self.pause),
            web.post("/api/queues/{name}/resume", self.resume),
        ]

    async def list(self, request: web.Request) -> web.Response:
        only_queries(request, frozenset())
        return json_response({"items": [await self._view(name) for name in QUEUES]})

    async def pause(self, request: web.Request) -> web.Response:
        """Let no photo be begun until the queue is resumed; those in work go on."""
        return await self._change(request, self._broker.pause, "queue_paused")

    async def resume(self, request: web.Request) -> web.Response:
        return await self._change(request, self._broker.resume, "queue_resumed")

    async def _change(
        self, request: web.Request, change: Callable[[str], Awaitable[None]], event: str
    ) -> web.Response:
        name = request.match_info["name"]
        if name not in QUEUES:
            raise not_found("queue")
        await change(name)
        logger.info(event, queue=name)
        return json_response(await self._view(name))

    async def _view(self, name: str) -> dict[str, Any]:
        report = await self._broker.inspect(name)
        return {
            "name": name,
            "waiting": dict(report.waiting),
            "active": report.active,
            "delayed": report.delayed,
            "dead": report.dead,
            "deadDropped": report.dead_dropped,
            "workers": alive(report),
            "paused": report.paused,
        }


def alive(report: QueueReport) -> int:
    """Return how many workers a queue has."""
    return sum(each.idle_ms < ALIVE_MS for each in report.consumers)
