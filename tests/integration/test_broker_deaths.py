"""Our broker: what becomes of a message when the worker dies that holds it."""

from __future__ import annotations

import signal

import dramatiq
import pytest
import redis
from dramatiq import Message, Middleware
from dramatiq.middleware import Callbacks
from dramatiq.results import ResultFailure, Results
from dramatiq.results.backends import StubBackend

from tests.support.broker import (
    KEYS,
    QUEUE,
    consuming,
    dead_consumer,
    dead_letters,
    entries,
    fetch,
    message,
    pending,
    streams_broker,
    waiting,
    working,
)
from tests.support.broker_worker import worker_process
from tests.support.processes import wait_until

LEASE_MS = 200


def test_the_message_of_a_killed_worker_runs_again(redis_url: str, client: redis.Redis) -> None:
    sent = Message[None](QUEUE, "hold", (), {}, {})
    with streams_broker(redis_url, claim_after_ms=500) as broker:
        with worker_process(redis_url, claim_after_ms=500) as worker:
            broker.enqueue(sent)
            wait_until(lambda: client.llen("started") == 1, "it runs", timeout_s=30)
            worker.kill()
            worker.wait()
        with consuming(broker) as consumer:
            again = fetch(consumer)

    assert again.message_id == sent.message_id
    assert again.deaths == 1
    assert again.receipt.stream == KEYS.front
    assert dead_letters(client) == []


def test_a_message_that_kills_its_workers_is_poison_after_three(
    redis_url: str, client: redis.Redis
) -> None:
    sent = Message[None](QUEUE, "die", (), {}, {})
    with streams_broker(redis_url) as broker:
        broker.enqueue(sent)
    for number in range(1, 4):
        with worker_process(redis_url, claim_after_ms=LEASE_MS) as worker:
            worker.wait(30)
            assert client.llen("started") == number
    # The fourth worker survives.
    with worker_process(redis_url, claim_after_ms=LEASE_MS) as worker:
        wait_until(lambda: bool(dead_letters(client)), "it is a dead letter", timeout_s=30)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0

    (found,) = dead_letters(client)
    assert Message.decode(found[b"m"]) == sent
    assert found[b"reason"] == b"poison"
    assert found[b"d"] == b"3"
    assert client.llen("started") == 3
    assert waiting(client) == pending(client) == 0


def test_poison_runs_no_callback_of_success_and_is_a_failed_result(
    redis_url: str, client: redis.Redis
) -> None:
    told: list[str] = []
    rejected: list[str] = []
    results = StubBackend()

    class Rejected(Middleware):
        def before_nack(self, _broker: object, message: dramatiq.MessageProxy) -> None:
            rejected.append(message.reason)

    with streams_broker(
        redis_url,
        max_deaths=2,
        middleware=[Callbacks(), Results(backend=results, store_results=True), Rejected()],
    ) as broker:

        @dramatiq.actor(broker=broker)
        def succeeded(*_: object) -> None:
            told.append("succeeded")

        @dramatiq.actor(broker=broker)
        def write() -> None:
            told.append("ran")

        sent = write.message_with_options(on_success=succeeded)
        client.xadd(KEYS.stream("normal"), {"m": sent.encode(), "d": 2})
        with working(broker):
            broker.join(QUEUE, timeout=20_000)
            with pytest.raises(ResultFailure, match="2 workers died holding it"):
                sent.get_result(backend=results, block=True, timeout=10_000)

    assert told == []
    assert rejected == ["poison"]
    assert [found[b"reason"] for found in dead_letters(client)] == [b"poison"]


def test_a_message_taken_from_the_dead_keeps_its_place_before_all_others(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LEASE_MS) as broker:
        broker.enqueue(message("first", priority="low"))
        with dead_consumer(broker) as dead:
            fetch(dead)
        broker.enqueue(message("second", priority="high"))
        with consuming(broker, prefetch=1) as consumer:
            second = fetch(consumer)
            wait_until(lambda: client.xlen(KEYS.front) == 1, "the first has lapsed")
            broker.enqueue(message("third", priority="high"))
            consumer.ack(second)

            assert fetch(consumer).args == ("first",)


def test_what_others_wrote_into_an_entry_survives_its_lapse(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LEASE_MS) as broker:
        with dead_consumer(broker) as dead:
            wait_until(lambda: next(dead) is None and bool(client.exists(KEYS.front)), "groups")
            client.xadd(KEYS.stream("low"), {"photo": "1", "m": message("x").encode(), "d": "?"})
            assert fetch(dead).args == ("x",)
        with consuming(broker) as consumer:
            again = fetch(consumer)
            _, fields = entries(client, KEYS.front)[0]

    assert again.deaths == 1
    assert fields[b"photo"] == b"1"
