"""A worker that stood still for longer than a lease starts nothing that may be another's by now."""

from __future__ import annotations

import pytest
import redis
from dramatiq.middleware import SkipMessage

from shared.broker import StreamMessage
from shared.broker.keys import DEATHS
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    consuming,
    fetch,
    give,
    message,
    streams_broker,
)


def stand_still(held: StreamMessage) -> None:
    """As if the process had been stopped since it fetched the message, for a lease."""
    held.sure_until = 0.0


def test_a_message_that_others_took_meanwhile_is_skipped(
    redis_url: str,
) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
        redis.Redis.from_url(redis_url) as client,
    ):
        broker.enqueue(message())
        held = fetch(consumer)
        stand_still(held)
        give(client, "other", (held.receipt.stream, held.receipt.entry_id))

        with pytest.raises(SkipMessage):
            broker.emit_before("process_message", held)


def test_a_message_that_is_still_ours_is_renewed_and_started(redis_url: str) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message())
        held = fetch(consumer)
        stand_still(held)

        broker.emit_before("process_message", held)

        assert not held.lost
        assert held.sure_until > 0


def test_a_message_nobody_can_say_whose_it_is_is_left_when_the_worker_stops(redis_url: str) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message())
        held = fetch(consumer)
        consumer._keeper.stop()
        stand_still(held)
        broker.drain()

        with pytest.raises(SkipMessage):
            broker.emit_before("process_message", held)


def test_messages_of_a_queue_that_was_flushed_are_skipped(redis_url: str) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
        redis.Redis.from_url(redis_url) as client,
    ):
        broker.enqueue(message())
        held = fetch(consumer)
        stand_still(held)
        client.flushall()

        with pytest.raises(SkipMessage):
            broker.emit_before("process_message", held)


def test_a_message_on_its_last_life_is_renewed_and_started_too(redis_url: str) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
        redis.Redis.from_url(redis_url) as client,
    ):
        client.xadd(KEYS.stream("normal"), {"m": message().encode(), DEATHS: 2})
        held = fetch(consumer)
        stand_still(held)

        broker.emit_before("process_message", held)

        assert held.deaths == 2
        assert not held.lost


def test_the_checks_are_there_whatever_middleware_is_asked_for(redis_url: str) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS, middleware=[]) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message())
        held = fetch(consumer)
        held.lost = True

        with pytest.raises(SkipMessage):
            broker.emit_before("process_message", held)
