"""How long a message waits for an idle worker: `python -m tests.bench.pickup`.

One run on one real server, Dramatiq's RedisBroker and ours taking turns, message by message.
Measured from before `send` to the first line of the actor, in one process: the sender, a worker
of each broker and its eight threads share Python's lock, so a separate worker is no slower.
Random pauses keep the workers idle and out of step with their polling.
"""

from __future__ import annotations

import argparse
import logging
import queue
import random
import statistics
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import dramatiq
import redis
from dramatiq import Worker
from dramatiq.brokers.redis import RedisBroker

from shared.broker import RedisStreamsBroker
from tests.support.redis_server import temporary_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dramatiq import Broker

MESSAGES = 200
WARM_UP = 5
PAUSE_S = (0.0, 0.12)
SEED = 20261124
THREADS = 8


class Subject:
    """A worker of one broker, and how long its messages waited."""

    def __init__(self, name: str, broker: Broker) -> None:
        self.name = name
        self.waited_ms: list[float] = []
        self._broker = broker
        self._started: queue.Queue[float] = queue.Queue()
        self._actor = dramatiq.actor(broker=broker, actor_name="run")(self._run)
        self._worker = Worker(broker, worker_threads=THREADS)
        self._worker.start()

    def _run(self) -> None:
        self._started.put(time.perf_counter())

    def send(self) -> None:
        sent = time.perf_counter()
        self._actor.send()
        self.waited_ms.append((self._started.get(timeout=30) - sent) * 1000)

    def close(self) -> None:
        self._worker.stop()
        self._broker.close()


def measure(url: str, messages: int) -> list[Subject]:
    """Send `messages` to each, in turns."""
    with ExitStack() as exits:
        client = redis.Redis.from_url(url)
        exits.callback(client.close)
        makers: dict[str, Callable[[], Broker]] = {
            "dramatiq RedisBroker": lambda: RedisBroker(client=client),
            "RedisStreamsBroker": lambda: RedisStreamsBroker(url=url),
        }
        subjects = [Subject(name, make()) for name, make in makers.items()]
        for subject in subjects:
            exits.callback(subject.close)
        pauses = random.Random(SEED)
        for _ in range(WARM_UP + messages):
            for subject in subjects:
                time.sleep(pauses.uniform(*PAUSE_S))
                subject.send()
    for subject in subjects:
        del subject.waited_ms[:WARM_UP]
    return subjects


def report(subjects: Sequence[Subject]) -> str:
    """Return a table of percentiles, ms, and how many times as long the first takes."""
    rows = []
    for subject in subjects:
        cuts = statistics.quantiles(subject.waited_ms, n=100, method="inclusive")
        rows.append((subject.name, cuts[49], cuts[89], cuts[98], max(subject.waited_ms)))
    lines = [f"{'pickup, ms':24}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}"]
    lines += [f"{name:24}" + "".join(f"{each:9.2f}" for each in cuts) for name, *cuts in rows]
    (_, *theirs), (_, *ours) = rows
    ratios = (a / b for a, b in zip(theirs, ours, strict=True))
    lines.append(f"{'ratio':24}" + "".join(f"{each:8.1f}x" for each in ratios))
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--messages", type=int, default=MESSAGES, help="to each broker")
    parser.add_argument("--url", help="a Redis to use; a temporary server otherwise")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    with ExitStack() as exits:
        url = options.url or exits.enter_context(temporary_server()).url
        print(report(measure(url, options.messages)))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
