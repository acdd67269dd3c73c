"""Our broker: lower priorities move under constant higher load, exactly one in twenty."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import redis

from shared.broker import RedisStreamsBroker
from tests.support.broker import KEYS, consuming, fetch, message


def fill(client: redis.Redis, **counts: int) -> None:
    """Put so many messages into each stream; each has the stream's name as its argument."""
    with client.pipeline(transaction=False) as pipeline:
        for stream, count in counts.items():
            for _ in range(count):
                pipeline.xadd(KEYS.stream(stream), {"m": message(stream).encode()})
        pipeline.execute()


def delivered(broker: RedisStreamsBroker, *, total: int, prefetches: tuple[int, ...]) -> list[str]:
    """Return which streams `total` messages come from, to consumers that take turns."""
    order: list[str] = []
    with ExitStack() as exits:
        consumers = [
            (exits.enter_context(consuming(broker, prefetch=prefetch)), prefetch)
            for prefetch in prefetches
        ]
        while len(order) < total:
            for consumer, prefetch in consumers:
                held = [fetch(consumer) for _ in range(prefetch)]
                order += [each.args[0] for each in held]
                for each in held:
                    consumer.ack(each)
    return order[:total]


@pytest.mark.parametrize("prefetches", [(1,), (7,), (20,), (64,), (3, 1, 5)])
def test_under_constant_high_load_one_in_twenty_is_low_and_one_in_twenty_is_normal(
    broker: RedisStreamsBroker, client: redis.Redis, prefetches: tuple[int, ...]
) -> None:
    fill(client, high=400, normal=30, low=30)

    order = delivered(broker, total=200, prefetches=prefetches)

    for start in range(0, 200, 20):
        twenty = order[start : start + 20]
        assert (twenty.count("low"), twenty.count("normal")) == (1, 1), (start, twenty)
    # In any twenty that follow each other, too
    for start in range(180):
        assert "low" in order[start : start + 20]


def test_what_is_handed_back_again_and_again_does_not_stop_the_rest(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    fill(client, front=60, low=2)

    assert delivered(broker, total=40, prefetches=(8,)).count("low") == 2


def test_a_turn_that_finds_nothing_is_given_to_the_most_urgent(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    fill(client, high=30)

    assert delivered(broker, total=30, prefetches=(5,)) == ["high"] * 30


def test_under_constant_normal_load_low_moves(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    fill(client, normal=100, low=10)

    assert delivered(broker, total=80, prefetches=(5,)).count("low") == 4
