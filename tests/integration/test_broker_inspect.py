"""Our broker: what can be asked about a queue, and a producer that knows no actors."""

from __future__ import annotations

import dramatiq
import pytest
import redis

from shared.broker import RedisStreamsBroker
from shared.broker.keys import GROUP
from tests.support.broker import (
    KEYS,
    QUEUE,
    Fetching,
    consuming,
    entries,
    fetch,
    message,
    wait_for_blocked_reads,
    working,
)
from tests.support.processes import wait_until


def test_a_queue_nobody_has_used_is_empty(broker: RedisStreamsBroker, client: redis.Redis) -> None:
    report = broker.inspect("nobody")

    assert report.waiting == {"front": 0, "high": 0, "normal": 0, "low": 0}
    assert (report.active, report.delayed, report.dead, report.dead_dropped) == (0, 0, 0, 0)
    assert not report.paused
    assert report.consumers == ()
    assert client.dbsize() == 0


def test_a_report_counts_what_waits_by_stream_and_who_holds_what(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    for priority, count in (("high", 3), ("normal", 4), ("low", 2)):
        for number in range(count):
            broker.enqueue(message(number, priority=priority))
    broker.enqueue(message("later"), delay=60_000)
    with consuming(broker, prefetch=2) as one, consuming(broker, prefetch=1) as other:
        first, second = fetch(one), fetch(one)
        third = fetch(other)
        one.nack(first)
        one.requeue([second])
        # What Redis knows as lag is unknown after a deletion.
        client.xdel(KEYS.stream("normal"), entries(client, KEYS.stream("normal"))[1][0])
        client.config_resetstat()
        report = broker.inspect(QUEUE)

        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1
        assert report.waiting == {"front": 1, "high": 0, "normal": 3, "low": 2}
        assert (report.active, report.delayed, report.dead) == (1, 1, 1)
        assert {each.name: each.pending for each in report.consumers} == {
            one.name: 0,
            other.name: 1,
        }
        assert all(0 <= each.idle_ms < 60_000 for each in report.consumers)
        broker.pause(QUEUE)
        assert next(one) is None
        paused = broker.inspect(QUEUE)
        assert paused.paused
        assert {each.name for each in paused.consumers} == {one.name, other.name}
        other.ack(third)
    assert broker.inspect(QUEUE).consumers == ()


def test_a_consumer_that_only_waits_is_heard_of(
    broker: RedisStreamsBroker, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.broker.fetcher.LOOK_EVERY_S", 0.1)

    def idle_ms() -> int:
        (report,) = broker.inspect(QUEUE).consumers
        assert (report.name, report.pending) == (consumer.name, 0)
        return report.idle_ms

    def is_heard_of_again() -> bool:
        seen.append(idle_ms())
        return seen[-1] < max(seen)

    # Given a consumer whose reads last longer than this test may, and a queue of nothing
    with consuming(broker, timeout_ms=60_000) as consumer:
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        seen = [idle_ms()]
        wait_until(is_heard_of_again, "it is heard of again")
        # I expect it to show itself while the queue is paused, too
        broker.pause(QUEUE)
        wait_until(
            lambda: len(client.xinfo_consumers(KEYS.paused, GROUP)) == 1, "it waits for the end"
        )
        seen = [idle_ms()]
        wait_until(is_heard_of_again, "it is heard of again")
        broker.resume(QUEUE)
        broker.enqueue(message("x"))

        assert fetching.result().args == ("x",)


def test_a_report_does_not_read_what_waits(broker: RedisStreamsBroker, client: redis.Redis) -> None:
    client.xgroup_create(KEYS.stream("normal"), GROUP, id="0", mkstream=True)
    client.eval(
        "for i = 1, 20000 do redis.call('XADD', KEYS[1], '*', 'm', 'x') end",
        1,
        KEYS.stream("normal"),
    )
    client.config_resetstat()

    assert broker.inspect(QUEUE).waiting["normal"] == 20_000

    stats = client.info("commandstats")
    assert not {"cmdstat_xrange", "cmdstat_xread", "cmdstat_xreadgroup"} & stats.keys()


def test_a_producer_without_actors_enqueues_by_name(
    broker: RedisStreamsBroker, client: redis.Redis
) -> None:
    ran: list[object] = []

    @dramatiq.actor(broker=broker)
    def write(*args: object, **kwargs: object) -> None:
        ran.append((args, kwargs))

    # Given a broker that has declared nothing
    producer = RedisStreamsBroker(client=client, middleware=[])
    assert producer.get_declared_actors() == set()

    producer.enqueue_by_name("write", 1, "zwei", kwargs={"to": "Zoë"})
    producer.enqueue_by_name("write", "later", delay=10)
    sent = producer.enqueue_by_name("write", "low", priority="low", max_retries=7)
    other = producer.enqueue_by_name("write", queue_name="letters")

    assert sent.options == {"priority": "low", "max_retries": 7}
    assert broker.inspect(QUEUE).waiting["low"] == 1
    assert broker.inspect("letters").waiting["normal"] == 1
    assert other.queue_name == "letters"
    with pytest.raises(ValueError, match="priority must be one of"):
        producer.enqueue_by_name("write", priority="urgent")
    with working(broker):
        broker.join(QUEUE, timeout=20_000)
    producer.close()

    assert ((1, "zwei"), {"to": "Zoë"}) in ran
    assert (("later",), {}) in ran
    assert (("low",), {}) in ran
