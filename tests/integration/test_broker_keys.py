"""Our broker: where its keys lie, and which servers and clients it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis
import redis.crc
from dramatiq import Message
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.broker import QueueKeys, RedisStreamsBroker
from shared.broker.connections import connect, derive
from tests.support.broker import (
    KEYS,
    QUEUE,
    Fetching,
    consuming,
    fetch,
    message,
    streams_broker,
    wait_for_blocked_reads,
)
from tests.support.needs import missing
from tests.support.redis_server import temporary_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.server import EmbeddedServer


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[EmbeddedServer]:
    with temporary_server(tcp=True) as server:
        yield server


def slot(key: str) -> int:
    return int(redis.crc.key_slot(key.encode()))


# Keys


@pytest.mark.parametrize(
    "namespace", ["dramatiq", "app:1", "{app}", "{app}:eu", "eu:{app}:x", "a{b", "a{}b", "a{}{b}"]
)
def test_all_keys_of_a_queue_lie_in_one_slot(namespace: str) -> None:
    keys = QueueKeys.of(namespace, "photos")

    assert len(set(keys.all)) == 10
    assert len({slot(key) for key in keys.all}) == 1


def test_queues_of_a_namespace_with_a_hash_tag_share_its_slot() -> None:
    queues = [QueueKeys.of("{app}", name) for name in ("photos", "letters", "default")]

    assert {slot(key) for keys in queues for key in keys.all} == {slot("{app}")}


def test_queues_of_a_namespace_without_a_hash_tag_spread_over_slots() -> None:
    assert len({slot(QueueKeys.of("app", f"queue{n}").front) for n in range(50)}) > 25


def test_no_key_of_a_queue_is_one_of_another() -> None:
    queues = [("dramatiq", "a"), ("dramatiq", "b"), ("{dramatiq}", "a"), ("{dramatiq}", "b")]
    keys = [key for namespace, name in queues for key in QueueKeys.of(namespace, name).all]

    assert len(set(keys)) == len(keys)


def test_the_server_agrees_on_the_slots(redis_url: str) -> None:
    # Redis has this command outside of clusters, too; not every server does.
    with redis.Redis.from_url(redis_url) as client:
        try:
            slots = {client.execute_command("CLUSTER KEYSLOT", key) for key in KEYS.all}
        except redis.ResponseError as error:
            missing(str(error))

    assert slots == {slot(KEYS.front)}


def test_nothing_is_written_outside_the_keys_of_the_queue(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client, streams_broker(redis_url) as broker:
        broker.enqueue(message("now"))
        broker.enqueue(message("later"), delay=60_000)
        with consuming(broker) as consumer:
            held = fetch(consumer)
            held.fail()
            consumer.nack(held)
            consumer._keeper.sweep()
        broker.pause(QUEUE)
        broker.enqueue(message("later"), delay=50_000)

        assert {key.decode() for key in client.scan_iter()} == set(KEYS.all)
        broker.flush(QUEUE)
        assert client.keys() == [KEYS.paused.encode()]
        broker.resume(QUEUE)
        broker.flush(QUEUE)
        assert client.dbsize() == 0


# Servers and clients


def run_one(broker: RedisStreamsBroker) -> None:
    """Expect a message to be fetched at once, and another one by a read that waits for it."""
    broker.declare_queue(QUEUE)
    keys = broker.keys_of(QUEUE)
    with consuming(broker, timeout_ms=60_000) as consumer:
        broker.enqueue(message("Zoë", 1))
        held = fetch(consumer)
        assert held.args == ("Zoë", 1)
        consumer.ack(held)

        fetching = Fetching(consumer)
        wait_for_blocked_reads(broker._client)
        sent = broker.enqueue(message(2))
        held = fetching.result()
        assert held == sent
        consumer.ack(held)

        # As after a lost reply
        lost = broker.enqueue(message(3))
        consumer._fetcher._fetch(
            keys=[keys.paused, keys.counts, keys.wake, keys.delayed, *keys.streams],
            args=["workers", consumer.name, 1, 1, 1],
        )
        consumer._fetcher._recover = True
        held = fetch(consumer)
        assert held == lost
        consumer.ack(held)
        broker.join(QUEUE, timeout=10_000)


def test_a_url_may_name_a_unix_socket(redis_url: str) -> None:
    assert redis_url.startswith("unix://")
    with streams_broker(redis_url) as broker:
        run_one(broker)


def test_a_url_may_name_a_host_and_a_database(tcp_server: EmbeddedServer) -> None:
    url = tcp_server.url.removesuffix("/0") + "/3"
    with streams_broker(url) as broker, redis.Redis.from_url(url) as client:
        run_one(broker)

        assert client.info("keyspace").keys() == {"db3"}
        client.flushall()


def test_a_url_may_ask_for_resp3(tcp_server: EmbeddedServer) -> None:
    with streams_broker(f"{tcp_server.url}?protocol=3") as broker:
        run_one(broker)


@pytest.mark.parametrize("namespace", ["dramatiq", "{app}"])
def test_queues_of_different_namespaces_do_not_meet(redis_url: str, namespace: str) -> None:
    with (
        streams_broker(redis_url, namespace="another") as another,
        streams_broker(redis_url, namespace=namespace) as broker,
    ):
        another.enqueue(message("another"))
        run_one(broker)
        with redis.Redis.from_url(redis_url) as client:
            assert client.xlen(another.keys_of(QUEUE).stream("normal")) == 1


@pytest.mark.parametrize("settings", [{}, {"protocol": 3}, {"decode_responses": True}])
def test_a_client_of_the_callers_own_may_be_used_and_stays_open(
    tcp_server: EmbeddedServer, settings: dict[str, Any]
) -> None:
    with redis.Redis.from_url(tcp_server.url, **settings) as client:
        client.ping()
        connection = client.connection_pool.get_connection()
        client.connection_pool.release(connection)
        broker = RedisStreamsBroker(client=client, middleware=[])
        run_one(broker)
        broker.close()

        assert connection.is_connected
        client.ping()


def test_a_client_made_of_single_settings_may_be_used(tcp_server: EmbeddedServer) -> None:
    port = int(tcp_server.url.rsplit(":", 1)[1].split("/")[0])
    with redis.Redis(host="127.0.0.1", port=port, protocol=3, socket_timeout=1) as client:
        broker = RedisStreamsBroker(client=client, middleware=[])
        run_one(broker)
        broker.close()


def test_a_client_that_does_not_send_again_sends_each_message_once(redis_url: str) -> None:
    client = connect(redis_url)
    retry = client.connection_pool.connection_kwargs["retry"]
    client.close()

    assert retry == Retry(NoBackoff(), 0)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://name:secret@example.org:7000/2", redis.Connection),
        ("rediss://example.org:7000?ssl_cert_reqs=none", redis.SSLConnection),
        ("unix:///run/redis.sock?db=2", redis.UnixDomainSocketConnection),
    ],
)
def test_derived_clients_go_to_the_same_server_in_the_same_way(url: str, expected: type) -> None:
    client = connect(url)
    for derived in (derive(client), derive(client, block_ms=1000)):
        mine = client.connection_pool.make_connection()
        other = derived.connection_pool.make_connection()
        assert type(mine) is type(other) is expected
        for name in ("host", "port", "path", "db", "username", "password", "cert_reqs"):
            assert getattr(mine, name, None) == getattr(other, name, None)
        derived.close()
    client.close()


def test_a_blocking_read_is_given_more_time_than_it_blocks(redis_url: str) -> None:
    client = connect(redis_url)
    blocking = derive(client, block_ms=30_000)

    assert blocking.connection_pool.connection_kwargs["socket_timeout"] > 30
    assert blocking.connection_pool.connection_kwargs["retry"] == Retry(NoBackoff(), 0)
    blocking.close()
    client.close()


def test_a_broker_not_used_opens_no_connection() -> None:
    # Importing an actor's module must not need a server.
    broker = RedisStreamsBroker(url="redis://127.0.0.1:1/0")
    broker.declare_queue(QUEUE)
    broker.entry_for(Message(QUEUE, "write", (), {}, {}))
    broker.close()
