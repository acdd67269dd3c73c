"""How many sockets there are, over all notifiers: each one reports its own.

For statistics: a number may be some seconds old, and that of a notifier which died stays
for `STALE_MS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from shared import keys
from shared.redis import away_is_unavailable

TRANSPORTS: Final = ("websocket", "socketio", "sse")

STALE_MS: Final = 20_000
"""After so long without a report, ms of the server's clock, a notifier has gone."""


class Presence:
    """The reports. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def report(self, notifier: str, sockets: Mapping[str, int]) -> None:
        """Say how many sockets, by transport, `notifier` holds now."""
        counts = {transport: sockets.get(transport, 0) for transport in TRANSPORTS}
        with away_is_unavailable():
            report = orjson.dumps({"at_ms": await self._now_ms(), **counts})
            await self._redis.hset(keys.sockets(), notifier, report)

    async def withdraw(self, notifier: str) -> None:
        """Forget what `notifier` has reported: it stops."""
        with away_is_unavailable():
            await self._redis.hdel(keys.sockets(), notifier)

    async def connected(self) -> dict[str, int]:
        """Return how many sockets there are, by transport."""
        with away_is_unavailable():
            now_ms = await self._now_ms()
            reports: Any = await self._redis.hgetall(keys.sockets())
            counts, stale = Counter(dict.fromkeys(TRANSPORTS, 0)), []
            for notifier, text in reports.items():
                report = orjson.loads(text)
                if now_ms - report["at_ms"] > STALE_MS:
                    stale.append(notifier)
                else:
                    counts.update({each: report[each] for each in TRANSPORTS})
            if stale:
                # Should one of them report at this very moment, it is missing for five seconds.
                await self._redis.hdel(keys.sockets(), *stale)
        return dict(counts)

    async def _now_ms(self) -> int:
        seconds, microseconds = await self._redis.time()
        return int(seconds * 1000 + microseconds // 1000)
