"""Our broker: who looks for what the dead have left, and takes nothing from the living."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import redis

from shared.broker.keys import GROUP
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    Fetching,
    consumers,
    consuming,
    dead_consumer,
    fetch,
    give,
    message,
    pending,
    streams_broker,
    wait_for_blocked_reads,
)
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.broker.leases import LeaseKeeper


LEASE_MS = 200


def the_server_stood_still(keeper: LeaseKeeper) -> None:
    """Sweep, when by the server's clock a lease has passed in a moment of ours."""
    assert keeper._ahead_ms is not None
    keeper._ahead_ms -= LONG_LEASE_MS
    keeper.sweep()


def the_server_held_up_the_turn(keeper: LeaseKeeper) -> None:
    """Sweep at the end of a turn, when what came before it took a lease."""
    keeper.sweep(time.monotonic() - LONG_LEASE_MS / 1000)


@pytest.mark.parametrize("sweep", [the_server_stood_still, the_server_held_up_the_turn])
def test_nothing_is_taken_before_all_could_renew(
    redis_url: str, client: redis.Redis, sweep: Callable[[LeaseKeeper], None]
) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as busy,
        consuming(broker) as idle,
    ):
        broker.enqueue(message("x"))
        held = fetch(busy)
        idle._keeper.sweep()
        # Given a lease that nobody has renewed
        place = (held.receipt.stream, held.receipt.entry_id)
        give(client, busy.name, place, idle_ms=LONG_LEASE_MS)
        client.delete(KEYS.swept)
        # When the one that holds nothing, and so has nothing to renew, comes first
        sweep(idle._keeper)
        busy._keeper.renew()
        # I expect the message to stay where it is
        assert not held.lost
        assert pending(client) == 1
        assert client.xlen(KEYS.front) == 0


def test_a_consumer_that_comes_as_the_server_goes_on_leaves_all_the_time_to_renew(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as busy,
        consuming(broker) as young,
    ):
        broker.enqueue(message("x"))
        held = fetch(busy)
        place = (held.receipt.stream, held.receipt.entry_id)
        give(client, busy.name, place, idle_ms=LONG_LEASE_MS)
        keeper = young._keeper
        keeper.stop()
        # Given one that has heard of no clock yet
        keeper._ahead_ms, keeper._sweep_from = None, 0.0
        keeper._take_turn()
        busy._keeper.renew()
        # I expect it to take nothing in the turn in which it hears of it
        assert not held.lost
        assert client.xlen(KEYS.front) == 0
        # But what has lapsed by the next
        give(client, busy.name, place, idle_ms=LONG_LEASE_MS)
        assert 0 < keeper._sweep_from - time.monotonic() <= 3
        keeper._sweep_from = 0.0
        keeper._take_turn()
        assert client.xlen(KEYS.front) == 1


def test_to_hear_the_clock_takes_nothing_of_the_time_that_an_outage_leaves_to_renew(
    redis_url: str,
) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as one,
    ):
        keeper = one._keeper
        keeper.stop()
        keeper._leave_time_to_renew()
        sweeps_from = keeper._sweep_from
        keeper._hear_the_clock()
        assert keeper._sweep_from == sweeps_from


def test_leases_are_taken_again_at_once_when_the_server_s_clock_was_set_back(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LEASE_MS) as broker:
        with dead_consumer(broker) as dead:
            broker.enqueue(message("x"))
            fetch(dead)
        # Given a sweep in the hour that the clock was set back by
        client.set(KEYS.swept, "another", px=3_600_000)
        with consuming(broker) as consumer:
            assert fetch(consumer).deaths == 1


def test_the_last_of_many_pending_entries_is_found_when_its_worker_died(
    redis_url: str, client: redis.Redis
) -> None:
    count = 20_000
    stream = KEYS.stream("normal")
    with streams_broker(redis_url, claim_after_ms=60_000) as broker:
        # Given 20 000 entries that living consumers hold, and the last one, whose holder died
        with client.pipeline(transaction=False) as pipeline:
            for name in (KEYS.wake, *KEYS.streams):
                pipeline.xgroup_create(name, GROUP, id="0", mkstream=True)
            for number in range(count):
                pipeline.xadd(stream, {"m": b"x"}, id=f"1-{number}")
            pipeline.xreadgroup(GROUP, "alive", {stream: ">"})
            orphan = message("orphan")
            pipeline.xadd(stream, {"m": orphan.encode()}, id="2-0")
            pipeline.xreadgroup(GROUP, "dead", {stream: ">"})
            give(pipeline, "dead", (stream, "2-0"), idle_ms=61_000)
            pipeline.execute()
        with consuming(broker, prefetch=1) as consumer:
            client.config_resetstat()
            consumer._keeper.sweep()
            # A thousand entries a script: the server answers others in between.
            assert client.info("commandstats")["cmdstat_evalsha"]["calls"] >= 20
            found = fetch(consumer)
            consumer.ack(found)

    assert found == orphan
    assert found.deaths == 1
    assert client.xpending(stream, GROUP)["pending"] == count


def test_of_many_consumers_one_sweeps_at_a_time(redis_url: str, client: redis.Redis) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as one,
        consuming(broker) as other,
    ):
        broker.enqueue(message("x"))
        one.ack(fetch(one))  # so that there are groups
        one._keeper.sweep()
        client.config_resetstat()
        other._keeper.sweep()
        one._keeper.sweep()
        assert "cmdstat_xautoclaim" not in client.info("commandstats")
        # The next turn of one alone is after this
        remaining_ms = client.pttl(KEYS.swept)
        assert 0 < remaining_ms <= 2000
        client.delete(KEYS.swept)
        other._keeper.sweep()
        assert "cmdstat_xautoclaim" in client.info("commandstats")


def test_a_full_server_is_swept(redis_url: str, client: redis.Redis) -> None:
    with streams_broker(redis_url, claim_after_ms=LEASE_MS) as broker:
        with dead_consumer(broker) as dead:
            broker.enqueue(message("x"))
            assert fetch(dead).args == ("x",)
        client.config_set("maxmemory", 1)
        try:
            with consuming(broker) as consumer:
                held = fetch(consumer)
                assert held.deaths == 1
                consumer.ack(held)
        finally:
            client.config_set("maxmemory", 0)


def test_more_lapsed_entries_than_one_step_moves_are_all_moved(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=60_000) as broker:
        with client.pipeline(transaction=False) as pipeline:
            for name in (KEYS.wake, *KEYS.streams):
                pipeline.xgroup_create(name, GROUP, id="0", mkstream=True)
            for number in range(250):
                pipeline.xadd(KEYS.stream("low"), {"m": message(number).encode()}, id=f"1-{number}")
            pipeline.xreadgroup(GROUP, "dead", {KEYS.stream("low"): ">"})
            for number in range(250):
                give(pipeline, "dead", (KEYS.stream("low"), f"1-{number}"), idle_ms=61_000)
            pipeline.execute()
        with consuming(broker, prefetch=1) as consumer:
            consumer._keeper.sweep()

            assert client.xlen(KEYS.front) == 250
            assert client.xlen(KEYS.stream("low")) == 0
            assert fetch(consumer).args == (0,)


def test_consumers_long_gone_are_forgotten_and_living_ones_are_not(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=20) as broker:
        with dead_consumer(broker) as dead:
            next(dead)
            broker.enqueue(message("x"), delay=0)
            wait_until(lambda: next(dead) is not None, "it is fetched")
        assert dead.name.encode() in consumers(client)
        with consuming(broker, prefetch=1, timeout_ms=10) as living:
            held = fetch(living)
            wait_until(lambda: dead.name.encode() not in consumers(client), "it is forgotten")
            # It holds a message, and so is known for as long as it does.
            assert living.name.encode() in consumers(client)
            living.ack(held)
            # It may be forgotten while it waits: it gets messages all the same.
            broker.enqueue(message("y"))
            # On a busy machine the lease of the first may have lapsed: then it comes again.
            while (held := fetch(living)).args != ("y",):
                assert held.args == ("x",)
                living.ack(held)


def test_a_consumer_forgotten_while_it_waits_gets_the_next_message(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker, timeout_ms=60_000) as consumer,
    ):
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        for stream in (KEYS.wake, *KEYS.streams):
            client.xgroup_delconsumer(stream, GROUP, consumer.name)
        sent = broker.enqueue(message("x"))
        held = fetching.result()
        assert held == sent
        consumer._keeper.renew()
        assert not held.lost
