"""What a server may do that is neither answering nor being away."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import dramatiq
import pytest
import redis
from dramatiq.errors import ConnectionClosed
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.server import free_port
from shared.broker import is_away
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, closing, connect
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    QUEUE,
    Fetching,
    consuming,
    fetch,
    message,
    pending,
    streams_broker,
    wait_for_blocked_reads,
    waiting,
    working,
)
from tests.support.processes import wait_until
from tests.support.redis_server import temporary_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.server import EmbeddedServer


def test_what_was_read_before_a_stream_was_found_missing_is_not_stranded(redis_url: str) -> None:
    with (
        redis.Redis.from_url(redis_url) as client,
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        wait_until(
            lambda: next(consumer) is None and client.exists(KEYS.stream("low")) == 1,
            "the groups are made",
        )
        # Given a message in the first stream, and no second stream
        client.delete(KEYS.stream("high"))
        client.xadd(KEYS.front, {"m": message("x").encode()})
        consumer._fetcher._look_at = 0.0

        # I expect it at once: its lease is too long to lapse
        held = fetch(consumer)
        assert held.args == ("x",)
        assert held.deaths == 0


def test_work_done_while_the_server_refuses_writes_is_acknowledged_later_and_done_once(
    server: EmbeddedServer,
) -> None:
    with (
        redis.Redis.from_url(server.url) as client,
        streams_broker(server.url, claim_after_ms=2000) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message("x"))
        held = fetch(consumer)
        refuse_writes(server, client)

        # When it is done, it is neither forgotten nor an error
        consumer.ack(held)
        assert not held.settled
        assert next(consumer) is None
        with pytest.raises(ConnectionClosed, match="MISCONF"):
            broker.enqueue(message("y"))

        client.config_set("stop-writes-on-bgsave-error", "no")
        client.config_set("save", "")  # else it would refuse to stop, too
        wait_until(lambda: held.settled, "it is settled")
        assert pending(client) == waiting(client) == 0


def no_replicas(client: redis.Redis) -> None:
    client.config_set("min-replicas-to-write", 1)


def enough_replicas(client: redis.Redis) -> None:
    client.config_set("min-replicas-to-write", 0)


def follow(client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", "1")


def follow_and_say_nothing(client: redis.Redis) -> None:
    client.config_set("replica-serve-stale-data", "no")
    follow(client)


def lead(client: redis.Redis) -> None:
    client.replicaof("NO", "ONE")


def run_for_ever(client: redis.Redis) -> None:
    client.config_set("busy-reply-threshold", 1)
    with redis.Redis(connection_pool=client.connection_pool) as other:
        connection = other.connection_pool.get_connection()
        connection.send_command("EVAL", "while true do end", 0)
    wait_until(lambda: is_busy(client), "the script is found to be slow")
    connection.disconnect()


def is_busy(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.ResponseError as error:
        return str(error).startswith("BUSY ")
    return False


def end_script(client: redis.Redis) -> None:
    client.script_kill()
    wait_until(lambda: not is_busy(client), "the script has ended")


@pytest.mark.parametrize(
    ("refuse", "allow", "word"),
    [
        (no_replicas, enough_replicas, "NOREPLICAS"),
        (follow, lead, "ReadOnlyError"),
        (follow_and_say_nothing, lead, "MasterDownError"),
        (run_for_ever, end_script, "BUSY"),
    ],
)
def test_a_server_that_refuses_for_now_is_away_for_now(
    server: EmbeddedServer,
    caplog: pytest.LogCaptureFixture,
    refuse: Callable[[redis.Redis], None],
    allow: Callable[[redis.Redis], None],
    word: str,
) -> None:
    ran: list[int] = []
    gate, started = threading.Event(), threading.Event()
    with (
        redis.Redis.from_url(server.url) as client,
        streams_broker(server.url, claim_after_ms=LONG_LEASE_MS) as broker,
    ):

        @dramatiq.actor(broker=broker)
        def write(number: int) -> None:
            ran.append(number)
            if number == 0:
                started.set()
                gate.wait(20)

        # Given a worker that does one message and waits for others
        with working(broker, timeout_ms=50) as worker:
            write.send(0)
            assert started.wait(10)
            # When the server refuses, and the work ends meanwhile
            refuse(client)
            gate.set()
            wait_until(lambda: worker.work_queue.unfinished_tasks == 0, "the work has ended")
            with pytest.raises(ConnectionClosed):
                broker.enqueue(message("refused"))
            assert any(word in each for each in caplog.messages)
            wait_until(
                lambda: any("Nothing is fetched" in each for each in caplog.messages), "it notices"
            )
            allow(client)
            # I expect the acknowledgement to be taken, and what is sent next to run
            write.send(1)
            broker.join(QUEUE, timeout=20_000)

    assert ran == [0, 1]
    nothing_surprised(caplog)


async def test_a_server_that_refuses_a_pipeline_is_away_too(server: EmbeddedServer) -> None:
    with redis.Redis.from_url(server.url) as client, client.pipeline(transaction=False) as pipeline:
        async with closing(connect(server.url)) as other:
            await other.ping()  # while the server is busy, nobody is let in
            run_for_ever(client)
            pipeline.hgetall("any")
            with pytest.raises(redis.ResponseError) as refused:
                pipeline.execute()
            asking = other.pipeline(transaction=False)
            asking.hgetall("any")
            with pytest.raises(redis.ResponseError) as refused_async:
                await asking.execute()
            end_script(client)

    assert is_away(refused.value)
    assert is_away(refused_async.value)


def nothing_surprised(caplog: pytest.LogCaptureFixture) -> None:
    """Dramatiq logs what it did not expect of a broker as critical, or as an exception."""
    for record in caplog.records:
        assert record.levelno < logging.CRITICAL, record.getMessage()
        assert record.exc_info is None, record.getMessage()


def test_a_server_that_loads_its_data_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with (
        temporary_server(settings=()) as server,
        redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), 0)) as client,
        streams_broker(server.url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker, timeout_ms=60_000) as consumer,
    ):
        sent = broker.enqueue(message("x"))
        held = fetch(consumer)
        # Given a server that takes seconds to load, and looks up ten times a second
        with client.pipeline(transaction=False) as pipeline:
            for number in range(15_000):
                pipeline.set(f"key{number}", number)
            pipeline.execute()
        client.config_set("key-load-delay", 100)
        client.config_rewrite()
        fetching = Fetching(consumer)
        wait_for_blocked_reads(client)
        server.kill()
        server.launch()
        consumer.ack(held)
        wait_until(
            lambda: any("BusyLoadingError" in each for each in caplog.messages), "it is loading"
        )
        client.config_set("key-load-delay", 0)
        server.wait_ready()
        wait_until(lambda: held.settled, "what is done is settled")
        again = broker.enqueue(message("y"))

        assert held == sent
        assert fetching.result() == again
    nothing_surprised(caplog)


def test_a_node_of_a_cluster_works_once_it_serves_the_slot_of_the_queue() -> None:
    settings = ("cluster-enabled yes", f"cluster-port {free_port()}")
    with (
        temporary_server(tcp=True, settings=settings) as server,
        redis.Redis.from_url(server.url) as client,
        streams_broker(server.url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker, timeout_ms=100) as consumer,
    ):
        with pytest.raises(ConnectionClosed, match="ClusterDown"):
            broker.enqueue(message("x"))
        assert next(consumer) is None
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: serves(client, KEYS.front), "it serves all slots")

        # Every script, on a node that refuses keys of different slots
        sent = [broker.enqueue(message(number)) for number in range(3)]
        broker.enqueue(message("later"), delay=0)
        held = [fetch(consumer) for _ in range(4)]
        assert {each.message_id for each in held} >= {each.message_id for each in sent}
        consumer._keeper.renew()
        consumer._keeper.sweep()
        consumer.ack(held[0])
        consumer.nack(held[1])
        consumer.requeue([held[2]])
        broker.enqueue(held[3], delay=0)
        consumer.ack(held[3])
        broker.pause(QUEUE)
        assert next(consumer) is None
        broker.resume(QUEUE)
        (letter,) = broker.dead_letters(QUEUE)
        assert broker.requeue_dead_letter(QUEUE, letter.id)
        for _ in range(3):
            consumer.ack(fetch(consumer))
        report = broker.inspect(QUEUE)
        assert (sum(report.waiting.values()), report.active, report.dead) == (0, 0, 0)
        broker.flush_all()


def serves(client: redis.Redis, key: str) -> bool:
    try:
        return client.exists(key) == 0
    except redis.exceptions.ClusterDownError:
        return False


@pytest.mark.parametrize("text", ["MISCONF x", "NOREPLICAS x", "BUSY x"])
async def test_services_class_a_refusal_as_the_broker_does(text: str) -> None:
    with pytest.raises(UnavailableError), away_is_unavailable():
        raise redis.ResponseError(text)


async def test_services_do_not_take_a_mistake_for_an_outage() -> None:
    with pytest.raises(redis.ResponseError), away_is_unavailable():
        raise redis.ResponseError("BUSYGROUP x")


def refuse_writes(server: EmbeddedServer, client: redis.Redis) -> None:
    """Have every write answered with MISCONF, as on a full disk."""
    # A snapshot cannot take the place of a folder.
    snapshot = server.data / str(client.config_get("dbfilename")["dbfilename"])
    snapshot.unlink(missing_ok=True)
    snapshot.mkdir()
    client.config_set("save", "3600 1")
    client.config_set("stop-writes-on-bgsave-error", "yes")
    client.bgsave()
    wait_until(
        lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "saving has failed"
    )


def test_a_worker_that_was_refused_works_again_once_it_is_allowed_to(
    server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[int] = []
    with (
        redis.Redis.from_url(server.url) as client,
        streams_broker(server.url) as broker,
    ):

        @dramatiq.actor(broker=broker)
        def write(number: int) -> None:
            ran.append(number)

        with working(broker):
            broker.enqueue(message(1))
            wait_until(lambda: ran == [1], "it works")
            # When its user may do nothing of what it does, not even say farewell
            client.acl_setuser("default", enabled=True, commands=["-evalsha"])
            wait_until(
                lambda: "What is held goes to others later." in caplog.messages,
                "its consumer is closed",
                timeout_s=30,
            )
            client.acl_setuser("default", enabled=True, commands=["+evalsha"])
            broker.enqueue(message(2))

            wait_until(lambda: ran == [1, 2], "it works again", timeout_s=30)


def test_a_server_that_wants_a_password_all_of_a_sudden_is_away(server: EmbeddedServer) -> None:
    with (
        redis.Redis.from_url(server.url) as client,
        # Valkey says it of what comes first, Redis 7.0 of what it lets pass until then.
        redis.Redis.from_url(server.url, protocol=2, driver_info=None) as stranger,
    ):
        client.config_set("requirepass", "hush")
        # Of one that nobody has vouched for it reads ten words, and closes the connection.
        with pytest.raises(UnavailableError), away_is_unavailable():
            stranger.execute_command("PING", *["word"] * 10)
