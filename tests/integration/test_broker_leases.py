"""Our broker: who holds a message, and for how long."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.results import ResultMissing, Results
from dramatiq.results.backends import StubBackend

from shared.broker.consumer import RedisStreamsConsumer
from shared.broker.keys import GROUP
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    QUEUE,
    consuming,
    dead_letters,
    entries,
    fetch,
    give,
    message,
    pending,
    streams_broker,
    waiting,
    working,
)
from tests.support.processes import wait_until

LEASE_MS = 200


def test_a_message_worked_on_longer_than_its_lease_stays_with_its_worker(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        # Long enough for threads that a loaded machine lets wait
        streams_broker(redis_url, claim_after_ms=1000) as broker,
        consuming(broker) as busy,
        consuming(broker, timeout_ms=10) as other,
    ):
        sent = broker.enqueue(message("long"))
        held = fetch(busy)
        # When several leases have passed, by the server's own count of the time
        started_s, _ = client.time()

        def several_leases_passed() -> bool:
            assert next(other) is None
            return client.time()[0] - started_s >= 4

        wait_until(several_leases_passed, "several leases have passed")
        # I expect it with its holder, delivered once
        mine: list[dict[str, Any]] = client.xpending_range(held.receipt.stream, GROUP, "-", "+", 10)
        (entry,) = mine
        assert entry["consumer"].decode() == busy.name
        assert entry["times_delivered"] == 1
        assert not held.lost
        busy.ack(held)
        assert held == sent
        assert waiting(client) == 0


def test_a_lease_that_lapsed_is_marked_as_lost_and_settles_nothing(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as paused,
        streams_broker(redis_url, claim_after_ms=LEASE_MS) as another,
        consuming(another) as other,
    ):
        broker.enqueue(message("x"))
        held = fetch(paused)
        # Given a process that was not heard of, such as one stopped by its machine
        again = fetch(other)
        assert again.deaths == 1
        # When it goes on
        paused._keeper.renew()
        # I expect it to know, and to leave the message alone
        assert held.lost
        paused.nack(held)
        assert dead_letters(client) == []
        assert pending(client) == 1
        other.ack(again)
        assert waiting(client) == 0


def test_a_lost_message_is_not_started(redis_url: str, client: redis.Redis) -> None:
    ran: list[str] = []
    results = StubBackend()
    gate, started = threading.Event(), threading.Event()
    with streams_broker(
        redis_url,
        claim_after_ms=LONG_LEASE_MS,
        middleware=[Results(backend=results, store_results=True)],
    ) as broker:

        @dramatiq.actor(broker=broker)
        def wait() -> None:
            started.set()
            gate.wait(20)

        @dramatiq.actor(broker=broker)
        def write(text: str) -> None:
            ran.append(text)

        # Given a message that waits in a worker for a thread
        with working(broker, threads=1) as worker:
            wait.send()
            assert started.wait(10)
            lost = write.send("lost")
            wait_until(lambda: worker.work_queue.qsize() == 1, "it waits in the worker")
            # When its lease lapses and somebody else gets it, and finishes it
            place, _ = entries(client, KEYS.stream("normal"))[1]
            give(client, "other", (KEYS.stream("normal"), place))
            consumer = worker.consumers[QUEUE].consumer
            assert isinstance(consumer, RedisStreamsConsumer)
            consumer._keeper.renew()
            client.xack(KEYS.stream("normal"), GROUP, place)
            client.xdel(KEYS.stream("normal"), place)
            gate.set()
            broker.join(QUEUE, timeout=20_000)

    # I expect it not to run here, nor a result in the name of whoever finished it
    assert ran == []
    with pytest.raises(ResultMissing):
        lost.get_result(backend=results)


def test_many_acknowledgements_do_not_keep_a_lease_from_being_renewed(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message("x"))
        held = fetch(consumer)
        # Given that every connection for settling is taken
        pool = broker._repeatable.connection_pool
        taken = [pool.get_connection() for _ in range(pool.max_connections)]
        client.xclaim(
            held.receipt.stream, GROUP, consumer.name, 0, [held.receipt.entry_id], idle=60_000
        )
        consumer._keeper.renew()
        (entry,) = pending_entries(client, held.receipt.stream)
        assert entry["time_since_delivered"] < 60_000
        for connection in taken:
            pool.release(connection)


def pending_entries(client: redis.Redis, stream: str) -> list[dict[str, Any]]:
    found: Any = client.xpending_range(stream, GROUP, "-", "+", 10)
    return list(found)


def test_one_thing_that_cannot_be_settled_keeps_no_lease_from_being_renewed(
    redis_url: str, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise redis.ResponseError("WRONGTYPE")

    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        settled = threading.Event()
        consumer._keeper.settle_later(refuse)
        consumer._keeper.settle_later(settled.set)
        assert settled.wait(10)

    assert "could not be settled" in caplog.text


def test_a_consumer_is_named_after_its_machine_and_process(redis_url: str) -> None:
    with streams_broker(redis_url) as broker, consuming(broker) as one, consuming(broker) as other:
        assert one.name.startswith(f"{socket.gethostname()}:{os.getpid()}:")
        assert one.name != other.name
