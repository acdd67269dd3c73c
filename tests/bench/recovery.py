"""How long after a worker's SIGKILL its messages run again, elsewhere.

One worker process of each broker holds a message in each of its threads, another one waits; the
first is killed. With the defaults: a lease of 15 s here, a heartbeat of 60 s there, after which
RedisBroker gives messages back on the occasion of one command in a thousand.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import redis

from deploy.local.tied import tied
from shared.broker.limits import Limits
from tests.bench.figures import Case, Figure, Sizes
from tests.bench.subjects import BESIDE, BROKERS, OURS, THREADS, message, opened
from tests.support.processes import ROOT, clean_environment, wait_until
from tests.support.redis_server import temporary_server

LIMIT_S = Limits.claim_after_ms / 1000 + 5


class Pair:
    """Two workers of one broker, the first of which holds all messages."""

    def __init__(self, kind: str, url: str, client: redis.Redis, exits: ExitStack) -> None:
        self._kind = kind
        self._client = client
        with opened(kind, url) as broker:
            for number in range(THREADS):
                broker.enqueue(message(number))
        self._first = exits.enter_context(_worker(kind, url))
        wait_until(lambda: len(self.starts(self._first.pid)) == THREADS, "all are held")
        self._second = exits.enter_context(_worker(kind, url))
        wait_until(lambda: client.llen(f"ready:{kind}") == 2, "the second waits")
        self._killed_s = 0.0

    def starts(self, pid: int) -> list[float]:
        """Return when messages were started in that process."""
        told: Any = self._client.lrange(f"started:{self._kind}", 0, -1)
        starts = (each.decode().split() for each in told)
        return [float(at) for starter, at in starts if int(starter) == pid]

    def kill(self) -> None:
        self._killed_s = time.time()
        self._first.kill()
        self._first.wait()

    def recovered(self) -> bool:
        return len(self.starts(self._second.pid)) == THREADS

    def last_s(self) -> float:
        """Return how long after the kill the last of them was started."""
        return max(self.starts(self._second.pid)) - self._killed_s


def measure(sizes: Sizes) -> list[Figure]:
    with ExitStack() as exits:
        url = exits.enter_context(temporary_server()).url
        client = exits.enter_context(redis.Redis.from_url(url))
        pairs = {kind: Pair(kind, url, client, exits) for kind in BROKERS}
        for pair in pairs.values():
            pair.kill()
        deadline = time.monotonic() + sizes.give_up_s
        while time.monotonic() < deadline and not all(p.recovered() for p in pairs.values()):
            time.sleep(0.1)
        took_s = {
            kind: pair.last_s() if pair.recovered() else sizes.give_up_s
            for kind, pair in pairs.items()
        }
        return [
            Figure(
                "the last message started again",
                "s",
                took_s[OURS],
                took_s[BESIDE],
                beside_is_more=not pairs[BESIDE].recovered(),
                goal=f"at most {LIMIT_S:g}",
                met=pairs[OURS].recovered() and took_s[OURS] <= LIMIT_S,
            )
        ]


@contextmanager
def _worker(kind: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.bench.holder", kind, url]
    process = subprocess.Popen(tied(command), cwd=ROOT, env=clean_environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


CASE = Case("recovery", "After a worker's SIGKILL", BESIDE, measure)
