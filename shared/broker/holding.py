"""What Dramatiq's worker may hold: the middleware that every `RedisStreamsBroker` adds."""

from __future__ import annotations

import math
from typing import NoReturn

from dramatiq import Broker, MessageProxy, Middleware, Worker
from dramatiq.common import iter_queue
from dramatiq.middleware import SkipMessage, TimeLimit

from .alone import Alone
from .consumer import RedisStreamsConsumer
from .entries import POISON, StreamMessage
from .limits import WORK_MARGIN_MS


class Holding(Middleware):
    """Has nothing started that should not be, and nothing held that others could start.

    Dramatiq keeps consumers fetching until the last running message is done, and gives back
    what waits in the worker only then: other workers could have started it at once.
    """

    def __init__(self, *, max_work_ms: int, max_deaths: int) -> None:
        self.draining = False
        self.alone = Alone(
            max_deaths=max_deaths, hand_back=self._hand_back, others=self._holds_besides
        )
        self._max_work_ms = max_work_ms
        self._worker: Worker | None = None

    def may_fetch(self) -> bool:
        """Whether the worker will start anything more.

        Not while it is stopping, wholly stuck, or has a message run alone.
        """
        if self.draining or self._worker is None:
            return not self.draining
        return not self.alone.wanted and self.alone.overdue < self._worker.worker_threads

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
        self.alone.boot()
        self.draining = False

    def before_worker_shutdown(self, _broker: Broker, _worker: Worker) -> None:
        self.draining = True
        self.alone.stop()
        self._hand_back()

    def after_worker_shutdown(self, _broker: Broker, _worker: Worker) -> None:
        self._worker = None

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if not isinstance(message, StreamMessage):
            return
        if message.reason == POISON:
            raise SkipMessage(f"{message.deaths} workers died holding it")
        message.make_sure()
        if message.lost:
            self._skip(message, "it was given to another worker")
        message.begin(work_s=self._work_ms(broker, message) / 1000)
        if not self.alone.begin(message):
            message.given_back = True
            self._skip(message, "another one runs alone")

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002
        message: MessageProxy,
        *,
        result: object = None,  # noqa: ARG002
        exception: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        self.alone.end(message)

    def after_skip_message(self, _broker: Broker, message: MessageProxy) -> None:
        self.alone.end(message)

    def _hand_back(self) -> None:
        if self._worker is None:
            return
        for queue_name, consumer in self._worker.consumers.items():
            waiting = self.take_waiting(queue_name)
            if waiting:
                consumer.requeue_messages(waiting)

    def _holds_besides(self, message: StreamMessage) -> bool:
        threads = self._worker.consumers.values() if self._worker is not None else ()
        consumers = [each.consumer for each in threads]
        return any(
            each.holds_besides(message)
            for each in consumers
            if isinstance(each, RedisStreamsConsumer)
        )

    def _skip(self, message: StreamMessage, why: str) -> NoReturn:
        # To skip a message is to store None as its result, which is not ours to say.
        message.options["store_results"] = False
        raise SkipMessage(why)

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
