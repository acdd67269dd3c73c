"""What Dramatiq's worker may hold: the middleware that every `RedisStreamsBroker` adds."""

from __future__ import annotations

import math
import threading

from dramatiq import Broker, MessageProxy, Middleware, Worker
from dramatiq.common import iter_queue
from dramatiq.middleware import SkipMessage, TimeLimit

from .entries import POISON, StreamMessage
from .limits import WORK_MARGIN_MS


class Holding(Middleware):
    """Has nothing started that should not be, and nothing held that others could start.

    Dramatiq keeps consumers fetching until the last running message is done, and gives back
    what waits in the worker only then: other workers could have started it at once.
    """

    def __init__(self, *, max_work_ms: int) -> None:
        self.draining = False
        self._max_work_ms = max_work_ms
        self._worker: Worker | None = None
        self._running: dict[int, StreamMessage] = {}  # by thread

    def may_fetch(self) -> bool:
        """Whether the worker will start anything more: it is not stopping, nor wholly stuck."""
        if self.draining or self._worker is None:
            return not self.draining
        stuck = sum(message.overdue for message in list(self._running.values()))
        return stuck < self._worker.worker_threads

    def take_waiting(self, queue_name: str) -> list[StreamMessage]:
        """Take from the worker what it has fetched from a queue and not started; returns it."""
        if self._worker is None:
            return []
        queue = self._worker.work_queue
        items = list(iter_queue(queue))
        for item in items:
            if item.message.queue_name != queue_name:
                queue.put(item)
            queue.task_done()
        return [item.message for item in items if item.message.queue_name == queue_name]

    def before_worker_boot(self, _broker: Broker, worker: Worker) -> None:
        self._worker = worker
        self._running.clear()
        self.draining = False

    def before_worker_shutdown(self, _broker: Broker, worker: Worker) -> None:
        self.draining = True
        for queue_name, consumer in worker.consumers.items():
            waiting = self.take_waiting(queue_name)
            if waiting:
                consumer.requeue_messages(waiting)

    def after_worker_shutdown(self, _broker: Broker, _worker: Worker) -> None:
        self._worker = None

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if not isinstance(message, StreamMessage):
            return
        if message.reason == POISON:
            raise SkipMessage(f"{message.deaths} workers died holding it")
        message.make_sure()
        if message.lost:
            # To skip a message is to store None as its result, which is not ours to say.
            message.options["store_results"] = False
            raise SkipMessage("it was given to another worker")
        message.begin(work_s=self._work_ms(broker, message) / 1000)
        self._running[threading.get_ident()] = message

    def after_process_message(self, *_: object, **__: object) -> None:
        self._running.pop(threading.get_ident(), None)

    after_skip_message = after_process_message

    def _work_ms(self, broker: Broker, message: StreamMessage) -> float:
        """Return how long work on `message` may take: its own time limit and a margin, or ours."""
        actor = broker.actors.get(message.actor_name)
        limits = [message.options.get("time_limit")]
        limits += [actor.options.get("time_limit")] if actor else []
        limits += [each.time_limit for each in broker.middleware if isinstance(each, TimeLimit)]
        limit = next(filter(None, limits), None)
        if isinstance(limit, int | float) and 0 < limit < math.inf:
            return limit + WORK_MARGIN_MS
        return self._max_work_ms
