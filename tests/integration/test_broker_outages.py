"""Our broker while Redis is away or full, or says what was not expected."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import dramatiq
import pytest
import redis
from dramatiq.errors import ConnectionClosed

from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    QUEUE,
    Fetching,
    consumers,
    consuming,
    dead_letters,
    fetch,
    give,
    message,
    pending,
    streams_broker,
    wait_for_blocked_reads,
    waiting,
    working,
)
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.server import EmbeddedServer
    from shared.broker.consumer import RedisStreamsConsumer

pytestmark = pytest.mark.usefixtures("no_unexpected_error")


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


# The server restarts


def test_work_done_while_the_server_restarted_is_acknowledged_when_it_is_back(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    ran: list[int] = []
    gate, started = threading.Event(), threading.Event()
    with streams_broker(server.url) as broker:

        @dramatiq.actor(broker=broker)
        def write(number: int) -> None:
            ran.append(number)
            if number == 1:
                started.set()
                gate.wait(20)

        # Given work that ends while the server is away
        with working(broker) as worker:
            write.send(1)
            assert started.wait(10)
            server.kill()
            gate.set()
            wait_until(lambda: worker.work_queue.unfinished_tasks == 0, "the work has ended")
            server.start()
            # When it is back, what is sent runs, and what was done is not done again
            write.send(2)
            broker.join(QUEUE, timeout=20_000)

    assert ran == [1, 2]
    assert dead_letters(client) == []
    assert consumers(client) == set()


def test_what_is_handed_back_while_the_server_is_away_is_back_with_it_at_no_cost(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    with streams_broker(server.url) as broker, consuming(broker) as consumer:
        sent = broker.enqueue(message("x"))
        held = fetch(consumer)
        server.kill()
        consumer.requeue([held])
        server.start()

        again = fetch(consumer)
        assert again == sent
        assert again.deaths == 0
        consumer.ack(again)
        wait_until(lambda: pending(client) == 0, "it is acknowledged")


def test_what_is_about_to_be_handed_back_is_not_taken_for_what_a_lost_reply_held(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    with (
        streams_broker(server.url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message("x"))
        held = fetch(consumer)
        # Given a server that comes back, and a consumer that notices it before the keeper does
        consumer._keeper.stop()
        server.kill()
        consumer.requeue([held])
        assert next(consumer) is None
        server.start()
        # I expect what is about to be another's not to be started here
        assert next(consumer) is None
        consumer._keeper.settle()
        again = fetch(consumer)
        assert again.receipt.stream == KEYS.front
        assert again.deaths == 0
        consumer.ack(again)
        assert waiting(client) == 0


def test_a_failure_while_the_server_is_away_is_retried_when_it_is_back(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    ran: list[int] = []
    gate, started = threading.Event(), threading.Event()
    with streams_broker(server.url) as broker:

        @dramatiq.actor(broker=broker)
        def write() -> None:
            ran.append(1)
            if len(ran) == 1:
                started.set()
                gate.wait(20)
                raise OSError("not yet")

        with working(broker) as worker:
            write.send()
            assert started.wait(10)
            server.kill()
            gate.set()
            wait_until(lambda: worker.work_queue.unfinished_tasks == 0, "it has failed")
            server.start()
            broker.join(QUEUE, timeout=20_000)

    assert len(ran) == 2
    assert waiting(client) == client.zcard(KEYS.delayed) == 0


def test_a_waiting_consumer_fetches_again_by_itself_after_a_restart(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    with (
        streams_broker(server.url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker, timeout_ms=60_000) as consumer,
    ):
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        server.kill()
        server.start()
        # Its scripts are unknown to the new server, too.
        sent = broker.enqueue(message("x"))

        held = fetching.result()
        assert held == sent
        consumer.ack(held)
        assert waiting(client) == 0


def test_a_worker_stops_while_the_server_is_away(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    gate, started = threading.Event(), threading.Event()
    with streams_broker(server.url, claim_after_ms=300) as broker:

        @dramatiq.actor(broker=broker)
        def write(number: int) -> None:
            if number == 0:
                started.set()
                gate.wait(20)

        with working(broker, threads=1, prefetch=3) as worker:
            for number in range(3):
                write.send(number)
            assert started.wait(10)
            wait_until(lambda: worker.work_queue.qsize() == 2, "all are fetched")
            server.kill()
            gate.set()
            # The others may not have started: nobody can say whose they are by now.
            wait_until(lambda: worker.work_queue.unfinished_tasks <= 2, "the first is done")
        assert not any(thread.is_alive() for thread in worker.consumers.values())
        # What could not be acknowledged goes to others, once the server is back.
        server.start()
        with consuming(broker) as consumer:
            broker.drain(draining=False)
            again = [fetch(consumer) for _ in range(3)]
            for each in again:
                consumer.ack(each)

    assert sorted(each.args[0] for each in again) == [0, 1, 2]
    assert waiting(client) == 0


def test_what_was_done_is_settled_when_the_worker_stops_just_after_the_server_is_back(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    with streams_broker(server.url, claim_after_ms=LONG_LEASE_MS) as broker:
        broker.enqueue(message("x"))
        with consuming(broker) as consumer:
            held = fetch(consumer)
            server.kill()
            consumer.ack(held)
            assert not held.settled
            server.start()

        assert waiting(client) == 0


def test_enqueueing_while_the_server_is_away_raises_what_dramatiq_knows(
    server: EmbeddedServer,
) -> None:
    with streams_broker(server.url) as broker:
        server.kill()
        with pytest.raises(ConnectionClosed, match="Redis is away"):
            broker.enqueue(message("x"))
        with pytest.raises(ConnectionClosed):
            broker.enqueue(message("x"), delay=10)
        with pytest.raises(ConnectionClosed):
            broker.join(QUEUE)
        with pytest.raises(ConnectionClosed):
            broker.flush(QUEUE)


def test_after_an_outage_nothing_is_taken_from_those_who_could_not_renew(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    with (
        streams_broker(server.url, claim_after_ms=30_000) as broker,
        consuming(broker) as holder,
        consuming(broker) as other,
    ):
        broker.enqueue(message("x"))
        held = fetch(holder)
        # Given an outage longer than a lease
        server.kill()
        take_turn(other, turns=0)
        wait_until(lambda: other._keeper._sweep_from > 0, "the other one has noticed")
        server.start()
        place = held.receipt.stream, held.receipt.entry_id
        give(client, holder.name, place, idle_ms=60_000)
        # When the other one is the first to be back
        take_turn(other)
        # I expect it to leave the holder the time to renew
        assert client.xlen(KEYS.front) == 0
        holder._keeper.renew()
        assert not held.lost

        # But not for ever
        give(client, holder.name, place, idle_ms=60_000)
        other._keeper._sweep_from = 0.0
        take_turn(other)
        assert client.xlen(KEYS.front) == 1


def take_turn(consumer: RedisStreamsConsumer, turns: int = 1) -> None:
    """Have the keeper of the consumer's leases take a turn now, and wait for its end."""
    for _ in range(turns + 1):
        started = threading.Event()
        consumer._keeper.settle_later(started.set)
        # Once the next turn has started, this one has ended.
        assert started.wait(20)


# The server is full


def test_a_full_server_can_still_be_worked_empty(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    ran: list[str] = []
    with streams_broker(server.url, max_dead_letters=10) as broker:

        @dramatiq.actor(broker=broker)
        def write(text: str) -> None:
            ran.append(text)
            if ran.count(text) == 1:
                raise ValueError("once more")

        with working(broker):  # so that there are groups
            write.send("first")
            broker.join(QUEUE, timeout=20_000)
        # Given messages, a delayed one among them that is due, and a server that takes no more
        write.send("now")
        write.send_with_options(args=("delayed",), delay=0)
        client.config_set("maxmemory", 1)
        with pytest.raises(ConnectionClosed, match="OutOfMemory"):
            write.send("refused")
        # I expect a new worker to do all of them, retries included
        with working(broker):
            broker.join(QUEUE, timeout=20_000)

    assert sorted(ran) == ["delayed", "delayed", "first", "first", "now", "now"]


# The server says something unexpected


def test_the_keeper_of_leases_outlives_what_it_did_not_expect(
    server: EmbeddedServer, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        streams_broker(server.url, claim_after_ms=100) as broker,
        consuming(broker) as consumer,
    ):
        keeper = consumer._keeper
        failed = threading.Event()

        def fail() -> None:
            failed.set()
            raise redis.ResponseError("WRONGTYPE")

        # A settlement that Redis refuses is given up; the next one has its turn.
        settled = threading.Event()
        with monkeypatch.context() as patch:
            patch.setattr("shared.broker.leases.logger.exception", lambda *_: None)
            keeper.settle_later(fail)
            keeper.settle_later(settled.set)
            assert settled.wait(10)
            assert failed.is_set()
            # Nor does anything else end it.
            patch.setattr(keeper, "renew", lambda: 1 / 0)
            broker.enqueue(message("x"))
            held = fetch(consumer)
        again = threading.Event()
        keeper.settle_later(again.set)
        assert again.wait(10)
        assert keeper.is_alive()
        consumer.ack(held)
