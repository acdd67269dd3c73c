"""Our broker: messages that wait for their time, retries among them."""

from __future__ import annotations

import time

import pytest
import redis

from shared.broker import RedisStreamsBroker
from tests.support.broker import (
    KEYS,
    Fetching,
    consuming,
    fetch,
    message,
    pending,
    wait_for_blocked_reads,
    waiting,
)
from tests.support.processes import wait_until


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
        while other._fetcher._look_at == 0.0:
            next(other)
        # And one that knows what is due sooner, and is given something to do before that
        broker.enqueue(message("due"), delay=500)
        if by == "look":
            broker.enqueue(message("work"))
        else:
            next(knowing)
            while knowing._fetcher._look_at == 0.0:
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
