"""Our broker: what lies in a queue and is no message."""

from __future__ import annotations

import pytest
import redis

from shared.broker import RedisStreamsBroker
from tests.support.broker import (
    KEYS,
    consuming,
    dead_letters,
    fetch,
    message,
    waiting,
)


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
