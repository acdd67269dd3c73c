"""Our broker: how messages are settled, by it or by a script of the caller."""

from __future__ import annotations

from typing import Any

import dramatiq
import pytest
import redis
from dramatiq import Message

from shared.broker import RedisStreamsBroker, entry_for
from tests.support.broker import (
    KEYS,
    QUEUE,
    Fetching,
    consumers,
    consuming,
    dead_letters,
    fetch,
    message,
    pending,
    streams_broker,
    wait_for_blocked_reads,
    waiting,
    working,
)


def test_a_rejected_message_is_a_dead_letter_that_says_why(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    sent = broker.enqueue(message("x"))
    with consuming(broker) as consumer:
        held = fetch(consumer)
        held.stuff_exception(ValueError("no such photo"))
        held.fail()
        consumer.nack(held)

    (found,) = dead_letters(client)
    assert Message.decode(found[b"m"]) == sent
    assert found[b"reason"] == b"failed"
    assert found[b"exception"] == b"ValueError: no such photo"
    assert found[b"d"] == b"0"
    assert waiting(client) == 0


class Untold(Exception):
    """A failure that fails again when it is to be told."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        # As names of files may be
        (ValueError("caf\udce9"), b"ValueError: caf\\udce9"),
        (Untold(), b"Untold: <RuntimeError('no') when it was to be told>"),
    ],
    ids=["no Unicode", "no text"],
)
def test_a_failure_that_no_text_can_tell_is_a_dead_letter_all_the_same(
    broker: RedisStreamsBroker, client: redis.Redis, error: Exception, told: bytes
) -> None:
    @dramatiq.actor(broker=broker, max_retries=0)
    def write() -> None:
        raise error

    with working(broker):
        write.send()
        broker.join(QUEUE, timeout=10_000)

    (letter,) = dead_letters(client)
    assert letter[b"exception"] == told


def test_the_number_of_dead_letters_is_bounded(redis_url: str, client: redis.Redis) -> None:
    count = 250
    with streams_broker(redis_url, max_dead_letters=100) as broker:
        with client.pipeline(transaction=False) as pipeline:
            for number in range(count):
                pipeline.xadd(KEYS.stream("low"), {"m": message(number).encode()})
            pipeline.execute()
        with consuming(broker, prefetch=count) as consumer:
            for _ in range(count):
                consumer.nack(fetch(consumer))

        report = broker.inspect(QUEUE)
        assert (report.dead, report.dead_dropped) == (100, 150)
        newest = broker.dead_letters(QUEUE, limit=1)[0].message
        assert newest is not None
        assert newest.args == (249,)


def test_a_message_settled_by_a_script_of_the_caller_is_only_forgotten(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    broker.enqueue(message(1))
    broker.enqueue(message(2))
    with consuming(broker, prefetch=1) as consumer:
        held = fetch(consumer)
        client.xack(held.receipt.stream, held.receipt.group, held.receipt.entry_id)
        client.xdel(held.receipt.stream, held.receipt.entry_id)
        held.settled = True
        client.config_resetstat()
        consumer.ack(held)
        assert "cmdstat_xack" not in client.info("commandstats")

        assert fetch(consumer).args == (2,)


def test_a_message_about_to_be_settled_makes_room_for_one_more(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    for number in range(4):
        broker.enqueue(message(number))
    with consuming(broker, prefetch=1) as consumer:
        first = fetch(consumer)
        # When it says so, twice: it is one message all the same
        first.make_room()
        first.make_room()
        second = fetch(consumer)
        assert (first.args, second.args) == ((0,), (1,))
        # Then it does not make room once more as it is settled
        consumer.ack(first)
        assert next(consumer) is None
        consumer.ack(second)
        third = fetch(consumer)
        assert third.args == (2,)
        # Nor does one that is not held any more
        consumer.requeue([third])
        third.make_room()
        again = fetch(consumer)
        assert again.args == (2,)
        assert next(consumer) is None
        assert (pending(client), waiting(client)) == (1, 2)


def test_a_message_that_came_from_elsewhere_cannot_be_settled(broker: RedisStreamsBroker) -> None:
    with consuming(broker) as consumer, pytest.raises(TypeError, match="did not come from"):
        consumer.ack(dramatiq.MessageProxy(message()))


def test_nothing_is_left_when_all_is_done(redis_url: str, client: redis.Redis) -> None:
    done: list[int] = []
    with streams_broker(redis_url) as broker:

        @dramatiq.actor(broker=broker)
        def write(number: int) -> None:
            done.append(number)
            if number % 3 == 0 and done.count(number) < 2:
                raise ValueError("once more")

        with working(broker, threads=4):
            for number in range(30):
                priority = ("high", "normal", "low")[number % 3]
                delay = 20 if number % 5 == 0 else None
                write.send_with_options(args=(number,), delay=delay, priority=priority)
            broker.join(QUEUE, timeout=20_000)

    assert set(done) == set(range(30))
    assert len(done) == 40
    assert waiting(client) == pending(client) == client.zcard(KEYS.delayed) == 0
    assert consumers(client) == set()
    assert client.exists(KEYS.dead) == 0


def test_an_entry_added_by_a_script_of_the_caller_is_a_message(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    sent = message("photo", priority="high")
    entry = entry_for(KEYS, sent)
    fields = [part for pair in entry.fields.items() for part in pair]
    client.eval("return redis.call('XADD', KEYS[1], '*', unpack(ARGV))", 1, entry.stream, *fields)
    with consuming(broker) as consumer:
        held = fetch(consumer)

    assert held == sent
    assert held.receipt.stream == KEYS.stream("high")


def test_a_delayed_entry_added_by_a_script_of_the_caller_is_a_message(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    sent = message("photo")
    delayed = broker.delayed_entry_for(sent, deaths=1)
    with consuming(broker, timeout_ms=60_000) as consumer:
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        client.eval(
            "redis.call('ZADD', KEYS[1], 1, ARGV[1]) "
            "return redis.call('XADD', KEYS[2], 'MAXLEN', 1, '*', 'due', 1)",
            2,
            delayed.delayed,
            delayed.wake,
            delayed.member,
        )
        held = fetching.result()

    assert held == sent
    assert held.deaths == 1


def test_a_receipt_says_what_a_script_of_the_caller_acknowledges(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    broker.enqueue(message("photo"))
    with consuming(broker) as consumer:
        receipt = fetch(consumer).receipt
        mine: list[dict[str, Any]] = client.xpending_range(
            receipt.stream, receipt.group, "-", "+", 10, consumername=receipt.consumer
        )

        assert [entry["message_id"].decode() for entry in mine] == [receipt.entry_id]
        assert client.xack(receipt.stream, receipt.group, receipt.entry_id) == 1


def test_a_dead_letter_can_be_written_by_a_script_of_the_caller(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    broker.enqueue(message("photo"))
    with consuming(broker) as consumer:
        held = fetch(consumer)
        held.stuff_exception(ValueError("no"))
        letter = broker.dead_letter_for(held)
        client.xadd(letter.stream, dict(letter.fields.items()))

    assert letter.stream == KEYS.dead
    assert [found[b"reason"] for found in dead_letters(client)] == [b"failed"]
