"""A Dramatiq broker over Redis Streams."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

import redis
from dramatiq import Broker, Message, MessageProxy, Middleware, Worker
from dramatiq.common import iter_queue
from dramatiq.errors import QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import SkipMessage

from .connections import connect, derive, script, translated
from .consumer import RedisStreamsConsumer
from .entries import (
    POISON,
    DeadLetter,
    DelayedEntry,
    Entry,
    Retry,
    StreamMessage,
    dead_letter_for,
    delayed_entry_for,
    entry_for,
)
from .keys import QueueKeys

DEFAULT_LEASE_MS: Final = 15_000
DEFAULT_MAX_DEATHS: Final = 3
DEFAULT_MAX_DEAD_LETTERS: Final = 10_000
JOIN_INTERVAL_S: Final = 0.02


class RedisStreamsBroker(Broker):
    """A broker that keeps each queue in consumer groups of Redis Streams.

    Parameters:
      url: the server, as redis-py takes it: `redis://`, `rediss://`, `unix://`.
      client: a client to use instead of `url`. It enqueues, so that whether a message is sent
        again, and maybe twice, when a reply is lost is up to its `retry`; all else gets
        connections of its own.
      namespace: the start of every key. One that holds a hash tag (`{app}`) puts all queues
        into that slot; else each queue has a slot of its own.
      middleware: as for every Dramatiq broker; None is Dramatiq's default list.
      claim_after_ms: how long a lease lasts without renewal; then the message goes to
        another worker.
      max_deaths: how many workers may die holding a message before it is a dead letter,
        with the reason `poison`.
      max_dead_letters: how many dead letters a queue keeps, about; the oldest go.

    A message's option `priority` is `high`, `normal` (the default) or `low`.
    """

    def __init__(
        self,
        *,
        url: str = "redis://127.0.0.1:6379/0",
        client: redis.Redis | None = None,
        namespace: str = "dramatiq",
        middleware: list[Middleware] | None = None,
        claim_after_ms: int = DEFAULT_LEASE_MS,
        max_deaths: int = DEFAULT_MAX_DEATHS,
        max_dead_letters: int = DEFAULT_MAX_DEAD_LETTERS,
    ) -> None:
        super().__init__(middleware=middleware)
        self.queues: set[str] = set()
        self.namespace = namespace
        self.claim_after_ms = claim_after_ms
        self.max_deaths = max_deaths
        self.max_dead_letters = max_dead_letters
        self._client = client or connect(url)
        self._owns_client = client is None
        # An entry added twice is a message run twice; a script run twice changes nothing.
        self._repeatable = derive(self._client)
        self._delay = script(self._client, "delay")
        self._draining = False
        self.add_middleware(_Holding(self))

    # Enqueueing

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue; declaring it again has no effect."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def get_declared_queues(self) -> set[str]:
        """Return the names of the queues declared so far."""
        return set(self.queues)

    def enqueue(
        self, message: Message[Any] | MessageProxy, *, delay: int | None = None
    ) -> Message[Any]:
        """Enqueue `message`, to be delivered after `delay` ms.

        No actor and no queue need to be declared. Raises `ConnectionClosed` if Redis is
        away; whether the message was enqueued is then unknown.
        """
        enqueued: Message[Any] = message.copy()
        self.emit_before("enqueue", enqueued, delay)
        if delay is None:
            self._add(self.entry_for(enqueued))
        elif isinstance(message, StreamMessage):
            # Still held: a retry. It is delayed in the step that acknowledges it.
            delayed = self.delayed_entry_for(enqueued, deaths=message.deaths)
            message.retry = Retry(delayed, delay)
        else:
            self._put_off(self.delayed_entry_for(enqueued), delay)
        self.emit_after("enqueue", enqueued, delay)
        return enqueued

    def _add(self, entry: Entry) -> None:
        with translated():
            self._client.xadd(entry.stream, dict(entry.fields.items()))

    def _put_off(self, delayed: DelayedEntry, delay_ms: int) -> None:
        with translated():
            self._delay(keys=[delayed.delayed, delayed.wake], args=[delayed.member, delay_ms])

    def entry_for(self, message: Message[Any]) -> Entry:
        """Return the entry of `message`, for a caller who adds it in a script of their own."""
        return entry_for(self.keys_of(message.queue_name), message)

    def delayed_entry_for(self, message: Message[Any], *, deaths: int = 0) -> DelayedEntry:
        """Return the delayed entry of `message`, for a caller's own script.

        `deaths`: how many workers have died holding it so far.
        """
        return delayed_entry_for(self.keys_of(message.queue_name), message, deaths)

    def dead_letter_for(self, message: StreamMessage) -> DeadLetter:
        """Return the dead letter of `message`, for a caller's own script."""
        return dead_letter_for(self.keys_of(message.queue_name), message)

    def keys_of(self, queue_name: str) -> QueueKeys:
        """Return the Redis keys of a queue."""
        return QueueKeys.of(self.namespace, queue_name)

    # Consuming

    def consume(
        self, queue_name: str, prefetch: int = 1, timeout: int = 30_000
    ) -> RedisStreamsConsumer:
        """Return a consumer of `queue_name` that holds `prefetch` messages at most.

        Its blocking reads last `timeout` ms. Raises `QueueNotFound` if it was not declared.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        return RedisStreamsConsumer(
            self._repeatable,
            derive(self._client, block_ms=timeout),
            self.keys_of(queue_name),
            queue_name=queue_name,
            prefetch=prefetch,
            timeout_ms=timeout,
            lease_ms=self.claim_after_ms,
            max_deaths=self.max_deaths,
            max_dead_letters=self.max_dead_letters,
            draining=lambda: self._draining,
        )

    def drain(self, *, draining: bool = True) -> None:
        """Let no consumer of this broker fetch any more, or again; what is held goes on."""
        self._draining = draining

    # Looking after queues

    def flush(self, queue_name: str) -> None:
        """Drop all messages of a queue, its delayed ones and its dead letters too."""
        with translated():
            self._client.delete(*self.keys_of(queue_name).all)

    def flush_all(self) -> None:
        """Drop all messages of all declared queues."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until nothing waits, runs or is delayed, for `timeout` ms at most.

        Raises `QueueJoinTimeout` after that.
        """
        keys = self.keys_of(queue_name)
        deadline = None if timeout is None else time.monotonic() + timeout / 1000
        while self._unfinished(keys.streams, keys.delayed):
            if deadline is not None and time.monotonic() >= deadline:
                raise QueueJoinTimeout(queue_name)
            time.sleep(JOIN_INTERVAL_S)

    def _unfinished(self, streams: Iterable[str], delayed: str) -> int:
        # In one step: else a message that moves meanwhile could be missed in both places.
        with translated(), self._client.pipeline(transaction=True) as pipeline:
            for stream in streams:
                pipeline.xlen(stream)
            pipeline.zcard(delayed)
            return sum(pipeline.execute())

    def close(self) -> None:
        """Close the connections. A client that was passed in stays open."""
        self._repeatable.close()
        if self._owns_client:
            self._client.close()


class _Holding(Middleware):
    """Has nothing started that should not be, and nothing held that others could start.

    Dramatiq keeps consumers fetching until the last running message is done, and gives back
    what waits in the worker only then: other workers could have started it at once.
    """

    def __init__(self, broker: RedisStreamsBroker) -> None:
        self._broker = broker

    def before_worker_boot(self, _broker: Broker, _worker: Worker) -> None:
        self._broker.drain(draining=False)

    def before_worker_shutdown(self, _broker: Broker, worker: Worker) -> None:
        self._broker.drain()
        waiting: dict[str, list[MessageProxy]] = {}
        for item in iter_queue(worker.work_queue):
            waiting.setdefault(item.message.queue_name, []).append(item.message)
        for queue_name, messages in waiting.items():
            worker.consumers[queue_name].requeue_messages(messages)

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        if not isinstance(message, StreamMessage):
            return
        if message.reason == POISON:
            raise SkipMessage(f"{message.deaths} workers died holding it")
        if message.lost:
            # To skip a message is to store None as its result, which is not ours to say.
            message.options["store_results"] = False
            raise SkipMessage("it was given to another worker")
