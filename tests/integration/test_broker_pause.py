"""Our broker: pausing a queue and resuming it."""

from __future__ import annotations

import threading

import dramatiq
import pytest
import redis
from dramatiq.errors import QueueJoinTimeout

from shared.broker import RedisStreamsBroker
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    QUEUE,
    Fetching,
    consumers,
    consuming,
    fetch,
    message,
    pending,
    streams_broker,
    wait_for_blocked_reads,
    waiting,
    working,
)
from tests.support.processes import wait_until
from tests.support.redis_server import temporary_server


def test_consumers_in_blocking_reads_get_nothing_of_a_paused_queue(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    # Given consumers whose reads last longer than this test may
    with (
        consuming(broker, prefetch=1, timeout_ms=60_000) as one,
        consuming(broker, prefetch=1, timeout_ms=60_000) as other,
    ):
        fetching = [Fetching(one), Fetching(other)]
        wait_for_blocked_reads(client, 2)
        broker.pause(QUEUE)
        assert broker.is_paused(QUEUE)
        # When messages are sent at once
        for number in range(2):
            broker.enqueue(message(number))
        broker.enqueue(message("due"), delay=0)
        wait_for_blocked_reads(client, 2)
        # I expect all of them to wait
        assert (waiting(client), pending(client), client.zcard(KEYS.delayed)) == (2, 0, 1)
        # And all consumers to be woken by the end of the pause
        broker.resume(QUEUE)
        assert not broker.is_paused(QUEUE)
        assert {each.result().args[0] for each in fetching} <= {0, 1, "due"}


def test_a_consumer_that_looked_before_the_pause_is_told_when_it_waits(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    with consuming(broker, timeout_ms=10) as consumer:
        while consumer._fetcher._look_at == 0.0:
            assert next(consumer) is None
        # Given that its next step is to wait for messages
        broker.pause(QUEUE)
        broker.enqueue(message("x"))

        for _ in range(5):
            assert next(consumer) is None
        assert pending(client) == 0
        broker.resume(QUEUE)
        assert fetch(consumer).args == ("x",)


def test_what_a_worker_has_fetched_and_not_started_is_handed_back(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    gate, started = threading.Event(), threading.Event()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write(number: int) -> None:
        started.set()
        gate.wait(20)
        ran.append(number)

    # Given a worker that runs one message and has fetched another one
    with working(broker, threads=1, prefetch=3) as worker:
        for number in range(2):
            write.send(number)
        assert started.wait(10)
        wait_until(lambda: pending(client) == 2, "both are fetched")
        # When the queue is paused
        broker.pause(QUEUE)
        # I expect what runs to go on, and the other one to wait for all, at no cost to it
        wait_until(lambda: client.xlen(KEYS.front) == 1, "the other one is handed back")
        assert worker.work_queue.qsize() == 0
        gate.set()
        wait_until(lambda: ran == [0], "what ran has ended")
        assert broker.inspect(QUEUE).waiting["front"] == 1
        with pytest.raises(QueueJoinTimeout):
            broker.join(QUEUE, timeout=50)
        broker.resume(QUEUE)
        broker.join(QUEUE, timeout=20_000)

    assert ran == [0, 1]
    assert consumers(client) == set()


def test_messages_held_by_a_consumer_of_ones_own_stay_held(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    with consuming(broker, timeout_ms=10) as consumer:
        broker.enqueue(message("x"))
        held = fetch(consumer)
        broker.pause(QUEUE)
        for _ in range(3):
            assert next(consumer) is None
        assert pending(client) == 1
        consumer.ack(held)
        assert waiting(client) == 0


def test_a_consumer_that_is_born_while_the_queue_is_paused_waits(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    broker.pause(QUEUE)
    broker.enqueue(message("x"))
    with consuming(broker, timeout_ms=60_000) as consumer:
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        assert pending(client) == 0
        broker.resume(QUEUE)

        assert fetching.result().args == ("x",)


def test_pausing_twice_is_pausing_once_and_so_is_resuming(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    with consuming(broker, timeout_ms=60_000) as consumer:
        broker.pause(QUEUE)
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        broker.pause(QUEUE)
        broker.resume(QUEUE)
        broker.resume(QUEUE)
        wait_for_blocked_reads(client)
        broker.enqueue(message("x"))
        assert fetching.result().args == ("x",)


def test_a_flush_leaves_the_queue_paused(broker: RedisStreamsBroker, client: redis.Redis) -> None:
    with consuming(broker, timeout_ms=60_000) as consumer:
        broker.pause(QUEUE)
        broker.enqueue(message("dropped"))
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        broker.flush(QUEUE)
        broker.enqueue(message("kept"))

        assert broker.is_paused(QUEUE)
        broker.resume(QUEUE)
        assert fetching.result().args == ("kept",)


def test_a_pause_outlives_the_server_and_a_full_one_can_be_paused() -> None:
    with (
        temporary_server() as server,
        streams_broker(server.url, claim_after_ms=LONG_LEASE_MS) as broker,
        redis.Redis.from_url(server.url) as client,
        consuming(broker, timeout_ms=60_000) as consumer,
    ):
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        client.config_set("maxmemory", 1)
        broker.pause(QUEUE)
        wait_for_blocked_reads(client)
        server.kill()
        server.start()
        broker.enqueue(message("x"))
        wait_for_blocked_reads(client)

        assert broker.is_paused(QUEUE)
        assert pending(client) == 0
        broker.resume(QUEUE)
        assert fetching.result().args == ("x",)
