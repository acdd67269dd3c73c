"""`/healthz`, `/readyz` and `/metrics`, the same on every service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from shared.errors import UnavailableError

CHECK_TIMEOUT_S: Final = 2.0

Check = Callable[[], Awaitable[str]]
"""Returns a word for what was found, `ok` say; raises `UnavailableError` when it is away."""


class Health:
    """What a service says of itself.

    Set `starting` while it cannot work yet, and `draining` when it is about to stop. `look` is
    awaited before the metrics are told: what nobody counts as it happens has to be looked at.
    `timeout_s`: what a check may take.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        registry: CollectorRegistry,
        *,
        look: Callable[[], Awaitable[None]] | None = None,
        timeout_s: float = CHECK_TIMEOUT_S,
    ) -> None:
        self._checks = dict(checks)
        self._registry = registry
        self._look = look
        self._timeout_s = timeout_s
        # When each series began is half of all that would be told, and nobody asks for it.
        disable_created_metrics()
        self.starting = False
        self.draining = False

    def add(self, name: str, check: Check) -> None:
        """Check one thing more from now on."""
        self._checks[name] = check

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
        ]

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _json(200, {"status": "ok"})

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self.starting or self.draining:
            status = "draining" if self.draining else "starting"
            return _json(503, {"status": status, "checks": {}})
        names = list(self._checks)
        found = await asyncio.gather(*(self._run(self._checks[name]) for name in names))
        checks = dict(zip(names, (word for word, _ in found), strict=True))
        ready = all(well for _, well in found)
        return _json(
            200 if ready else 503, {"status": "ready" if ready else "not ready", "checks": checks}
        )

    async def _run(self, check: Check) -> tuple[str, bool]:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await check(), True
        except UnavailableError as error:
            return str(error), False
        except TimeoutError:
            return f"no answer within {self._timeout_s:g} s", False

    async def _metrics(self, _request: web.Request) -> web.Response:
        if self._look is not None:
            await self._look()
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


def _json(status: int, body: object) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
