"""What calls of providers have cost, by day (UTC) and in all: a hash a day, and one for ever."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from redis.asyncio import Redis

from shared import keys
from shared.redis import away_is_unavailable
from shared.usage import NANOUSD_PER_USD

DAYS: Final = 30
DAY_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent in a time, and by which model of which provider.

    `counts`: `calls`, `photos` (each once a job), tokens `prompt` and `completion`, `nanousd`.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    by_model: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: Mapping[bytes, bytes]) -> Spent:
        """Return what a hash says, its fields `<provider>|<model>|<count>`."""
        counts: Counter[str] = Counter()
        by_model: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for name, number in raw.items():
            label, bar, count = name.decode().rpartition("|")
            if bar:
                provider, _, model = label.partition("|")
                by_model[provider, model][count] += int(number)
                counts[count] += int(number)
        return cls(counts, by_model)

    def view(self) -> dict[str, Any]:
        """Return the JSON object that clients get, without the models."""
        return _view(self.counts)

    def models(self) -> list[dict[str, Any]]:
        """Return a JSON object for each model, the dearest first."""
        dearest = sorted(self.by_model.items(), key=lambda item: (-item[1]["nanousd"], item[0]))
        return [
            {"provider": provider, "model": model, **_view(counts)}
            for (provider, model), counts in dearest
        ]


@dataclass(frozen=True, slots=True)
class Spending:
    """The last days by name (`2026-11-25`), the oldest first, today the last; and all there was."""

    days: Mapping[str, Spent]
    total: Spent


async def spending(redis: Redis) -> Spending:
    """Read what was spent on the last `DAYS` days and in all."""
    with away_is_unavailable():
        now_s, _ = await redis.time()
        days = range(int(now_s) // DAY_S - DAYS + 1, int(now_s) // DAY_S + 1)
        async with redis.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.hgetall(keys.spent(day))
            pipeline.hgetall(keys.spent_in_all())
            *found, total = await pipeline.execute()
    spent = {_name(day): Spent.of(raw) for day, raw in zip(days, found, strict=True)}
    return Spending(spent, Spent.of(total))


def _name(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, tz=UTC).date().isoformat()


def _view(counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "usd": counts.get("nanousd", 0) / NANOUSD_PER_USD,
        "promptTokens": counts.get("prompt", 0),
        "completionTokens": counts.get("completion", 0),
        "calls": counts.get("calls", 0),
        "photos": counts.get("photos", 0),
    }
