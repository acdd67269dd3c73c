"""`GET /api/stats`: what it counts, and what its percentiles are worth."""

from __future__ import annotations

import pytest

from shared import keys
from shared.spending import DAY_S
from shared.statistics import counted
from tests.support.api import Api
from tests.support.tagging import Bench


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
            bench.client.hincrby(keys.owner_statistics("anna", now_s // 60), bucket, number)
    stats = (await anna.get("/api/stats")).json

    found = stats["stages"]["ai"]
    assert found["count"] == 1000
    for percent, expected_ms in ((50, 500), (95, 950), (99, 990)):
        assert found[f"p{percent}Ms"] == pytest.approx(expected_ms, rel=0.05)


async def test_cost_is_told_by_day_and_in_all(anna: Api, bench: Bench) -> None:
    now_s, _ = bench.client.time()
    day = int(now_s) // DAY_S
    for ago, number in ((0, 2), (1, 3), (29, 5), (30, 7)):
        for key in (keys.owner_spent("anna", day - ago), keys.owner_spent_in_all("anna")):
            for name, each in (("calls", 1), ("photos", 1), ("prompt", 100), ("nanousd", 1000)):
                bench.client.hincrby(key, f"openai|m|{name}", number * each)
    bench.client.hincrby(keys.owner_spent_in_all("anna"), "local|built-in|calls", 1)
    cost = (await anna.get("/api/stats")).json["cost"]

    assert cost["today"] == {
        **cost["last30Days"][-1],
        "models": [{"provider": "openai", "model": "m", **spent(2)}],
    }
    assert [each["calls"] for each in cost["last30Days"]] == [5, *[0] * 27, 3, 2]
    assert {**cost["last30Days"][28], **spent(3)} == cost["last30Days"][28]
    days = [each["day"] for each in cost["last30Days"]]
    assert (days, len(days[0])) == (sorted(days), 10)
    assert (cost["total"]["usd"], cost["total"]["calls"]) == (0.000017, 18)
    assert [each["provider"] for each in cost["total"]["models"]] == ["openai", "local"]
    assert cost["budget"] is None


async def test_a_budget_is_told_while_a_tagger_keeps_it(anna: Api, bench: Bench) -> None:
    now_s, _ = bench.client.time()
    bench.client.zadd(keys.gates(), {"e": now_s * 1000})
    published = {"provider": "openai", "budget_nanousd": 2_000_000_000, "fallback": "local"}
    bench.client.hset(keys.gate("e"), mapping=published)
    bench.client.hset(keys.spent(now_s // DAY_S), "nanousd", 1_500_000_000)
    bench.client.lpush(keys.gate_costs("e"), 400_000_000)
    stats = (await anna.get("/api/stats")).json
    ends_at = stats["cost"]["budget"].pop("endsAt")

    assert stats["cost"]["budget"] == {
        "usd": 2.0, "remainingUsd": 0.5, "spent": False, "fallback": "local",
    }  # fmt: skip
    assert ends_at.endswith("T00:00:00.000Z")
    assert stats["providers"][0]["state"] == "ok"
    # If what is left pays for no call
    bench.client.lpush(keys.gate_costs("e"), 700_000_000)
    stats = (await anna.get("/api/stats")).json

    assert stats["cost"]["budget"]["spent"] is True
    assert stats["providers"][0]["state"] == "budget"


def spent(number: int) -> dict[str, float]:
    return {
        "usd": number / 1e6,
        "promptTokens": number * 100,
        "completionTokens": 0,
        "calls": number,
        "photos": number,
    }


async def test_without_photos_there_are_no_figures(anna: Api, bench: Bench) -> None:
    stats = (await anna.get("/api/stats")).json

    assert stats["pickup"] == {"count": 0, "p50Ms": None, "p95Ms": None, "p99Ms": None}
    assert stats["complete"] == 0
    assert stats["provider"] == {
        "calls": {}, "promptTokens": 0, "completionTokens": 0, "costUsd": 0.0, "cacheHits": 0,
    }  # fmt: skip
    assert (await anna.get("/api/stats?since=1")).problem == (400, "bad_request")
