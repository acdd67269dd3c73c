"""One gateway for the tests that ask what it answers, a tagger's moves beside it, and a broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis

from deploy.local.server import EmbeddedServer
from shared import keys
from shared.attempts import Attempts, Finish
from shared.broker import RedisStreamsBroker
from shared.photos import Photos
from shared.record import Record
from shared.redis import closing, connect
from shared.tags import Tags
from tests.support.api import Api
from tests.support.broker import LONG_LEASE_MS, streams_broker
from tests.support.invariants import check
from tests.support.processes import ServiceProcess
from tests.support.tagging import Queue, Tagger, Taken, first_step


@dataclass(frozen=True)
class Keyed:
    """A gateway for two keys, and where it keeps files."""

    url: str
    blobs: Path


@dataclass(frozen=True)
class Bench:
    """What does a tagger's work by hand, and looks at the database."""

    photos: Photos
    tagger: Tagger
    queue: Queue
    client: Any

    async def begin(self, *, told: bool = False) -> Taken:
        """Claim the message that is next in the queue; `told`: with its first step."""
        taken = self.queue.fetch()
        assert taken is not None
        command = taken.command
        claimed = await self.tagger.attempts.claim(
            command.photo_id, command.job_id, taken.receipt, first_step() if told else None
        )
        assert isinstance(claimed, Record)
        taken.record = claimed
        return taken

    async def complete(self, *names: str, phash: str | None = None) -> Taken:
        """Begin what is next, and complete it with French tags of these names."""
        taken = await self.begin()
        tags = [{"fr": name} for name in names]
        assert await self.tagger.complete(taken, tags, phash=phash) is Finish.ENDED
        return taken

    async def fail(self) -> Taken:
        """Begin what is next, and end it as `error`."""
        taken = await self.begin()
        await self.tagger.fail(taken)
        return taken

    def heard(self, socket_id: str) -> list[tuple[str, dict[str, Any]]]:
        """The events for a socket, in order."""
        lane: Any = self.client.xrange(keys.lane(int(socket_id.partition("-")[0])))
        return [
            (fields[b"event"].decode(), orjson.loads(fields[b"data"]))
            for _, fields in lane
            if fields[b"socket"] == socket_id.encode()
        ]


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def broker(redis_url: str) -> Iterator[RedisStreamsBroker]:
    """A broker whose leases do not lapse during a test, on an empty Redis."""
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:
        yield broker


@pytest.fixture(scope="session")
def keyed_gateway(
    redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keyed]:
    blobs = tmp_path_factory.mktemp("keyed") / "blobs"
    environment = {
        "REDIS_URL": redis_server.url,
        "TAGLINE_BLOB_URL": blobs.as_uri(),
        "TAGLINE_API_KEYS": "anna:s3cret-a, ben:s3cret-b",
        "TAGLINE_MAX_BATCH": "5",
    }
    with ServiceProcess("gateway", environment) as process:
        yield Keyed(process.wait_ready().url, blobs)


@pytest.fixture
def anna(redis_url: str, keyed_gateway: Keyed) -> Api:
    """The owner of a key, on an empty database."""
    return Api(keyed_gateway.url, "s3cret-a")


@pytest.fixture
def ben(redis_url: str, keyed_gateway: Keyed) -> Api:
    """The owner of another key."""
    return Api(keyed_gateway.url, "s3cret-b")


@pytest.fixture
async def bench(redis_url: str) -> AsyncIterator[Bench]:
    """At the end of the test all indexes agree with the records."""
    with redis.Redis.from_url(redis_url) as client:
        async with closing(connect(redis_url)) as moving:
            photos = Photos(moving, retention_s=600)
            tagger = Tagger(photos, Attempts(moving, retention_s=600), Tags(moving))
            yield Bench(photos, tagger, Queue(client), client)
        check(client)
