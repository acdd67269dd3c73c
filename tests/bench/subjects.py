"""The two brokers that are measured, each as its users get it: with its defaults."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
import redis
from dramatiq import Broker, Message, Worker
from dramatiq.brokers.redis import RedisBroker

from shared.broker import RedisStreamsBroker

OURS = "ours"
BESIDE = "RedisBroker"
BROKERS: dict[str, Callable[[str], Broker]] = {
    OURS: lambda url: RedisStreamsBroker(url=url),
    BESIDE: lambda url: RedisBroker(url=url),
}
THREADS = 8


@contextmanager
def opened(kind: str, url: str) -> Iterator[Broker]:
    """A broker, its connections closed at the end."""
    broker = BROKERS[kind](url)
    try:
        yield broker
    finally:
        broker.close()
        if isinstance(broker, RedisBroker):
            broker.client.connection_pool.disconnect()


@contextmanager
def emptied(url: str) -> Iterator[redis.Redis]:
    """A client of the server, which holds nothing and is not busy with its files."""
    with redis.Redis.from_url(url) as client:
        client.execute_command("FLUSHALL", "SYNC")  # else memory is given back while we measure
        wait_until_at_rest(client)
        yield client


def wait_until_at_rest(client: redis.Redis) -> None:
    """Return when the server rewrites no file: that takes the second core."""
    while client.info("persistence")["aof_rewrite_in_progress"]:
        time.sleep(0.1)


@contextmanager
def worked(broker: Broker, run: Callable[..., None]) -> Iterator[dramatiq.Actor[..., None]]:
    """The actor `run`, and a worker of this process that runs it."""
    actor = dramatiq.actor(broker=broker, actor_name="run")(run)
    worker = Worker(broker, worker_threads=THREADS)
    worker.start()
    try:
        yield actor
    finally:
        worker.stop()


def drain_rate(broker: Broker, messages: int) -> float:
    """Have a worker run what waits; return how many a second it ran, over `messages` of them."""
    lock, done = threading.Lock(), threading.Event()
    times: list[float] = []

    def run(*_: Any) -> None:
        with lock:
            times.append(time.perf_counter())
            if len(times) == messages:
                done.set()

    with worked(broker, run):
        if not done.wait(120):
            raise TimeoutError(f"{len(times)} of {messages} messages were run in two minutes")
    return messages / (times[messages - 1] - times[0])


def message(number: int = 0) -> Message[Any]:
    """Return a message to the actor `run`."""
    return Message("default", "run", (number,), {}, {})
