"""Our broker: stuck work holds a message only as long as it may, and holds up no other."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq import Broker, MessageProxy, Middleware
from dramatiq.middleware import TimeLimit

from shared.broker import StreamMessage
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    QUEUE,
    consuming,
    dead_letters,
    fetch,
    message,
    pending,
    streams_broker,
    waiting,
    working,
)
from tests.support.processes import wait_until


def test_a_message_worked_on_for_too_long_goes_to_another_with_one_more_death(
    redis_url: str, client: redis.Redis
) -> None:
    gate, started = threading.Event(), threading.Event()
    ran: list[int] = []
    # So long a lease that only what is worked on for too long lapses, however slow the machine is.
    with streams_broker(redis_url, claim_after_ms=3000, max_work_ms=1000) as broker:

        @dramatiq.actor(broker=broker)
        def write(number: int) -> None:
            ran.append(number)
            if number == 0:
                started.set()
                gate.wait(60)

        # Given a worker whose only thread is stuck, and another message it has fetched
        with working(broker, threads=1, prefetch=3) as worker:
            for number in range(2):
                write.send(number)
            assert started.wait(10)
            with (
                streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as another,
                consuming(another) as other,
            ):
                # I expect both to go to another: the stuck one with a death, the other without
                got = {each.args[0]: each for each in (fetch(other), fetch(other))}
                assert {number: each.deaths for number, each in got.items()} == {0: 1, 1: 0}
                assert worker.work_queue.qsize() == 0
                # And nothing to be fetched by the stuck one
                write.send(2)
                assert fetch(other).args == (2,)
                # When it ends after all, it settles nothing, and fetches again
                gate.set()
                wait_until(lambda: worker.work_queue.unfinished_tasks == 0, "it has ended")
                assert pending(client) == 3
                write.send(3)
                wait_until(lambda: 3 in ran or bool(fetched(other)), "somebody gets it")

    assert dead_letters(client) == []


def fetched(consumer: Any) -> list[object]:
    held = next(consumer)
    return [] if held is None else [held]


def test_a_message_that_is_stuck_everywhere_is_poison(redis_url: str, client: redis.Redis) -> None:
    gate = threading.Event()
    ran: list[int] = []
    with streams_broker(redis_url, claim_after_ms=100, max_work_ms=50) as broker:

        @dramatiq.actor(broker=broker)
        def write() -> None:
            ran.append(1)
            gate.wait(20)

        write.send()
        with working(broker, threads=4):
            wait_until(lambda: bool(dead_letters(client)), "it is a dead letter")
            gate.set()

    assert [each[b"reason"] for each in dead_letters(client)] == [b"poison"]
    assert len(ran) == 3
    assert waiting(client) == 0


class Noted(Middleware):
    """Notes how long each message may be worked on, in seconds from its beginning."""

    def __init__(self) -> None:
        self.work_s: dict[str, float] = {}

    def before_ack(self, _broker: Broker, message: MessageProxy) -> None:
        assert isinstance(message, StreamMessage)
        self.work_s[message.args[0]] = message.work_s or 0


def test_work_may_take_its_own_time_limit_and_ten_seconds(redis_url: str) -> None:
    noted = Noted()
    with streams_broker(
        redis_url, middleware=[noted, TimeLimit(time_limit=60_000)], max_work_ms=5_000
    ) as broker:

        @dramatiq.actor(broker=broker)
        def default(name: str) -> None: ...

        @dramatiq.actor(broker=broker, time_limit=100_000)
        def limited(name: str) -> None: ...

        @dramatiq.actor(broker=broker, time_limit=float("inf"))
        def unlimited(name: str) -> None: ...

        default.send("of the middleware")
        default.send_with_options(args=("of the message",), time_limit=1_000)
        limited.send("of the actor")
        unlimited.send("none")
        with working(broker):
            broker.join(QUEUE, timeout=20_000)

    assert noted.work_s == {
        "of the middleware": 70,
        "of the message": 11,
        "of the actor": 110,
        "none": 5,
    }


def test_what_waits_for_a_thread_is_kept_however_long(redis_url: str, client: redis.Redis) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS, max_work_ms=1) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message("x"))
        held = fetch(consumer)

        assert consumer._held.to_renew() == {held.receipt.stream: [held.receipt.entry_id]}
        held.begin(work_s=0)
        assert consumer._held.to_renew() == {}
        assert consumer._held.room() == 9
        assert client.xlen(KEYS.stream("normal")) == 1


def test_a_middleware_added_later_is_told_of_every_message_that_it_is_told_the_end_of(
    redis_url: str, client: redis.Redis
) -> None:
    told: list[str] = []

    class Told(Middleware):
        def before_process_message(self, _broker: Broker, _message: MessageProxy) -> None:
            told.append("before")

        def after_skip_message(self, _broker: Broker, _message: MessageProxy) -> None:
            told.append("skip")

    with streams_broker(redis_url) as broker:
        broker.add_middleware(Told())

        @dramatiq.actor(broker=broker)
        def write() -> None: ...

        # Given poison, which is skipped
        client.xadd(KEYS.stream("high"), {"m": write.message().encode(), "d": 3})
        with working(broker):
            wait_until(lambda: bool(dead_letters(client)), "it is a dead letter")

    assert told == ["before", "skip"]


@pytest.mark.parametrize(
    "limit", ["claim_after_ms", "max_work_ms", "max_deaths", "max_dead_letters", "max_dead_age_ms"]
)
def test_a_limit_below_one_is_refused(redis_url: str, limit: str) -> None:
    with (
        pytest.raises(ValueError, match=f"{limit} must be at least 1, not 0"),
        streams_broker(redis_url, **{limit: 0}),
    ):
        pass
