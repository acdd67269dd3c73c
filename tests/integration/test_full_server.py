"""A server without any memory left: nothing new comes in, and what is there can be ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import redis
from redis.asyncio import Redis

from deploy.local.server import EmbeddedServer
from services.tagger.cache import Cache
from services.tagger.clock import Clock
from services.tagger.gate import Limits
from services.tagger.providers.provider import FoundTag, Recognition
from services.tagger.shared_gate import SharedGate
from shared.attempts import Attempts
from shared.ending import Finish
from shared.errors import UnavailableError
from shared.jobs import Jobs
from shared.photos import Photos
from shared.redis import closing, connect
from shared.tags import Tags
from tests.support.invariants import check
from tests.support.tagging import Bench, Queue, Tagger, submit

CAT = Recognition((FoundTag({"fr": "chat"}, 0.9),))


@pytest.fixture
async def moving(server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with closing(connect(server.url)) as client:
        yield client


@pytest.fixture
def bench(server: EmbeddedServer, moving: Redis) -> Iterator[Bench]:
    with redis.Redis.from_url(server.url) as client:
        photos = Photos(moving, retention_s=600)
        tagger = Tagger(photos, Attempts(moving, retention_s=600), Tags(moving))
        yield Bench(photos, tagger, Queue(client), client)
        check(client)


async def test_a_full_server_is_worked_empty(bench: Bench, moving: Redis) -> None:
    for _ in range(6):
        await submit(bench.photos, socket_id="0-aaaaaaaaaaaaaaaaaaaaaaaa")
    bench.client.config_set("maxmemory", 1)

    with pytest.raises(UnavailableError):
        await submit(bench.photos)
    # A photo is tagged, one fails, one is tried again and then cancelled, two are removed
    done = await bench.begin()
    assert done.record is not None
    assert await bench.tagger.step(done.record, "ai", 30)
    assert await bench.tagger.complete(done, [{"fr": "chat"}]) is Finish.ENDED
    assert await bench.tagger.fail(await bench.begin()) is Finish.ENDED
    again = await bench.begin()
    assert await bench.tagger.retry(again, delay_ms=3_600_000)
    delayed = await bench.photos.get(again.command.photo_id)
    assert delayed is not None
    assert await Jobs(moving, retention_s=600).cancel(delayed)
    for photo_id in (4, done.record.id):
        record = await bench.photos.get(photo_id)
        assert record is not None
        await bench.photos.delete(record)

    ends = [record.status for record in await bench.photos.get_many(range(1, 7))]
    assert ends == ["error", "cancelled", "queued", "queued"]


async def test_a_full_server_lets_a_provider_be_asked(bench: Bench, moving: Redis) -> None:
    bench.client.config_set("maxmemory", 1)
    limits = Limits(max_calls=1, requests_per_minute=9)
    gate = SharedGate(moving, provider="p", endpoint="e", limits=limits, lease_ms=12_000)
    cache = Cache(moving, ttl_s=60, lease_ms=15_000)

    async def ask() -> Recognition:
        async with gate.turn(Clock(), priority="normal"):
            return CAT

    await gate.start()
    try:
        assert await cache.recognition("d", ask, clock=Clock()) == (CAT, False)
        assert await cache.recognition("d", ask, clock=Clock()) == (CAT, True)
    finally:
        await cache.close()
        await gate.close()
