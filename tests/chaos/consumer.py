"""A worker that notes what it does: `python -m tests.chaos.consumer URL JOURNAL CLAIM_AFTER_MS`.

It ends in order at SIGTERM.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dramatiq
from dramatiq import Consumer, MessageProxy, Worker
from dramatiq.middleware import CurrentMessage, Retries

from shared.broker import RedisStreamsBroker, StreamMessage
from shared.broker.consumer import RedisStreamsConsumer
from tests.chaos import journal
from tests.chaos.journal import Journal
from tests.chaos.messages import ACTOR

THREADS = 4
WORK_S = 0.01
SLOW_S = 1.0
STOP_TIMEOUT_MS = 10_000


class NotingConsumer(Consumer):
    """Notes what another consumer fetches, and what the server says it has acknowledged."""

    def __init__(self, consumer: RedisStreamsConsumer, notes: Journal) -> None:
        self._consumer = consumer
        self._notes = notes
        # Dramatiq's after_ack also comes where the ack was put off, or the lease was lost.
        self._acknowledge: Any = consumer._settling._ack
        consumer._settling._ack = self._noting_ack  # type: ignore[assignment]

    def __next__(self) -> StreamMessage | None:
        message = next(self._consumer)
        if message is not None:
            self._notes.note(journal.FETCHED, message.message_id)
        return message

    def ack(self, message: MessageProxy) -> None:
        self._consumer.ack(message)

    def nack(self, message: MessageProxy) -> None:
        self._consumer.nack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        self._consumer.requeue(messages)

    def close(self) -> None:
        self._consumer.close()

    def _noting_ack(self, keys: list[str], args: list[str]) -> int:
        held = self._consumer._held._messages.get((keys[0], args[1]))
        acked = int(self._acknowledge(keys=keys, args=args))
        if acked == 1 and held is not None:
            self._notes.note(journal.ACKED, held.message_id)
        return acked


class NotingBroker(RedisStreamsBroker):
    """Its consumers note what they do."""

    notes: Journal

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30_000) -> Any:
        return NotingConsumer(super().consume(queue_name, prefetch, timeout), self.notes)


def main(url: str, path: str, claim_after_ms: int) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    notes = Journal(Path(path))
    retries = Retries(max_retries=1, min_backoff=20, max_backoff=200)
    broker = NotingBroker(
        url=url, middleware=[retries, CurrentMessage()], claim_after_ms=claim_after_ms
    )
    broker.notes = notes

    @dramatiq.actor(broker=broker, actor_name=ACTOR)
    def run(kind: str) -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        notes.note(journal.STARTED, message.message_id)
        if kind == "poison":
            notes.note(journal.DYING, message.message_id)
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "broken" or (kind == "flaky" and not message.options.get("retries")):
            raise ValueError(kind)
        time.sleep(random.uniform(0, SLOW_S if kind == "slow" else WORK_S))
        notes.note(journal.DONE, message.message_id)

    worker = Worker(broker, worker_threads=THREADS, worker_timeout=500)
    worker.start()
    stop.wait()
    worker.stop(timeout=STOP_TIMEOUT_MS)
    broker.close()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
