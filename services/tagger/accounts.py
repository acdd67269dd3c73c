"""What calls of providers cost, for the statistics."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

import orjson
from redis.asyncio import Redis

from services.tagger.farewells import Farewells
from services.tagger.providers.provider import Provider, Usage
from shared import keys
from shared.redis import away_is_unavailable, script

COUNTED_MS: Final = 60_000
"""How long it is known that a call was counted: longer than a lost reply is asked for again."""


class Accounts:
    """Counts the calls of providers as they end, whatever becomes of the attempts."""

    def __init__(self, redis: Redis) -> None:
        self._count = script(redis, "count_call")
        self._farewells = Farewells("call_not_counted")

    async def close(self) -> None:
        """Wait for the counts under way."""
        await self._farewells.all_said()

    def ended(self, provider: Provider, usage: Usage | None) -> None:
        """Count a call that has ended; `usage` where the provider told it. Waits for nothing."""
        counts = {f"calls:{provider.name}": 1}
        if usage is not None:
            counts["tokens:prompt"] = usage.prompt_tokens
            counts["tokens:completion"] = usage.completion_tokens
            counts["cost_microusd"] = round(provider.price.of(usage) * 1e6)
        self._farewells.say(self._write(uuid.uuid4().hex, counts))

    async def _write(self, call_id: str, counts: Mapping[str, int]) -> None:
        with away_is_unavailable():
            await self._count(
                keys=[keys.counted(call_id)],
                args=[keys.SHARD, COUNTED_MS, orjson.dumps(counts)],
            )
