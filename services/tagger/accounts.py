"""What calls of providers cost: for their photos, their days, and the statistics."""

from __future__ import annotations

import asyncio
from typing import Final

from redis.asyncio import Redis

from services.tagger.farewells import Farewells
from services.tagger.providers.provider import Call, Provider, Usage
from shared import keys
from shared.record import Record
from shared.redis import away_is_unavailable, script

COUNTED_MS: Final = 60_000
"""How long it is known that a call was counted: longer than a lost reply is asked for again."""

COSTS_KEPT_MS: Final = 30 * 24 * 3600 * 1000

Totals = dict[str, str]
"""Fields of a photo's record: what all calls for it have used and cost."""


class Accounts:
    """Counts the calls of providers as they end, whatever becomes of the attempts."""

    def __init__(self, redis: Redis) -> None:
        self._count = script(redis, "count_call")
        self._farewells = Farewells("call_not_counted")

    async def close(self) -> None:
        """Wait for the counts under way."""
        await self._farewells.all_said()

    def ended(self, record: Record, provider: Provider, call: Call) -> asyncio.Task[Totals]:
        """Count a call that has ended, made for `record`; whoever waits for it, or nobody."""
        return self._farewells.say(self._write(record, provider, call))

    async def _write(self, record: Record, provider: Provider, call: Call) -> Totals:
        usage = call.usage or Usage(0, 0)
        with away_is_unavailable():
            found = await self._count(
                keys=[
                    keys.counted(call.id),
                    keys.photo(record.id),
                    keys.job(record.job_id),
                    keys.spending(),
                    keys.gate_costs(provider.endpoint or provider.name),
                ],
                args=[
                    keys.SHARD,
                    COUNTED_MS,
                    call.id,
                    record.attempt,
                    provider.name,
                    provider.model,
                    usage.prompt_tokens,
                    usage.completion_tokens,
                    provider.price.nanousd(usage),
                    COSTS_KEPT_MS,
                ],
            )
        prompt, completion, nanousd = (number.decode() for number in found)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "cost_nanousd": nanousd,
        }
