"""The last hour's statistics: what each minute says, and what all of them say together."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.asyncio import Redis

from shared import keys
from shared.redis import closing, connect
from shared.statistics import Percentiles, counted, last_hour
from tests.support.clients import get
from tests.support.processes import ServiceProcess

NOTHING = {"count": 0, "p50Ms": None, "p95Ms": None, "p99Ms": None}


async def this_minute(redis: Redis) -> int:
    seconds, _ = await redis.time()
    return int(seconds) // 60


async def measure(redis: Redis, minute: int, *durations_ms: float) -> None:
    """Count that photos waited so long to be begun, and that one came."""
    await redis.hincrby(keys.statistics(minute), "accepted", 1)
    for duration_ms in durations_ms:
        (name,) = counted("pickup", duration_ms)
        await redis.hincrby(keys.statistics(minute), name, 1)


async def test_each_minute_has_percentiles_of_its_own_and_the_hour_those_of_all(
    redis_url: str,
) -> None:
    async with closing(connect(redis_url)) as redis:
        # Given a quick minute, and a slow one after it
        now = await this_minute(redis)
        await measure(redis, now - 20, *[1.0] * 30)
        await measure(redis, now - 19, *[1000.0] * 10)

        # If I ask for the last hour
        hour = await last_hour(redis)

    # I expect the minutes told apart, each to about 4 %
    minutes = {minute.minute: minute for minute in hour.minutes}
    assert len(hour.minutes) == 60
    assert minutes[now - 21].histograms == {}
    quick, slow = (minutes[now - ago].histograms["pickup"] for ago in (20, 19))
    assert (quick.count, slow.count) == (30, 10)
    assert quick.p50 == quick.p99 == pytest.approx(1, rel=0.05)
    assert slow.p50 == slow.p99 == pytest.approx(1000, rel=0.05)
    # and the hour to hold both
    assert hour.histograms["pickup"] == Percentiles(40, quick.p50, slow.p95, slow.p99)
    assert hour.counters == {"accepted": 2}


async def test_the_gateway_tells_them_minute_by_minute(redis_url: str, tmp_path: Path) -> None:
    async with closing(connect(redis_url)) as redis:
        now = await this_minute(redis)
        await measure(redis, now - 20, 1000.0)
    settings = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}
    with ServiceProcess("gateway", settings) as gateway:
        status, found = await get(f"{gateway.wait_ready().url}/api/stats")

    assert status == 200
    (minute,) = [each for each in found["minutes"] if each["accepted"]]
    assert minute["pickup"] == found["pickup"]
    assert minute["pickup"]["count"] == 1
    assert minute["pickup"]["p95Ms"] == pytest.approx(1000, rel=0.05)
    assert minute["total"] == found["total"] == NOTHING
