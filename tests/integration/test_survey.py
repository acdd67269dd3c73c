"""What a gateway tells of queues and Redis, and what it does not when it cannot know."""

from __future__ import annotations

import math
from pathlib import Path

import aiohttp
import redis
from prometheus_client.parser import text_string_to_metric_families

from shared import keys
from tests.support.api import CAT, Api
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.tagging import Queue
from tests.support.waiting import wait_until

Told = dict[tuple[str, frozenset[str]], float]


async def told(gateway: ServiceProcess) -> Told:
    """What is told, by name and the values of its labels."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.url}/metrics") as response,
    ):
        assert response.status == 200
        text = await response.text()
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def one(name: str, *labels: str) -> tuple[str, frozenset[str]]:
    return f"tagline_{name}", frozenset(labels)


async def test_what_waits_is_told_where_no_tagger_runs(redis_url: str, tmp_path: Path) -> None:
    environment = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri()}
    with ServiceProcess("gateway", environment) as gateway:
        api = Api(gateway.wait_ready().url)
        # Given photos of two priorities, one of which somebody has fetched
        for priority in ("low", "high", "high"):
            assert (await api.upload(CAT, priority=priority)).status == 202
        with redis.Redis.from_url(redis_url) as client:
            assert Queue(client).fetch() is not None

        async def seen() -> bool:
            found = await told(gateway)
            held = found[one("queue_held_messages", "tagging", "high")]
            return held == 1 and found[one("queue_waiting_messages", "tagging", "high")] == 1

        # What was seen is told again for a second.
        await wait_until(seen, what="one is held, one waits")
        found = await told(gateway)

    assert found[one("queue_waiting_messages", "tagging", "low")] == 1
    assert found[one("queue_waiting_messages", "tagging", "front")] == 0
    assert found[one("queue_delayed_messages", "tagging")] == 0
    assert found[one("queue_dead_letters", "tagging")] == 0
    assert found[one("queue_paused", "tagging")] == 0
    assert found[one("unfinished_oldest_seconds")] > 0
    assert found[one("redis_up")] == 1
    assert found[one("redis_safe")] == 1
    assert found[one("redis_memory_used_bytes")] > 0
    assert math.isnan(found[one("redis_memory_max_bytes")])
    assert found[one("blobs_free_bytes")] > 0
    assert found[one("uploads_total", "accepted")] == 3


async def test_what_breaks_the_look_at_redis_takes_nothing_else_with_it(
    redis_url: str, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri()}
    with redis.Redis.from_url(redis_url) as client:
        client.set(keys.unfinished(), "no sorted set")
    with ServiceProcess("gateway", environment) as gateway:
        found = await told(gateway.wait_ready())

    assert found[one("redis_up")] == 0
    assert found[one("redis_errors_total", "ResponseError")] == 1
    assert found[one("uploads_total", "accepted")] == 0


async def test_without_redis_no_queue_is_told_and_uploads_are_counted_as_refused(
    tmp_path: Path,
) -> None:
    environment = {"TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri()}
    with temporary_server() as server:
        environment["REDIS_URL"] = server.url
        with ServiceProcess("gateway", environment) as gateway:
            api = Api(gateway.wait_ready().url)
            assert (await told(gateway))[one("redis_up")] == 1
            server.stop()

            async def is_away() -> bool:
                return (await told(gateway))[one("redis_up")] == 0

            await wait_until(is_away, timeout_s=20, what="it is told that Redis is away")
            refused = await api.upload()
            found = await told(gateway)
            server.start()

            async def is_back() -> bool:
                again = await told(gateway)
                return again[one("redis_up")] == 1 and one("queue_paused", "tagging") in again

            await wait_until(is_back, timeout_s=20, what="it is told that Redis is back")

    assert refused.problem == (503, "unavailable")
    assert found[one("uploads_total", "unavailable")] == 1
    assert found[one("uploads_refused_total", "redis")] == 1
    assert found[one("problems_total", "unavailable")] >= 1
    assert sum(value for (name, _), value in found.items() if "redis_errors" in name) > 0
    assert not any(name.startswith("tagline_queue_") for name, _ in found)
    assert math.isnan(found[one("redis_safe")])
    assert math.isnan(found[one("unfinished_oldest_seconds")])
    assert found[one("blobs_free_bytes")] > 0
