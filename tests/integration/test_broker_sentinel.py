"""Our broker, and the services' connections, where Sentinels say which server is the primary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis
from dramatiq.errors import ConnectionClosed
from redis.sentinel import Sentinel

from shared.broker import RedisStreamsBroker, check_url
from shared.broker.connections import connect as connect_broker
from shared.broker.connections import derive
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, closing, connect, connect_blocking
from tests.support.broker import (
    LONG_LEASE_MS,
    QUEUE,
    Fetching,
    consuming,
    message,
    streams_broker,
    wait_for_blocked_reads,
)
from tests.support.broker_sentinel import SERVICE, Watched, watched_servers
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.broker import StreamMessage
    from shared.broker.consumer import RedisStreamsConsumer


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with watched_servers() as watched:
        yield watched


def sends(broker: RedisStreamsBroker) -> bool:
    """Send a message; False while no Sentinel says where to."""
    try:
        broker.enqueue(message("x"))
    except ConnectionClosed:
        return False
    return True


def acknowledges(consumer: RedisStreamsConsumer, held: StreamMessage) -> bool:
    """Acknowledge `held`, again until it is settled."""
    consumer.ack(held)
    return held.settled


def waits_at(url: str) -> bool:
    """Whether a consumer waits at a server, which ends all connections when it is promoted."""
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.info("clients")["blocked_clients"])
    except redis.ConnectionError:
        return False


async def test_without_a_primary_services_are_unavailable(watched: Watched) -> None:
    url = watched.url.replace(SERVICE, "unknown")
    async with closing(connect(url)) as service:
        with pytest.raises(UnavailableError), away_is_unavailable():
            await service.ping()


def test_a_client_made_by_a_sentinel_may_be_used(watched: Watched) -> None:
    port = int(watched.url.rsplit(":", 1)[1].split("/")[0])
    with Sentinel([("127.0.0.1", port)]) as sentinel:
        client = sentinel.master_for(SERVICE)
        broker = RedisStreamsBroker(client=client, middleware=[])
        broker.declare_queue(QUEUE)
        with consuming(broker, timeout_ms=60_000) as consumer:
            fetching = Fetching(consumer)
            wait_until(lambda: bool(broker.inspect(QUEUE).consumers), "it waits")
            sent = broker.enqueue(message("x"))
            held = fetching.result()
            assert held == sent
            consumer.ack(held)
        broker.close()
        client.close()


async def test_after_a_failover_all_connections_find_the_new_primary(watched: Watched) -> None:
    with (
        streams_broker(watched.url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker, timeout_ms=60_000) as consumer,
    ):
        async with (
            closing(connect(watched.url)) as service,
            closing(connect_blocking(watched.url, block_ms=60_000)) as reader,
        ):
            await service.set("before", 1)
            await reader.ping()
            fetching = Fetching(consumer)
            with redis.Redis.from_url(watched.primary.url) as client:
                wait_for_blocked_reads(client)
                client.wait(1, 5000)
            # Given that the primary dies
            watched.primary.kill()
            # When the consumer has found the new one
            wait_until(
                lambda: waits_at(watched.replica.url), "the consumer waits there", timeout_s=30
            )
            # I expect everything to go on at the new one
            wait_until(lambda: sends(broker), "a message is sent")
            held = fetching.result()
            wait_until(lambda: acknowledges(consumer, held), "it is acknowledged")
            broker.join(QUEUE, timeout=20_000)
            assert await service.get("before") == b"1"
            with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
                await reader.ping()  # never sent again: whoever reads has to know
            assert await reader.ping()


@pytest.mark.parametrize(
    ("url", "database", "username", "password", "tls"),
    [
        ("redis+sentinel://a:1,b:2/photos", 0, None, None, False),
        ("redis+sentinel://:secret@a:1,b:2/photos/3", 3, None, "secret", False),
        (
            "rediss+sentinel://name:p%40ss@a:1,b:2/photos/4?ssl_cert_reqs=none",
            4,
            "name",
            "p@ss",
            True,
        ),
    ],
)
def test_a_url_says_how_the_primary_is_to_be_talked_to(
    url: str, database: int, username: str | None, password: str | None, *, tls: bool
) -> None:
    client = connect_broker(url)
    for each in (client, derive(client), derive(client, block_ms=1000)):
        connection: Any = each.connection_pool.make_connection()
        assert (connection.db, connection.username, connection.password) == (
            database,
            username,
            password,
        )
        assert isinstance(connection, redis.SSLConnection) == tls
        assert connection.server.sentinels == (("a", 1), ("b", 2))
        assert connection.server.service_name == "photos"
        each.close()


def test_sentinels_have_credentials_and_a_port_of_their_own() -> None:
    client = connect_broker("redis+sentinel://a/photos?sentinel_username=u&sentinel_password=p")

    primary = client.connection_pool.connection_kwargs["server"]
    assert primary.sentinels == (("a", 26379),)
    assert primary.settings == {"username": "u", "password": "p"}
    client.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "rediss://h/1",
        "unix:///run/redis.sock?db=1",
        "redis+sentinel://[::1]:1,b/photos",
        "rediss+sentinel://:p@a:1/photos/0?socket_keepalive=yes",
        "redis+cluster://h",
        "rediss+cluster://name:p%40ss@[::1]:1,b/0?ssl_cert_reqs=none",
    ],
)
def test_urls_that_are_possible_are_taken(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("http://h", "must start with redis://, rediss:// or unix://, or be redis"),
        ("redis-cluster://h:1,h:2", "or redis\\+cluster://host:port,host:port"),
        ("redis+cluster://", "must be of the form redis\\+cluster://"),
        ("redis+cluster://h:1/3", "must be of the form redis\\+cluster://"),
        ("redis+cluster://h:1,:2", "must be of the form redis\\+cluster://"),
        ("redis+sentinel://h:1", "must be of the form redis\\+sentinel://"),
        ("redis+sentinel:///photos", "must be of the form"),
        ("redis+sentinel://h:1,/photos", "must be of the form"),
        ("redis+sentinel://h:1/photos/x", "must be of the form"),
        ("redis+sentinel://h:port/photos", "Port could not be cast"),
        ("unix+sentinel://h/photos", "must start with"),
    ],
)
def test_a_url_that_is_not_is_refused_with_a_line_that_says_what_is(url: str, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        check_url(url)
