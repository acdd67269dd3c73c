"""`GET /api/stats`: what it counts, and what its percentiles are worth."""

from __future__ import annotations

import pytest

from shared import keys
from shared.statistics import counted
from tests.integration.conftest import Bench
from tests.support.api import Api


async def test_ends_are_counted_by_kind(anna: Api, bench: Bench) -> None:
    for _ in range(5):
        await anna.upload()
    await bench.complete("chat")
    await bench.complete("chat")
    await bench.fail()
    await bench.tagger.retry(await bench.begin(), delay_ms=3_600_000)
    waiting = (await anna.get("/api/jobs?state=waiting")).json["items"][0]
    await anna.post(f"/api/jobs/{waiting['jobId']}/cancel")
    stats = (await anna.get("/api/stats")).json

    ends = {name: stats[name] for name in ("accepted", "complete", "failed", "cancelled")}
    assert ends == {"accepted": 5, "complete": 2, "failed": 1, "cancelled": 1}
    assert stats["retries"] == 1
    assert len(stats["minutes"]) == 60
    assert sum(minute["complete"] for minute in stats["minutes"]) == 2
    times = [minute["minute"] for minute in stats["minutes"]]
    assert times == sorted(times)
    assert stats["pickup"]["count"] == 4
    assert stats["total"]["count"] == 3
    assert stats["stages"]["ai"]["count"] == 2
    assert stats["stages"]["ai"]["p50Ms"] == pytest.approx(3.0, rel=0.05)


async def test_percentiles_are_right_to_a_few_percent(anna: Api, bench: Bench) -> None:
    now_s, _ = bench.client.time()
    for duration_ms in range(1, 1001):
        for bucket, number in counted("stage:ai", duration_ms).items():
            bench.client.hincrby(keys.statistics(int(now_s) // 60), bucket, number)
    stats = (await anna.get("/api/stats")).json

    found = stats["stages"]["ai"]
    assert found["count"] == 1000
    for percent, expected_ms in ((50, 500), (95, 950), (99, 990)):
        assert found[f"p{percent}Ms"] == pytest.approx(expected_ms, rel=0.05)


async def test_without_photos_there_are_no_figures(anna: Api, bench: Bench) -> None:
    stats = (await anna.get("/api/stats")).json

    assert stats["pickup"] == {"count": 0, "p50Ms": None, "p95Ms": None, "p99Ms": None}
    assert stats["complete"] == 0
    assert stats["provider"] == {
        "calls": {}, "promptTokens": 0, "completionTokens": 0, "costUsd": 0.0, "cacheHits": 0,
    }  # fmt: skip
    assert (await anna.get("/api/stats?since=1")).problem == (400, "bad_request")
