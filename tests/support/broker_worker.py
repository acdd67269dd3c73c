"""A worker to be killed: `python -m tests.support.broker_worker URL CLAIM_AFTER_MS THREADS`.

It appends its process ID to the list `started` whenever an actor starts, and ends in order at
SIGTERM. Its actors: `hold` keeps its message for ever, `die` kills the process, `note` returns,
`nap` takes a moment and appends its argument to the list `ended`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dramatiq
import redis
from dramatiq import Worker

from deploy.local.tied import tied
from shared.broker import RedisStreamsBroker
from tests.support.processes import ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

NAP_S = 0.3
"""Long enough to be under way when another thread of the process dies."""


@contextmanager
def worker_process(
    url: str, *, claim_after_ms: int, threads: int = 1
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, gone at the end."""
    command = [sys.executable, "-m", __name__, url, str(claim_after_ms), str(threads)]
    process = subprocess.Popen(tied(command), cwd=ROOT, env=clean_environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def main(url: str, claim_after_ms: int, threads: int) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    client = redis.Redis.from_url(url)
    broker = RedisStreamsBroker(url=url, middleware=[], claim_after_ms=claim_after_ms)

    def hold() -> None:
        client.rpush("started", os.getpid())
        stop.wait()

    def die() -> None:
        client.rpush("started", os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)

    def note() -> None:
        client.rpush("started", os.getpid())

    def nap(number: int) -> None:
        client.rpush("started", os.getpid())
        stop.wait(NAP_S)
        client.rpush("ended", number)

    for actor in (hold, die, note, nap):
        dramatiq.actor(broker=broker)(actor)
    worker = Worker(broker, worker_threads=threads, worker_timeout=50)
    worker.start()
    stop.wait()
    worker.stop()
    broker.close()
    client.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
