"""A message that may cost no worker more runs alone, so that nothing dies with it."""

from __future__ import annotations

import signal
import threading
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq import Message

from shared.broker.keys import DEATHS
from tests.support.broker import (
    KEYS,
    QUEUE,
    dead_letters,
    entries,
    pending,
    streams_broker,
    waiting,
    working,
)
from tests.support.broker_worker import worker_process
from tests.support.processes import wait_until

LEASE_MS = 1000


def enqueue(client: redis.Redis, actor: str, *args: int, deaths: int = 0) -> Message[Any]:
    sent: Message[Any] = Message(QUEUE, actor, args, {}, {})
    client.xadd(KEYS.stream("normal"), {"m": sent.encode(), DEATHS: deaths})
    return sent


def test_only_the_guilty_ends_as_poison(redis_url: str, client: redis.Redis) -> None:
    # Given a message that kills its workers, and others that run beside it
    for number in range(3):
        enqueue(client, "nap", number)
    guilty = enqueue(client, "die")

    # If workers die of it, one after the other
    for _ in range(3):
        with worker_process(redis_url, claim_after_ms=LEASE_MS, threads=4) as worker:
            worker.wait(30)
    with worker_process(redis_url, claim_after_ms=LEASE_MS, threads=4) as worker:
        wait_until(lambda: bool(dead_letters(client)), "it is a dead letter", timeout_s=30)
        wait_until(lambda: waiting(client) == pending(client) == 0, "all have ended", timeout_s=30)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0

    # I expect all others to have ended well
    (found,) = dead_letters(client)
    assert Message.decode(found[b"m"]) == guilty
    assert sorted(client.lrange("ended", 0, -1)) == [b"0", b"1", b"2"]


def test_what_runs_ends_first_and_what_has_not_started_goes_back(
    redis_url: str, client: redis.Redis
) -> None:
    running, ends = threading.Semaphore(0), threading.Event()
    ran: list[str] = []
    with streams_broker(redis_url) as broker:

        @dramatiq.actor(broker=broker)
        def long() -> None:
            running.release()
            ends.wait(30)
            ran.append("long")

        @dramatiq.actor(broker=broker)
        def last() -> None:
            ran.append("last")

        @dramatiq.actor(broker=broker)
        def short() -> None:
            ran.append("short")

        long.send()
        with working(broker, threads=2, prefetch=4):
            assert running.acquire(timeout=10)
            # Given one that runs, if one comes whose last life it is, and others after it
            enqueue(client, "last", deaths=2)
            wait_until(lambda: broker._holding.alone.wanted, "it waits to be alone")
            short.send()
            short.send()

            # I expect these to be left for others, and all to run in the end
            wait_until(lambda: pending(client) == 2, "no more than two are held")
            ends.set()
            broker.join(QUEUE, timeout=20_000)

    assert ran == ["long", "last", "short", "short"]


def test_a_worker_that_stops_gives_back_what_waits_to_be_alone(
    redis_url: str, client: redis.Redis
) -> None:
    running, ends = threading.Semaphore(0), threading.Event()
    with streams_broker(redis_url) as broker:

        @dramatiq.actor(broker=broker)
        def long() -> None:
            running.release()
            ends.wait(30)

        @dramatiq.actor(broker=broker)
        def last() -> None:
            pytest.fail("it must not run beside another")

        long.send()
        with working(broker, threads=2) as worker:
            assert running.acquire(timeout=10)
            sent = enqueue(client, "last", deaths=2)
            wait_until(lambda: broker._holding.alone.wanted, "it waits to be alone")
            broker._holding.before_worker_shutdown(broker, worker)
            wait_until(lambda: client.xlen(KEYS.front) == 1, "it is given back")
            ends.set()

        ((_, fields),) = entries(client, KEYS.front)
        assert Message.decode(fields[b"m"]) == sent
        assert fields[DEATHS.encode()] == b"2"
