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
from pathlib import Path
from typing import Any

import dramatiq
from dramatiq import Worker
from dramatiq.middleware import CurrentMessage, Retries

from shared.broker import RedisStreamsBroker, StreamMessage
from shared.broker.connections import script
from shared.broker.consumer import RedisStreamsConsumer
from tests.chaos import journal
from tests.chaos.journal import Journal
from tests.chaos.messages import ACTOR

THREADS = 4
WORK_S = 0.01
SLOW_S = 1.0
STOP_TIMEOUT_MS = 10_000


class NotingBroker(RedisStreamsBroker):
    """Notes what its consumers fetch, and what the server says that it acknowledged for them.

    By the script's own reply: Dramatiq's after_ack also comes where the acknowledgement was put
    off, or came too late because the lease was lost.
    """

    def __init__(self, notes: Journal, **settings: Any) -> None:
        super().__init__(**settings)
        self._notes = notes
        self._consumers: list[RedisStreamsConsumer] = []
        self._ack_sha = script(self._repeatable, "ack").sha
        self._evalsha: Any = self._repeatable.evalsha
        self._repeatable.evalsha = self._noting_evalsha  # type: ignore[method-assign, assignment]

    def consume(
        self, queue_name: str, prefetch: int = 1, timeout: int = 30_000
    ) -> RedisStreamsConsumer:
        consumer = super().consume(queue_name, prefetch, timeout)
        held = consumer._held
        add = held.add

        def noting_add(message: StreamMessage) -> None:
            # All of one reply, before the first of them starts and may kill the process.
            self._notes.note(journal.FETCHED, message.message_id)
            add(message)

        held.add = noting_add  # type: ignore[method-assign]
        self._consumers.append(consumer)
        return consumer

    def _noting_evalsha(self, sha: str, keys_count: int, *parts: Any) -> Any:
        if sha != self._ack_sha:
            return self._evalsha(sha, keys_count, *parts)
        entries = list(zip(parts[:keys_count], parts[keys_count + 1 :], strict=True))
        held = [self._message_at(*entry) for entry in entries]
        acked = self._evalsha(sha, keys_count, *parts)
        # One entry: whether it was pending. Several: how many were; none is sure unless all are.
        if acked == len(entries):
            for message_id in filter(None, held):
                self._notes.note(journal.ACKED, message_id)
        return acked

    def _message_at(self, stream: str, entry_id: str) -> str | None:
        for consumer in self._consumers:
            message = consumer._held._messages.get((stream, entry_id))
            if message is not None:
                return str(message.message_id)
        return None


def main(url: str, path: str, claim_after_ms: int) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    notes = Journal(Path(path))
    retries = Retries(max_retries=1, min_backoff=20, max_backoff=200)
    broker = NotingBroker(
        notes, url=url, middleware=[retries, CurrentMessage()], claim_after_ms=claim_after_ms
    )

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
