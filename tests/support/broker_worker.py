"""A worker to be killed: `python -m tests.support.broker_worker URL CLAIM_AFTER_MS`.

It appends its process ID to the list `started` whenever an actor starts, and ends in order at
SIGTERM. Its actors: `hold` keeps its message for ever, `die` kills the process, `note` returns.
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


@contextmanager
def worker_process(url: str, *, claim_after_ms: int) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, gone at the end."""
    command = [sys.executable, "-m", __name__, url, str(claim_after_ms)]
    process = subprocess.Popen(tied(command), cwd=ROOT, env=clean_environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def main(url: str, claim_after_ms: int) -> None:
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

    for actor in (hold, die, note):
        dramatiq.actor(broker=broker)(actor)
    worker = Worker(broker, worker_threads=1, worker_timeout=50)
    worker.start()
    stop.wait()
    worker.stop()
    broker.close()
    client.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
