"""Our broker: how messages are fetched, which first, and how many."""

from __future__ import annotations

import threading

import dramatiq
import pytest
import redis

from shared.broker import RedisStreamsBroker
from shared.broker.keys import GROUP
from tests.support.broker import (
    KEYS,
    QUEUE,
    Fetching,
    consuming,
    fetch,
    message,
    pending,
    streams_broker,
    wait_for_blocked_reads,
    working,
)
from tests.support.processes import wait_until

# Waiting


def test_a_waiting_consumer_is_handed_the_message_without_asking_again(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    # Given a consumer whose blocking read lasts longer than this test may
    with consuming(broker, timeout_ms=60_000) as consumer:
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        client.config_resetstat()
        # When a message is sent
        sent = broker.enqueue(message(1))
        # I expect that read to return it, with no script run to fetch it
        assert fetching.result().message_id == sent.message_id
        assert "cmdstat_evalsha" not in client.info("commandstats")


def test_an_idle_consumer_sends_one_command_a_second_at_most(
    redis_url: str, client: redis.Redis
) -> None:
    commands: list[str] = []
    blocked_ms = 0
    with streams_broker(redis_url) as broker:
        # Given three consumers: of an empty queue, of a paused one, and of one with a message
        # that is due in ten minutes
        for queue_name in ("paused", "delayed"):
            broker.declare_queue(queue_name)
        broker.pause("paused")
        broker.enqueue(message().copy(queue_name="paused"))
        broker.enqueue(message().copy(queue_name="delayed"), delay=600_000)
        with working(broker, timeout_ms=1000):
            wait_for_blocked_reads(client, 3)
            with client.monitor() as monitor:
                for entry in monitor.listen():
                    words = entry["command"].split()
                    # Of a script itself, or sent once by every consumer
                    if entry["client_type"] == "lua" or words[0] in {"CLIENT", "SCRIPT", "TIME"}:
                        continue
                    commands.append(entry["command"])
                    if "BLOCK" in words:
                        blocked_ms += int(words[words.index("BLOCK") + 1])
                    if blocked_ms >= 12_000:
                        break

    # Four seconds each; at either end of them a read and a sweep may come on top.
    assert len(commands) <= 12 + 6, commands


def test_every_consumer_of_a_queue_gets_messages_of_its_own(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    sent = {broker.enqueue(message(number)).message_id for number in range(10)}
    with consuming(broker, prefetch=5) as one, consuming(broker, prefetch=5) as other:
        got = [fetch(consumer).message_id for _ in range(5) for consumer in (one, other)]

        assert set(got) == sent
        assert len(got) == len(sent)
        assert pending(client) == 10


def test_groups_that_others_made_are_used(broker: RedisStreamsBroker, client: redis.Redis) -> None:
    # Given some of the groups, and a message, before there is any consumer
    for stream in (KEYS.front, KEYS.stream("low")):
        client.xgroup_create(stream, GROUP, id="0", mkstream=True)
    broker.enqueue(message("x"))
    with consuming(broker) as consumer:
        assert fetch(consumer).args == ("x",)


# How many


def test_a_consumer_holds_no_more_than_its_prefetch(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    for number in range(10):
        broker.enqueue(message(number))
    with consuming(broker, prefetch=3) as consumer:
        held = [fetch(consumer) for _ in range(3)]

        assert next(consumer) is None
        assert pending(client) == 3

        # One is done: one more is fetched.
        consumer.ack(held[0])
        fetch(consumer)

        assert next(consumer) is None
        assert pending(client) == 3


def test_a_blocking_read_that_returns_one_of_each_stream_keeps_to_the_prefetch(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    with consuming(broker, prefetch=1) as consumer:
        # Given a consumer that has looked, and waits next
        while consumer._fetcher._look_at == 0.0:
            assert next(consumer) is None
        # When two messages are in two streams by the time it waits
        broker.enqueue(message("high", priority="high"))
        broker.enqueue(message("low", priority="low"))
        first = fetch(consumer)
        # I expect it to have given the other one back, at no cost
        assert first.args == ("high",)
        assert pending(client) == 1

        consumer.ack(first)
        second = fetch(consumer)
        assert second.args == ("low",)
        assert second.deaths == 0
        assert second.receipt.stream == KEYS.front


def test_a_worker_that_is_busy_leaves_messages_to_others(
    redis_url: str, client: redis.Redis
) -> None:
    gate = threading.Event()
    with streams_broker(redis_url) as broker:

        @dramatiq.actor(broker=broker)
        def write() -> None:
            gate.wait(20)

        with working(broker, threads=2, prefetch=2):
            for _ in range(6):
                write.send()
            wait_until(lambda: pending(client) == 2, "both threads are busy")
            # When somebody else asks, there is something left
            with consuming(broker, prefetch=4) as other:
                for _ in range(4):
                    other.ack(fetch(other))
            assert pending(client) == 2
            gate.set()
            broker.join(QUEUE, timeout=20_000)


# Which first


def test_urgent_messages_are_fetched_first(broker: RedisStreamsBroker) -> None:
    for number, priority in enumerate(("low", "normal", "high", "low", "normal", "high")):
        broker.enqueue(message(number, priority=priority))
    with consuming(broker, prefetch=1) as consumer:
        order = []
        for _ in range(6):
            held = fetch(consumer)
            order.append(held.args[0])
            consumer.ack(held)

    assert order == [2, 5, 1, 4, 0, 3]


def test_a_priority_nobody_knows_is_refused(broker: RedisStreamsBroker) -> None:
    with pytest.raises(ValueError, match="priority must be one of high, normal, low, not 'urgent'"):
        broker.enqueue(message(priority="urgent"))
