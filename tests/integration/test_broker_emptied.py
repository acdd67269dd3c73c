"""Our broker when the server is emptied under it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import dramatiq
import pytest
import redis

from shared.broker.keys import GROUP
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    QUEUE,
    Fetching,
    consuming,
    dead_letters,
    fetch,
    message,
    streams_broker,
    wait_for_blocked_reads,
    working,
)
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.server import EmbeddedServer


pytestmark = pytest.mark.usefixtures("no_unexpected_error")


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


def test_a_worker_goes_on_after_the_server_was_flushed(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    ran: list[int] = []
    with streams_broker(server.url) as broker:

        @dramatiq.actor(broker=broker)
        def write(number: int) -> None:
            ran.append(number)

        with working(broker):
            write.send(1)
            broker.join(QUEUE, timeout=20_000)
            client.flushall()
            write.send(2)
            broker.join(QUEUE, timeout=20_000)
            broker.flush_all()
            write.send_with_options(args=(3,), delay=10)
            broker.join(QUEUE, timeout=20_000)

    assert ran == [1, 2, 3]


def test_a_waiting_consumer_makes_the_groups_again_when_they_are_gone(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    with (
        streams_broker(server.url) as broker,
        consuming(broker, timeout_ms=60_000) as consumer,
    ):
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        client.flushall()
        wait_for_blocked_reads(client)
        client.xgroup_destroy(KEYS.stream("low"), GROUP)
        wait_for_blocked_reads(client)
        broker.enqueue(message("x", priority="low"))

        assert fetching.result().args == ("x",)


def test_a_held_message_that_was_flushed_away_is_lost_and_settles_nothing(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    with streams_broker(server.url, claim_after_ms=LONG_LEASE_MS) as broker:
        for number in range(3):
            broker.enqueue(message(number))
        with consuming(broker) as consumer:
            held = [fetch(consumer) for _ in range(3)]
            client.flushall()
            consumer.ack(held[0])
            consumer.nack(held[1])
            consumer.requeue([held[2]])
            broker.enqueue(message("after"))  # a stream again, and no group
            assert fetch(consumer).args == ("after",)
        assert dead_letters(client) == []


def test_a_worker_stops_after_the_server_was_flushed(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    gate, started = threading.Event(), threading.Event()
    with streams_broker(server.url) as broker:

        @dramatiq.actor(broker=broker)
        def write() -> None:
            started.set()
            gate.wait(20)

        for _ in range(3):
            write.send()
        with working(broker, threads=1, prefetch=3) as worker:
            assert started.wait(10)
            wait_until(lambda: worker.work_queue.qsize() == 2, "all are fetched")
            client.flushall()
            gate.set()
