"""Our broker: how messages are fetched, which first, and how many."""

from __future__ import annotations

import threading
import time
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq import Message

from shared.broker import RedisStreamsBroker, entry_for
from shared.broker.keys import GROUP
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
        while consumer._look_at == 0.0:
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


# Delayed


def test_a_delayed_message_comes_when_it_is_due(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    broker.enqueue(message("now"))
    with consuming(broker) as consumer:
        assert fetch(consumer).args == ("now",)
        asked_s = time.monotonic()
        broker.enqueue(message("later", priority="high"), delay=100)
        later = fetch(consumer)
        after_s = time.monotonic() - asked_s

    assert after_s > 0.09  # the server's clock counts in whole milliseconds
    assert later.args == ("later",)
    assert later.receipt.stream == KEYS.stream("high")
    assert client.zcard(KEYS.delayed) == 0


def test_an_earlier_delayed_message_wakes_a_waiting_consumer(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    # Given a consumer that waits for a message due in ten minutes
    broker.enqueue(message("late"), delay=600_000)
    with consuming(broker, timeout_ms=60_000) as consumer:
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        # When one is enqueued that is due at once
        broker.enqueue(message("early"), delay=0)
        # I expect its read to end, and not only after the five seconds it looks by itself
        wait_until(lambda: not fetching.is_alive(), "it is fetched", timeout_s=4)

        assert fetching.result().args == ("early",)
        assert client.xlen(KEYS.wake) == 0


@pytest.mark.parametrize("by", ["blocking read", "look"])
def test_a_consumer_that_knows_what_is_due_and_has_no_hands_free_tells_another(
    broker: RedisStreamsBroker, client: redis.Redis, by: str
) -> None:
    with (
        consuming(broker, prefetch=1, timeout_ms=60_000) as knowing,
        consuming(broker, prefetch=1, timeout_ms=60_000) as other,
    ):
        # Given one that has looked, found nothing, and will look again in six seconds
        while other._look_at == 0.0:
            next(other)
        # And one that knows what is due sooner, and is given something to do before that
        broker.enqueue(message("due"), delay=500)
        if by == "look":
            broker.enqueue(message("work"))
        else:
            next(knowing)
            while knowing._look_at == 0.0:
                next(knowing)
            broker.enqueue(message("work"))
        client.xtrim(KEYS.wake, maxlen=0)  # what told the one is not to tell the other
        assert fetch(knowing).args == ("work",)
        # I expect the first to be told
        fetching = Fetching(other)
        wait_until(lambda: not fetching.is_alive(), "it is fetched", timeout_s=4)
        assert fetching.result().args == ("due",)


def test_a_delayed_message_behind_others_wakes_nobody(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    broker.enqueue(message("first"), delay=600_000)
    client.delete(KEYS.wake)

    broker.enqueue(message("second"), delay=700_000)

    assert client.exists(KEYS.wake) == 0


def test_a_retry_is_delayed_in_the_script_that_acknowledges_it(
    broker: RedisStreamsBroker, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.enqueue(message("again", priority="low"))
    with consuming(broker) as consumer:
        held = fetch(consumer)
        # When a middleware has it tried again, while it is held
        broker.enqueue(held, delay=600_000)
        # I expect it in one place only, as a crash at this moment would leave it
        assert (pending(client), client.zcard(KEYS.delayed)) == (1, 0)

        monkeypatch.setattr(consumer._settling, "_ack", None)  # any other script would fail
        with client.monitor() as monitor:
            consumer.ack(held)
            client.ping()
            sent: list[dict[str, str]] = []
            while not sent or sent[-1]["command"] != "PING":
                sent.append(monitor.next_command())

        by_script = {each["command"].split()[0] for each in sent if each["client_type"] == "lua"}
        assert by_script >= {"XACK", "XDEL", "ZADD"}
        assert (waiting(client), client.zcard(KEYS.delayed)) == (0, 1)


def test_a_retry_acknowledged_twice_is_delayed_once(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    broker.enqueue(message("again"))
    with consuming(broker) as consumer:
        held = fetch(consumer)
        broker.enqueue(held, delay=0)
        consumer.ack(held)
        again = fetch(consumer)
        assert again.args == ("again",)

        # When the first acknowledgement is sent once more, as after a lost reply
        consumer._settling.run_ack(held)

        assert client.zcard(KEYS.delayed) == 0
        assert pending(client) == 1


def test_a_retry_keeps_the_deaths_of_its_message(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    entry = broker.entry_for(message("again"))
    client.xadd(entry.stream, {"m": entry.fields["m"], "d": 2})
    with consuming(broker) as consumer:
        held = fetch(consumer)
        assert held.deaths == 2
        broker.enqueue(held, delay=0)
        consumer.ack(held)

        assert fetch(consumer).deaths == 2


# What is no message


def letter(broker: RedisStreamsBroker, client: redis.Redis) -> dict[bytes, bytes]:
    """Return the dead letter that a consumer makes, which then fetches a proper message."""
    broker.enqueue(message("proper"))
    with consuming(broker) as consumer:
        held = fetch(consumer)
        assert held.args == ("proper",)
        consumer.ack(held)
    (found,) = dead_letters(client)
    assert waiting(client) == 0
    return found


ODD = (
    b"\xff\x00 no JSON at all \r\n",
    b"[]",
    b'{"queue_name": "default"}',
    message().copy(queue_name="another").encode(),
    message().encode().replace(b'"options":{}', b'"options":null'),
    message().encode().replace(b'"kwargs":{}', b'"kwargs":[]'),
    message().encode().replace(b'"actor_name":"write"', b'"actor_name":["write"]'),
)


@pytest.mark.parametrize("data", ODD)
def test_bytes_that_are_no_message_of_the_queue_go_whole_to_the_dead_letters(
    broker: RedisStreamsBroker, client: redis.Redis, data: bytes
) -> None:
    client.xadd(KEYS.stream("high"), {"m": data})

    found = letter(broker, client)

    assert found[b"m"] == data
    assert found[b"reason"] == b"undecodable"
    assert found[b"exception"]


def test_an_entry_without_a_message_is_a_dead_letter(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    client.xadd(KEYS.stream("high"), {"photo": "1"})

    found = letter(broker, client)

    assert found[b"m"] == b"{b'photo': b'1'}"
    assert found[b"reason"] == b"undecodable"


@pytest.mark.parametrize("member", [b"nonsense", b"0:0:x", b"9:0:x", b"1:x", b"\xff\n"])
def test_a_delayed_member_that_is_no_message_is_a_dead_letter(
    broker: RedisStreamsBroker, client: redis.Redis, member: bytes
) -> None:
    client.zadd(KEYS.delayed, {member: 1})

    found = letter(broker, client)

    assert found[b"m"] == member
    assert client.zcard(KEYS.delayed) == 0


def test_an_unreadable_number_of_deaths_counts_as_none(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    client.xadd(KEYS.stream("normal"), {"m": message("x").encode(), "d": "many"})
    with consuming(broker) as consumer:
        assert fetch(consumer).deaths == 0


# Settling


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


def test_groups_that_others_made_are_used(broker: RedisStreamsBroker, client: redis.Redis) -> None:
    # Given some of the groups, and a message, before there is any consumer
    for stream in (KEYS.front, KEYS.stream("low")):
        client.xgroup_create(stream, GROUP, id="0", mkstream=True)
    broker.enqueue(message("x"))
    with consuming(broker) as consumer:
        assert fetch(consumer).args == ("x",)


# For a caller's own script


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
