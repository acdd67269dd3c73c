"""Brokers for tests, workers that end with the test, and looking at what lies in Redis."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis
from dramatiq import Message, Worker
from dramatiq.middleware import Retries

from shared.broker import QueueKeys, RedisStreamsBroker
from shared.broker.keys import GROUP
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dramatiq import Broker

    from shared.broker import StreamMessage
    from shared.broker.consumer import RedisStreamsConsumer

QUEUE = "default"
KEYS = QueueKeys.of("dramatiq", QUEUE)
LONG_LEASE_MS = 600_000
"""No lease lapses, and no keeper takes a turn, during a test."""


@contextmanager
def streams_broker(url: str, **settings: Any) -> Iterator[RedisStreamsBroker]:
    """A broker with retries and no other middleware, and one declared queue."""
    settings.setdefault("middleware", [Retries(min_backoff=10, max_backoff=20, max_retries=3)])
    broker = RedisStreamsBroker(url=url, **settings)
    broker.declare_queue(QUEUE)
    try:
        yield broker
    finally:
        broker.close()


@contextmanager
def working(
    broker: Broker, *, threads: int = 2, prefetch: int | None = None, timeout_ms: int = 20
) -> Iterator[Worker]:
    """A worker, stopped at the end."""
    worker = Worker(broker, worker_threads=threads, worker_timeout=timeout_ms)
    if prefetch is not None:
        worker.queue_prefetch = prefetch
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(timeout=20_000)


@contextmanager
def consuming(
    broker: RedisStreamsBroker, *, prefetch: int = 10, timeout_ms: int = 50
) -> Iterator[RedisStreamsConsumer]:
    """A consumer of the queue, closed at the end."""
    consumer = broker.consume(QUEUE, prefetch=prefetch, timeout=timeout_ms)
    try:
        yield consumer
    finally:
        consumer.close()


@contextmanager
def dead_consumer(broker: RedisStreamsBroker) -> Iterator[RedisStreamsConsumer]:
    """A consumer that renews nothing, as if its process had been killed."""
    consumer = broker.consume(QUEUE, prefetch=10, timeout=10)
    consumer._keeper.stop()
    try:
        yield consumer
    finally:
        consumer._fetcher.close()


def message(*args: object, **options: object) -> Message[Any]:
    """Return a message to the queue, for the actor `write`."""
    return Message(QUEUE, "write", args, {}, options)


def fetch(consumer: RedisStreamsConsumer) -> StreamMessage:
    """Return the next message; AssertionError if there is none in time."""
    found: list[StreamMessage] = []

    def fetched() -> bool:
        held = next(consumer)
        if held is not None:
            found.append(held)
        return bool(found)

    wait_until(fetched, "a message is fetched")
    return found[0]


class Fetching(threading.Thread):
    """Waits for one message in a thread, as Dramatiq's consumer threads do."""

    def __init__(self, consumer: RedisStreamsConsumer) -> None:
        super().__init__(daemon=True)
        self._consumer = consumer
        self._found: StreamMessage | None = None
        self.start()

    def run(self) -> None:
        while self._found is None:
            self._found = next(self._consumer)

    def result(self) -> StreamMessage:
        self.join(10)
        assert self._found is not None, "no message was fetched"
        return self._found


def wait_for_blocked_reads(client: redis.Redis, count: int = 1) -> None:
    """Return when `count` consumers wait in blocking reads."""
    wait_until(
        lambda: client.info("clients")["blocked_clients"] == count, f"{count} reads are blocked"
    )


def pending(client: redis.Redis) -> int:
    """Return how many entries of the queue are held by consumers."""
    return sum(
        group["pending"]
        for stream in KEYS.streams
        if client.exists(stream)
        for group in client.xinfo_groups(stream)
    )


def waiting(client: redis.Redis) -> int:
    """Return how many entries are in the streams, held or not."""
    return sum(client.xlen(stream) for stream in KEYS.streams)


def consumers(client: redis.Redis) -> set[bytes]:
    """Return the names of the consumers known to any group of the queue."""
    return {
        consumer["name"]
        for stream in (KEYS.wake, *KEYS.streams)
        for group in (client.xinfo_groups(stream) if client.exists(stream) else [])
        for consumer in client.xinfo_consumers(stream, group["name"])
    }


def entries(client: redis.Redis, stream: str) -> list[tuple[str, dict[bytes, bytes]]]:
    """Return ID and fields of each entry, the oldest first."""
    found: Any = client.xrange(stream)
    return [(entry_id.decode(), fields) for entry_id, fields in found]


def dead_letters(client: redis.Redis) -> list[dict[bytes, bytes]]:
    """Return the fields of the queue's dead letters, the oldest first."""
    return [fields for _, fields in entries(client, KEYS.dead)]


def give(client: redis.Redis, consumer: str, place: tuple[str, str], *, idle_ms: int = 0) -> None:
    """Have `consumer` hold the entry at `place`, not heard of for `idle_ms`."""
    stream, entry_id = place
    client.xclaim(stream, GROUP, consumer, 0, [entry_id], idle=idle_ms, justid=True)
