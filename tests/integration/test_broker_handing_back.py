"""Our broker: what a worker gives back, when, and that it costs the message nothing."""

from __future__ import annotations

import signal
import threading

import dramatiq
import pytest
import redis
from dramatiq import Message

from tests.support.broker import (
    LONG_LEASE_MS,
    QUEUE,
    consumers,
    consuming,
    dead_letters,
    fetch,
    message,
    pending,
    streams_broker,
    waiting,
    working,
)
from tests.support.broker_worker import worker_process
from tests.support.processes import wait_until


def test_a_consumer_that_closes_hands_back_what_it_holds_at_once_and_at_no_cost(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:
        for number in range(3):
            broker.enqueue(message(number, priority="low"))
        with consuming(broker) as leaving:
            held = [fetch(leaving) for _ in range(3)]
            broker.enqueue(message("urgent", priority="high"))

        assert all(each.lost for each in held)
        assert leaving.name.encode() not in consumers(client)
        assert pending(client) == 0
        with consuming(broker) as consumer:
            again = [fetch(consumer) for _ in range(4)]

    assert [each.args[0] for each in again] == [0, 1, 2, "urgent"]
    assert [each.deaths for each in again] == [0, 0, 0, 0]
    assert [each.message_id for each in again[:3]] == [each.message_id for each in held]


def test_what_cannot_be_handed_back_for_a_fault_of_ours_is_held_no_more(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise redis.exceptions.DataError("no such argument")

    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:
        for number in range(2):
            broker.enqueue(message(number))
        with consuming(broker, prefetch=2) as consumer:
            one, other = fetch(consumer), fetch(consumer)
            with monkeypatch.context() as patched:
                patched.setattr(consumer._settling, "_hand_back", broken)
                with pytest.raises(redis.exceptions.DataError):
                    consumer.requeue([one])
            # Others would wait for it for ever
            assert not consumer.holds_besides(other)


def test_a_message_that_its_actor_gives_back_is_not_acknowledged(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url) as broker, consuming(broker) as consumer:
        sent = broker.enqueue(message("x"))
        held = fetch(consumer)
        held.given_back = True
        consumer.ack(held)

        again = fetch(consumer)
        assert again == sent
        assert again.deaths == 0
        consumer.ack(again)
        assert waiting(client) == pending(client) == 0


def test_a_message_handed_back_again_and_again_is_not_poison(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:
        broker.enqueue(message("x"))
        for _ in range(5):
            with consuming(broker) as consumer:
                assert fetch(consumer).deaths == 0

    assert dead_letters(client) == []


def test_a_stopping_worker_gives_back_at_once_what_it_has_not_started(
    redis_url: str, client: redis.Redis
) -> None:
    gate, started = threading.Event(), threading.Event()
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:

        @dramatiq.actor(broker=broker)
        def wait() -> None:
            started.set()
            gate.wait(20)

        for _ in range(4):
            wait.send()
        # Given a worker that runs one message and has fetched three more
        with working(broker, threads=1, prefetch=4) as worker:
            assert started.wait(10)
            wait_until(lambda: worker.work_queue.qsize() == 3, "all are fetched")
            # When it is told to stop while that one still runs
            stopping = threading.Thread(target=worker.stop)
            stopping.start()
            # I expect another worker to get the three, and new ones
            with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as another:
                another.enqueue(message("new"))
                with consuming(another) as other:
                    got = [fetch(other) for _ in range(4)]
                    names = sorted(each.actor_name for each in got)
                    assert names == ["wait", "wait", "wait", "write"]
                    assert [each.deaths for each in got] == [0, 0, 0, 0]
                    assert not gate.is_set()
                    for each in got:
                        other.ack(each)
            gate.set()
            stopping.join(20)
        assert waiting(client) == 0


def test_a_running_message_is_handed_back_when_the_worker_stops_waiting_for_it(
    redis_url: str, client: redis.Redis
) -> None:
    gate, started, finished = threading.Event(), threading.Event(), threading.Event()
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:

        @dramatiq.actor(broker=broker)
        def wait() -> None:
            started.set()
            gate.wait(20)
            finished.set()

        sent = wait.send()
        with working(broker, threads=1) as worker:
            assert started.wait(10)
            worker.stop(timeout=50)
            with (
                streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as another,
                consuming(another) as other,
            ):
                again = fetch(other)
                assert again.message_id == sent.message_id
                assert again.deaths == 0
                # When it finishes all the same, it settles nothing
                gate.set()
                assert finished.wait(10)
                wait_until(lambda: not worker.workers[0].is_alive(), "its thread ends")
                assert pending(client) == 1
                other.ack(again)


def test_a_worker_that_is_told_to_end_hands_back_and_ends(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        streams_broker(redis_url) as broker,
        worker_process(redis_url, claim_after_ms=LONG_LEASE_MS) as worker,
    ):
        for actor in ("hold", "note"):
            broker.enqueue(Message[None](QUEUE, actor, (), {}, {}))
        wait_until(lambda: client.llen("started") == 1, "it runs", timeout_s=30)
        wait_until(lambda: pending(client) == 2, "it has fetched the other")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0

        assert (waiting(client), pending(client)) == (1, 0)
        assert client.lrange("started", 0, -1) == [str(worker.pid).encode()]
        with consuming(broker) as consumer:
            held = fetch(consumer)
            assert (held.actor_name, held.deaths) == ("note", 0)
            consumer.ack(held)
    assert consumers(client) == set()
