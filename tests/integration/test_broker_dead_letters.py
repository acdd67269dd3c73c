"""Our broker: looking at dead letters, putting them back, deleting and expiring them."""

from __future__ import annotations

import time

import dramatiq
import pytest
import redis
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import AgeLimit, Retries

from shared.broker import RedisStreamsBroker
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    QUEUE,
    consuming,
    fetch,
    message,
    streams_broker,
    waiting,
    working,
)
from tests.support.processes import wait_until
from tests.support.redis_server import temporary_server


def bury(broker: RedisStreamsBroker, count: int) -> None:
    """Have `count` messages rejected, numbered in that order."""
    for number in range(count):
        broker.enqueue(message(number))
    with consuming(broker, prefetch=count) as consumer:
        for _ in range(count):
            consumer.nack(fetch(consumer))


def test_a_dead_letter_says_what_it_was_and_why_it_died(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(
        redis_url, middleware=[Retries(max_retries=2, min_backoff=1, max_backoff=2)]
    ) as broker:

        @dramatiq.actor(broker=broker)
        def write() -> None:
            raise ValueError("no such photo")

        sent = write.send()
        with working(broker):
            wait_until(lambda: broker.inspect(QUEUE).dead == 1, "it is a dead letter")
        (letter,) = broker.dead_letters(QUEUE)
        now_ms = client.time()[0] * 1000

    assert letter.reason == "failed"
    assert letter.message is not None
    assert letter.message.message_id == sent.message_id
    assert letter.exception == "ValueError: no such photo"
    assert letter.traceback is not None
    assert "in write" in letter.traceback
    assert (letter.retries, letter.deaths) == (3, 0)
    assert letter.enqueued_at_ms == sent.message_timestamp
    # The server's clock, whatever ours says
    assert letter.died_at_ms == int(letter.id.split("-")[0])
    assert now_ms - 60_000 < letter.died_at_ms < now_ms + 60_000


def test_dead_letters_are_listed_newest_first_page_by_page(broker: RedisStreamsBroker) -> None:
    bury(broker, 5)

    first = broker.dead_letters(QUEUE, limit=2)
    rest = broker.dead_letters(QUEUE, before=first[-1].id)

    numbers = [each.message.args[0] for each in [*first, *rest] if each.message]
    assert numbers == [4, 3, 2, 1, 0]
    assert broker.dead_letters("nobody") == []
    with pytest.raises(ValueError, match="before must be the id of a dead letter, not 'x'"):
        broker.dead_letters(QUEUE, before="x")
    with pytest.raises(ValueError, match="limit must be at least 1"):
        broker.dead_letters(QUEUE, limit=0)


def test_a_dead_letter_put_back_begins_anew(redis_url: str) -> None:
    broken = [True]
    ran: list[int] = []
    middleware = [AgeLimit(max_age=3_600_000), Retries(max_retries=1, min_backoff=1, max_backoff=2)]
    with streams_broker(redis_url, middleware=middleware) as broker:

        @dramatiq.actor(broker=broker)
        def write(number: int) -> None:
            ran.append(number)
            if broken[0] or len(ran) == 3:
                raise ValueError("not yet")

        # Given a message from long ago, dead of all its retries
        old = write.message_with_options(args=(7,), priority="low")
        with working(broker):
            broker.enqueue(old)
            wait_until(lambda: broker.inspect(QUEUE).dead == 1, "it is a dead letter")
            broken[0] = False
            (letter,) = broker.dead_letters(QUEUE)
            # When it is put back
            assert broker.requeue_dead_letter(QUEUE, letter.id)
            # I expect it to run, and to have all its retries again
            broker.join(QUEUE, timeout=20_000)

        assert ran == [7, 7, 7, 7]
        assert broker.dead_letters(QUEUE) == []
        assert not broker.requeue_dead_letter(QUEUE, letter.id)


def test_a_message_put_back_is_as_young_as_if_it_were_sent_now(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    old = message("x", priority="high").copy(message_timestamp=1)
    client.xadd(KEYS.dead, {"m": old.encode(), "d": 3, "reason": "poison"})
    (letter,) = broker.dead_letters(QUEUE)

    assert (letter.deaths, letter.reason) == (3, "poison")
    assert broker.requeue_dead_letter(QUEUE, letter.id)

    with consuming(broker) as consumer:
        held = fetch(consumer)
        assert held.receipt.stream == KEYS.stream("high")
        assert held.deaths == 0
        assert held.message_id == old.message_id
        assert abs(held.message_timestamp - time.time() * 1000) < 60_000


@pytest.mark.parametrize(
    "data", [b"\xff no message", message().copy(queue_name="another").encode(), b""]
)
def test_what_is_no_message_is_listed_whole_and_not_put_back(
    broker: RedisStreamsBroker, client: redis.Redis, data: bytes
) -> None:
    client.xadd(KEYS.dead, {"m": data, "reason": "undecodable"})

    (letter,) = broker.dead_letters(QUEUE)

    assert letter.message is None
    assert letter.enqueued_at_ms is None
    assert letter.data == data
    assert not broker.requeue_dead_letter(QUEUE, letter.id)
    assert waiting(client) == 0
    assert client.xlen(KEYS.dead) == 1


def test_a_dead_letter_is_deleted_once(broker: RedisStreamsBroker) -> None:
    bury(broker, 2)
    newest, oldest = broker.dead_letters(QUEUE)

    assert broker.delete_dead_letter(QUEUE, newest.id)
    assert not broker.delete_dead_letter(QUEUE, newest.id)
    assert not broker.delete_dead_letter(QUEUE, "nonsense")
    assert not broker.requeue_dead_letter(QUEUE, "nonsense")

    assert broker.dead_letters(QUEUE) == [oldest]


def test_dead_letters_expire_by_the_clock_of_the_server(
    redis_url: str, client: redis.Redis
) -> None:
    now_ms = client.time()[0] * 1000
    hour_ms = 3_600_000
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS, max_dead_age_ms=hour_ms) as broker:
        client.xadd(KEYS.dead, {"m": b"old"}, id=f"{now_ms - 2 * hour_ms}-0")
        client.xadd(KEYS.dead, {"m": b"young"}, id=f"{now_ms}-0")
        with consuming(broker) as consumer:
            wait_until(
                lambda: next(consumer) is None and consumer._fetcher._grouped, "groups are made"
            )
            consumer._keeper.sweep()
        report = broker.inspect(QUEUE)
        (left,) = broker.dead_letters(QUEUE)

    assert left.data == b"young"
    # They had their time: the limit has removed none.
    assert report.dead_dropped == 0


def test_letters_added_by_others_are_kept_within_the_limit_too(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS, max_dead_letters=3) as broker:
        for number in range(5):
            client.xadd(KEYS.dead, {"m": str(number)})
        with consuming(broker) as consumer:
            wait_until(
                lambda: next(consumer) is None and consumer._fetcher._grouped, "groups are made"
            )
            consumer._keeper.sweep()
        report = broker.inspect(QUEUE)

    assert (report.dead, report.dead_dropped) == (3, 2)


def test_dead_letters_cannot_be_asked_for_while_the_server_is_away() -> None:
    with temporary_server() as server, streams_broker(server.url) as broker:
        server.kill()
        for ask in (broker.dead_letters, broker.inspect, broker.is_paused, broker.pause):
            with pytest.raises(ConnectionClosed, match="Redis is away"):
                ask(QUEUE)
        with pytest.raises(ConnectionClosed):
            broker.delete_dead_letter(QUEUE, "1-0")
        with pytest.raises(ConnectionClosed):
            broker.requeue_dead_letter(QUEUE, "1-0")
