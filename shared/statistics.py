"""The statistics of the last hour: counters and histograms, a hash a minute, of constant size.

The scripts that move a photo count as they do so. A histogram has eight buckets for each
doubling, so that a percentile is right to about 4 %.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from shared import keys
from shared.redis import away_is_unavailable

MINUTES: Final = 60
BUCKETS_PER_DOUBLING: Final = 8
PERCENTILES: Final = (50, 95, 99)


def counted(histogram: str, duration_ms: float) -> dict[str, int]:
    """Return what is to be counted for a duration in `histogram`."""
    bucket = math.floor(math.log2(max(1.0, duration_ms * 1000)) * BUCKETS_PER_DOUBLING)
    return {f"{histogram}|{bucket}": 1}


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of a duration, ms; None where nothing was measured."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None

    def view(self) -> dict[str, Any]:
        """Return the JSON object that clients get."""
        return {"count": self.count, "p50Ms": self.p50, "p95Ms": self.p95, "p99Ms": self.p99}


@dataclass(frozen=True, slots=True)
class Minute:
    """What was counted and measured in a minute, which began at `minute` * 60 s."""

    minute: int
    counters: Mapping[str, int]
    histograms: Mapping[str, Percentiles]


@dataclass(frozen=True, slots=True)
class Hour:
    """The last hour: minute by minute, the oldest first, and all of it."""

    minutes: tuple[Minute, ...]
    counters: Mapping[str, int]
    histograms: Mapping[str, Percentiles]

    def labelled(self, counter: str) -> dict[str, int]:
        """Return the counters `<counter>:<label>`, by label."""
        start = f"{counter}:"
        return {
            name.removeprefix(start): number
            for name, number in self.counters.items()
            if name.startswith(start)
        }


async def last_hour(redis: Redis, owner: str = "") -> Hour:
    """Read the last hour of an owner's photos, of all without one, this minute included."""
    with away_is_unavailable():
        now_s, _ = await redis.time()
        last = int(now_s) // 60
        async with redis.pipeline(transaction=False) as pipeline:
            for minute in range(last - MINUTES + 1, last + 1):
                pipeline.hgetall(
                    keys.owner_statistics(owner, minute) if owner else keys.statistics(minute)
                )
            found = await pipeline.execute()
    minutes = []
    total: Counter[str] = Counter()
    buckets: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for minute, raw in enumerate(found, last - MINUTES + 1):
        counters, measured = _read(raw)
        total.update(counters)
        for name, each in measured.items():
            buckets[name].update(each)
        minutes.append(Minute(minute, counters, _all_percentiles(measured)))
    return Hour(tuple(minutes), total, _all_percentiles(buckets))


def _read(raw: Mapping[bytes, bytes]) -> tuple[dict[str, int], dict[str, Counter[int]]]:
    """Return the counters of a minute's hash, and the buckets of its histograms."""
    counters: dict[str, int] = {}
    buckets: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for name, number in raw.items():
        histogram, bar, bucket = name.decode().partition("|")
        if bar:
            buckets[histogram][int(bucket)] = int(number)
        else:
            counters[histogram] = int(number)
    return counters, buckets


def _all_percentiles(buckets: Mapping[str, Counter[int]]) -> dict[str, Percentiles]:
    return {name: _percentiles(each) for name, each in buckets.items()}


def _percentiles(buckets: Counter[int]) -> Percentiles:
    count = buckets.total()
    found: dict[int, float] = {}
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        for percent in PERCENTILES:
            if percent not in found and seen * 100 >= percent * count:
                found[percent] = _middle_ms(bucket)
    return Percentiles(count, found.get(50), found.get(95), found.get(99))


def _middle_ms(bucket: int) -> float:
    return float(round(2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING) / 1000, 3))
