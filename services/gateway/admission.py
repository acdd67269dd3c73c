"""Whether an upload is taken, decided before its body is read: the caller's rate, and room."""

from __future__ import annotations

import math
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from redis.asyncio import Redis

from services.gateway.addresses import Network, address_of
from services.gateway.callers import owner_of
from services.gateway.errors import Problem, busy, rate_limited
from services.gateway.memory import Memory
from services.gateway.metrics import UPLOADS, UPLOADS_REFUSED, UPLOADS_UNDER_WAY
from shared import keys
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, script

WINDOW_MS: Final = 60_000


class Admission:
    """Admits uploads: of one caller `per_minute` (0: any number), `at_a_time` of all.

    A caller is a key's name or, without keys, an address. The rate holds over all gateways,
    `at_a_time` in this one.
    """

    def __init__(
        self, redis: Redis, *, per_minute: int, at_a_time: int, proxies: tuple[Network, ...]
    ) -> None:
        self._rate = script(redis, "rate")
        self._memory = Memory(redis)
        self._per_minute = per_minute
        self._at_a_time = at_a_time
        self._proxies = proxies
        self._under_way = 0

    def of(self, handler: Handler) -> Handler:
        """Return `handler` behind the admission. It raises `Problem` and `UnavailableError`."""

        async def admitted(request: web.Request) -> web.StreamResponse:
            if self._under_way >= self._at_a_time:
                raise _counted(busy("uploads"))
            self._under_way += 1
            try:
                with UPLOADS_UNDER_WAY.track_inprogress():
                    try:
                        await self._memory.check()
                        await self._count(request)
                    except Problem as problem:
                        raise _counted(problem) from None
                    except UnavailableError as error:
                        UPLOADS.labels(result="unavailable").inc()
                        UPLOADS_REFUSED.labels(reason=error.what).inc()
                        raise
                    return await handler(request)
            finally:
                self._under_way -= 1

        return admitted

    async def _count(self, request: web.Request) -> None:
        if not self._per_minute:
            return
        caller = owner_of(request) or address_of(request, self._proxies)
        with away_is_unavailable():
            wait_ms = await self._rate(keys=[keys.rate(caller)], args=[self._per_minute, WINDOW_MS])
        if wait_ms:
            raise rate_limited(self._per_minute, retry_after_s=math.ceil(wait_ms / 1000))


def _counted(problem: Problem) -> Problem:
    UPLOADS.labels(result=problem.code).inc()
    UPLOADS_REFUSED.labels(reason=problem.reason).inc()
    return problem
