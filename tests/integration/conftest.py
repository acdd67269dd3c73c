"""One gateway for the tests that ask what it answers, a tagger's moves beside it, and a broker."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from deploy.local.server import EmbeddedServer
from shared.broker import RedisStreamsBroker
from tests.support.api import Api, Keyed
from tests.support.broker import LONG_LEASE_MS, streams_broker
from tests.support.invariants import check
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.tagging import Bench, opened_bench


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A server of the test's own, to be harmed."""
    with temporary_server() as server:
        yield server


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


@pytest.fixture
def no_unexpected_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Dramatiq logs what it did not expect of a broker as critical, or as an exception."""
    yield
    for record in [*caplog.get_records("setup"), *caplog.get_records("call")]:
        assert record.levelno < logging.CRITICAL, record.getMessage()
        failed = record.getMessage().startswith("Failed to process message")  # an actor's doing
        assert failed or record.exc_info is None, record.getMessage()


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
    async with opened_bench(redis_url) as bench:
        yield bench
        check(bench.client)
