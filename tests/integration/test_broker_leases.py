"""Our broker: who holds a message, for how long, and what becomes of it when they die."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
import redis
from dramatiq import Message, Middleware
from dramatiq.middleware import Callbacks
from dramatiq.results import ResultFailure, ResultMissing, Results
from dramatiq.results.backends import StubBackend

from shared.broker import RedisStreamsBroker
from shared.broker.consumer import RedisStreamsConsumer
from shared.broker.keys import GROUP
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    QUEUE,
    Fetching,
    consumers,
    consuming,
    dead_letters,
    entries,
    fetch,
    give,
    message,
    pending,
    streams_broker,
    wait_for_blocked_reads,
    waiting,
    working,
)
from tests.support.broker_worker import worker_process
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.broker.leases import LeaseKeeper

LEASE_MS = 200


@contextmanager
def dead_consumer(broker: RedisStreamsBroker) -> Iterator[RedisStreamsConsumer]:
    """A consumer that renews nothing, as if its process had been killed."""
    consumer = broker.consume(QUEUE, prefetch=10, timeout=10)
    consumer._keeper.stop()
    try:
        yield consumer
    finally:
        consumer._blocking.close()


# Renewal


def test_a_message_worked_on_longer_than_its_lease_stays_with_its_worker(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        # Long enough for threads that a loaded machine lets wait
        streams_broker(redis_url, claim_after_ms=1000) as broker,
        consuming(broker) as busy,
        consuming(broker, timeout_ms=10) as other,
    ):
        sent = broker.enqueue(message("long"))
        held = fetch(busy)
        # When several leases have passed, by the server's own count of the time
        started_s, _ = client.time()

        def several_leases_passed() -> bool:
            assert next(other) is None
            return client.time()[0] - started_s >= 4

        wait_until(several_leases_passed, "several leases have passed")
        # I expect it with its holder, delivered once
        mine: list[dict[str, Any]] = client.xpending_range(held.receipt.stream, GROUP, "-", "+", 10)
        (entry,) = mine
        assert entry["consumer"].decode() == busy.name
        assert entry["times_delivered"] == 1
        assert not held.lost
        busy.ack(held)
        assert held == sent
        assert waiting(client) == 0


def test_a_lease_that_lapsed_is_marked_as_lost_and_settles_nothing(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as paused,
        streams_broker(redis_url, claim_after_ms=LEASE_MS) as another,
        consuming(another) as other,
    ):
        broker.enqueue(message("x"))
        held = fetch(paused)
        # Given a process that was not heard of, such as one stopped by its machine
        again = fetch(other)
        assert again.deaths == 1
        # When it goes on
        paused._keeper.renew()
        # I expect it to know, and to leave the message alone
        assert held.lost
        paused.nack(held)
        assert dead_letters(client) == []
        assert pending(client) == 1
        other.ack(again)
        assert waiting(client) == 0


def test_a_lost_message_is_not_started(redis_url: str, client: redis.Redis) -> None:
    ran: list[str] = []
    results = StubBackend()
    gate, started = threading.Event(), threading.Event()
    with streams_broker(
        redis_url,
        claim_after_ms=LONG_LEASE_MS,
        middleware=[Results(backend=results, store_results=True)],
    ) as broker:

        @dramatiq.actor(broker=broker)
        def wait() -> None:
            started.set()
            gate.wait(20)

        @dramatiq.actor(broker=broker)
        def write(text: str) -> None:
            ran.append(text)

        # Given a message that waits in a worker for a thread
        with working(broker, threads=1) as worker:
            wait.send()
            assert started.wait(10)
            lost = write.send("lost")
            wait_until(lambda: worker.work_queue.qsize() == 1, "it waits in the worker")
            # When its lease lapses and somebody else gets it, and finishes it
            place, _ = entries(client, KEYS.stream("normal"))[1]
            give(client, "other", (KEYS.stream("normal"), place))
            consumer = worker.consumers[QUEUE].consumer
            assert isinstance(consumer, RedisStreamsConsumer)
            consumer._keeper.renew()
            client.xack(KEYS.stream("normal"), GROUP, place)
            client.xdel(KEYS.stream("normal"), place)
            gate.set()
            broker.join(QUEUE, timeout=20_000)

    # I expect it not to run here, nor a result in the name of whoever finished it
    assert ran == []
    with pytest.raises(ResultMissing):
        lost.get_result(backend=results)


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


# Death


def test_the_message_of_a_killed_worker_runs_again(redis_url: str, client: redis.Redis) -> None:
    sent = Message[None](QUEUE, "hold", (), {}, {})
    with streams_broker(redis_url, claim_after_ms=500) as broker:
        with worker_process(redis_url, claim_after_ms=500) as worker:
            broker.enqueue(sent)
            wait_until(lambda: client.llen("started") == 1, "it runs", timeout_s=30)
            worker.kill()
            worker.wait()
        with consuming(broker) as consumer:
            again = fetch(consumer)

    assert again.message_id == sent.message_id
    assert again.deaths == 1
    assert again.receipt.stream == KEYS.front
    assert dead_letters(client) == []


def test_a_message_that_kills_its_workers_is_poison_after_three(
    redis_url: str, client: redis.Redis
) -> None:
    sent = Message[None](QUEUE, "die", (), {}, {})
    with streams_broker(redis_url) as broker:
        broker.enqueue(sent)
    for number in range(1, 4):
        with worker_process(redis_url, claim_after_ms=LEASE_MS) as worker:
            worker.wait(30)
            assert client.llen("started") == number
    # The fourth worker survives.
    with worker_process(redis_url, claim_after_ms=LEASE_MS) as worker:
        wait_until(lambda: bool(dead_letters(client)), "it is a dead letter", timeout_s=30)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0

    (found,) = dead_letters(client)
    assert Message.decode(found[b"m"]) == sent
    assert found[b"reason"] == b"poison"
    assert found[b"d"] == b"3"
    assert client.llen("started") == 3
    assert waiting(client) == pending(client) == 0


def test_poison_runs_no_callback_of_success_and_is_a_failed_result(
    redis_url: str, client: redis.Redis
) -> None:
    told: list[str] = []
    rejected: list[str] = []
    results = StubBackend()

    class Rejected(Middleware):
        def before_nack(self, _broker: object, message: dramatiq.MessageProxy) -> None:
            rejected.append(message.reason)

    with streams_broker(
        redis_url,
        max_deaths=2,
        middleware=[Callbacks(), Results(backend=results, store_results=True), Rejected()],
    ) as broker:

        @dramatiq.actor(broker=broker)
        def succeeded(*_: object) -> None:
            told.append("succeeded")

        @dramatiq.actor(broker=broker)
        def write() -> None:
            told.append("ran")

        sent = write.message_with_options(on_success=succeeded)
        client.xadd(KEYS.stream("normal"), {"m": sent.encode(), "d": 2})
        with working(broker):
            broker.join(QUEUE, timeout=20_000)
            with pytest.raises(ResultFailure, match="2 workers died holding it"):
                sent.get_result(backend=results, block=True, timeout=10_000)

    assert told == []
    assert rejected == ["poison"]
    assert [found[b"reason"] for found in dead_letters(client)] == [b"poison"]


def test_a_message_taken_from_the_dead_keeps_its_place_before_all_others(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LEASE_MS) as broker:
        broker.enqueue(message("first", priority="low"))
        with dead_consumer(broker) as dead:
            fetch(dead)
        broker.enqueue(message("second", priority="high"))
        with consuming(broker, prefetch=1) as consumer:
            second = fetch(consumer)
            wait_until(lambda: client.xlen(KEYS.front) == 1, "the first has lapsed")
            broker.enqueue(message("third", priority="high"))
            consumer.ack(second)

            assert fetch(consumer).args == ("first",)


def test_what_others_wrote_into_an_entry_survives_its_lapse(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LEASE_MS) as broker:
        with dead_consumer(broker) as dead:
            wait_until(lambda: next(dead) is None and bool(client.exists(KEYS.front)), "groups")
            client.xadd(KEYS.stream("low"), {"photo": "1", "m": message("x").encode(), "d": "?"})
            assert fetch(dead).args == ("x",)
        with consuming(broker) as consumer:
            again = fetch(consumer)
            _, fields = entries(client, KEYS.front)[0]

    assert again.deaths == 1
    assert fields[b"photo"] == b"1"


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


def test_many_acknowledgements_do_not_keep_a_lease_from_being_renewed(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message("x"))
        held = fetch(consumer)
        # Given that every connection for settling is taken
        pool = broker._repeatable.connection_pool
        taken = [pool.get_connection() for _ in range(pool.max_connections)]
        client.xclaim(
            held.receipt.stream, GROUP, consumer.name, 0, [held.receipt.entry_id], idle=60_000
        )
        consumer._keeper.renew()
        (entry,) = pending_entries(client, held.receipt.stream)
        assert entry["time_since_delivered"] < 60_000
        for connection in taken:
            pool.release(connection)


def pending_entries(client: redis.Redis, stream: str) -> list[dict[str, Any]]:
    found: Any = client.xpending_range(stream, GROUP, "-", "+", 10)
    return list(found)


def test_one_thing_that_cannot_be_settled_keeps_no_lease_from_being_renewed(
    redis_url: str, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise redis.ResponseError("WRONGTYPE")

    with (
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        settled = threading.Event()
        consumer._keeper.settle_later(refuse)
        consumer._keeper.settle_later(settled.set)
        assert settled.wait(10)

    assert "could not be settled" in caplog.text


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


# Handing back


def test_a_consumer_that_closes_hands_back_what_it_holds_at_once_and_at_no_cost(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:
        for number in range(3):
            broker.enqueue(message(number, priority="low"))
        with consuming(broker) as leaving:
            held = [fetch(leaving) for _ in range(3)]
            broker.enqueue(message("urgent", priority="high"))

        assert all(each.lost for each in held)
        assert leaving.name.encode() not in consumers(client)
        assert pending(client) == 0
        with consuming(broker) as consumer:
            again = [fetch(consumer) for _ in range(4)]

    assert [each.args[0] for each in again] == [0, 1, 2, "urgent"]
    assert [each.deaths for each in again] == [0, 0, 0, 0]
    assert [each.message_id for each in again[:3]] == [each.message_id for each in held]


def test_a_message_that_its_actor_gives_back_is_not_acknowledged(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url) as broker, consuming(broker) as consumer:
        sent = broker.enqueue(message("x"))
        held = fetch(consumer)
        held.given_back = True
        consumer.ack(held)

        again = fetch(consumer)
        assert again == sent
        assert again.deaths == 0
        consumer.ack(again)
        assert waiting(client) == pending(client) == 0


def test_a_message_handed_back_again_and_again_is_not_poison(
    redis_url: str, client: redis.Redis
) -> None:
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:
        broker.enqueue(message("x"))
        for _ in range(5):
            with consuming(broker) as consumer:
                assert fetch(consumer).deaths == 0

    assert dead_letters(client) == []


def test_a_stopping_worker_gives_back_at_once_what_it_has_not_started(
    redis_url: str, client: redis.Redis
) -> None:
    gate, started = threading.Event(), threading.Event()
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:

        @dramatiq.actor(broker=broker)
        def wait() -> None:
            started.set()
            gate.wait(20)

        for _ in range(4):
            wait.send()
        # Given a worker that runs one message and has fetched three more
        with working(broker, threads=1, prefetch=4) as worker:
            assert started.wait(10)
            wait_until(lambda: worker.work_queue.qsize() == 3, "all are fetched")
            # When it is told to stop while that one still runs
            stopping = threading.Thread(target=worker.stop)
            stopping.start()
            # I expect another worker to get the three, and new ones
            with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as another:
                another.enqueue(message("new"))
                with consuming(another) as other:
                    got = [fetch(other) for _ in range(4)]
                    names = sorted(each.actor_name for each in got)
                    assert names == ["wait", "wait", "wait", "write"]
                    assert [each.deaths for each in got] == [0, 0, 0, 0]
                    assert not gate.is_set()
                    for each in got:
                        other.ack(each)
            gate.set()
            stopping.join(20)
        assert waiting(client) == 0


def test_a_running_message_is_handed_back_when_the_worker_stops_waiting_for_it(
    redis_url: str, client: redis.Redis
) -> None:
    gate, started, finished = threading.Event(), threading.Event(), threading.Event()
    with streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker:

        @dramatiq.actor(broker=broker)
        def wait() -> None:
            started.set()
            gate.wait(20)
            finished.set()

        sent = wait.send()
        with working(broker, threads=1) as worker:
            assert started.wait(10)
            worker.stop(timeout=50)
            with (
                streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as another,
                consuming(another) as other,
            ):
                again = fetch(other)
                assert again.message_id == sent.message_id
                assert again.deaths == 0
                # When it finishes all the same, it settles nothing
                gate.set()
                assert finished.wait(10)
                wait_until(lambda: not worker.workers[0].is_alive(), "its thread ends")
                assert pending(client) == 1
                other.ack(again)


def test_a_worker_that_is_told_to_end_hands_back_and_ends(
    redis_url: str, client: redis.Redis
) -> None:
    with (
        streams_broker(redis_url) as broker,
        worker_process(redis_url, claim_after_ms=LONG_LEASE_MS) as worker,
    ):
        for actor in ("hold", "note"):
            broker.enqueue(Message[None](QUEUE, actor, (), {}, {}))
        wait_until(lambda: client.llen("started") == 1, "it runs", timeout_s=30)
        wait_until(lambda: pending(client) == 2, "it has fetched the other")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0

        assert (waiting(client), pending(client)) == (1, 0)
        assert client.lrange("started", 0, -1) == [str(worker.pid).encode()]
        with consuming(broker) as consumer:
            held = fetch(consumer)
            assert (held.actor_name, held.deaths) == ("note", 0)
            consumer.ack(held)
    assert consumers(client) == set()


def test_a_consumer_is_named_after_its_machine_and_process(redis_url: str) -> None:
    with streams_broker(redis_url) as broker, consuming(broker) as one, consuming(broker) as other:
        assert one.name.startswith(f"{socket.gethostname()}:{os.getpid()}:")
        assert one.name != other.name
