"""A Dramatiq broker over Redis Streams."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import redis
from dramatiq import Broker, Message, MessageProxy, Middleware
from dramatiq.errors import QueueJoinTimeout, QueueNotFound

from .connections import BLOCKED_REPLY_TIMEOUT_S, connect, derive, script, translated
from .consumer import RedisStreamsConsumer
from .dead_letters import DeadLetterReport, DeadLetters
from .entries import (
    DeadLetter,
    DelayedEntry,
    Entry,
    Retry,
    StreamMessage,
    dead_letter_for,
    delayed_entry_for,
    entry_for,
)
from .holding import Holding
from .inspect import QueueReport, inspect
from .keys import GROUP, QueueKeys
from .limits import Limits

JOIN_INTERVAL_S: Final = 0.02


class RedisStreamsBroker(Broker):
    """A broker that keeps each queue in consumer groups of Redis Streams.

    Parameters:
      url: the server, as redis-py takes it: `redis://`, `rediss://`, `unix://`; or its Sentinels:
        `redis+sentinel://[[user]:password@]host:port[,host:port…]/service[/db]`; or nodes of its
        cluster: `redis+cluster://[[user]:password@]host:port[,host:port…]`.
      client: a client to use instead of `url`. It enqueues, so that whether a message is sent
        again, and maybe twice, when a reply is lost is up to its `retry`; all else gets
        connections of its own.
      namespace: the start of every key. One that holds a hash tag (`{app}`) puts all queues
        into that slot, as a cluster's URL needs; else each queue has a slot of its own.
      middleware: as for every Dramatiq broker; None is Dramatiq's default list.
      claim_after_ms: how long a lease lasts without renewal; then the message goes to
        another worker.
      max_work_ms: how long a message that has no time limit of its own may be worked on before
        its lease is renewed no more. One that has (the option `time_limit` of message or actor,
        or that of Dramatiq's `TimeLimit`) is renewed for that time and ten seconds.
      max_deaths: how many workers may die holding a message before it is a dead letter,
        with the reason `poison`.
      max_dead_letters: how many dead letters a queue keeps; the oldest go, and are counted.
      max_dead_age_ms: how long a queue keeps dead letters.

    A message's option `priority` is `high`, `normal` (the default) or `low`.
    """

    def __init__(
        self,
        *,
        url: str = "redis://127.0.0.1:6379/0",
        client: redis.Redis | None = None,
        namespace: str = "dramatiq",
        middleware: list[Middleware] | None = None,
        claim_after_ms: int = Limits.claim_after_ms,
        max_work_ms: int = Limits.max_work_ms,
        max_deaths: int = Limits.max_deaths,
        max_dead_letters: int = Limits.max_dead_letters,
        max_dead_age_ms: int = Limits.max_dead_age_ms,
    ) -> None:
        self._holding = Holding(max_work_ms=max_work_ms, max_deaths=max_deaths)
        super().__init__(middleware=middleware)
        self._frame_middleware()
        self.queues: set[str] = set()
        self.namespace = namespace
        self.limits = Limits(
            claim_after_ms, max_work_ms, max_deaths, max_dead_letters, max_dead_age_ms
        )
        self._client = client or connect(url, key=namespace)
        self._owns_client = client is None
        # An entry added twice is a message run twice; a script run twice changes nothing.
        self._repeatable = derive(self._client)
        self._delay = script(self._client, "delay")

    def add_middleware(
        self,
        middleware: Middleware,
        *,
        before: type[Middleware] | None = None,
        after: type[Middleware] | None = None,
    ) -> None:
        """Add a middleware, as to every Dramatiq broker."""
        super().add_middleware(middleware, before=before, after=after)
        self._frame_middleware()

    def _frame_middleware(self) -> None:
        first, last = self._holding.alone, self._holding
        others = [each for each in self.middleware if each not in (first, last)]
        # Last: when it has a message skipped, all others have been told of its beginning.
        self.middleware = [first, *others, last]

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

    def enqueue_by_name(
        self,
        actor_name: str,
        *args: Any,
        kwargs: Mapping[str, Any] | None = None,
        queue_name: str = "default",
        priority: str | None = None,
        delay: int | None = None,
        **options: Any,
    ) -> Message[Any]:
        """Enqueue a message for an actor that need not be known here; returns it.

        `args` and `kwargs` are the actor's, `options` the message's. `delay` is in ms. Raises
        as `enqueue` does.
        """
        if priority is not None:
            options["priority"] = priority
        message: Message[Any] = Message(queue_name, actor_name, args, dict(kwargs or {}), options)
        return self.enqueue(message, delay=delay)

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

        Its blocking reads last twice `timeout` ms at most. Raises `QueueNotFound` if the queue
        was not declared.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        # Twice as long as asked for: that halves what an idle consumer asks.
        block_ms = 2 * timeout
        return RedisStreamsConsumer(
            client=self._repeatable,
            blocking=derive(self._client, block_ms=block_ms),
            keeping=derive(self._client, patience_s=BLOCKED_REPLY_TIMEOUT_S),
            keys=self.keys_of(queue_name),
            limits=self.limits,
            queue_name=queue_name,
            prefetch=prefetch,
            block_ms=block_ms,
            may_fetch=self._holding.may_fetch,
            stopping=lambda: self._holding.draining,
            take_waiting=lambda: self._holding.take_waiting(queue_name),
        )

    @property
    def starts_more(self) -> bool:
        """Whether the worker starts more messages.

        Not while it is stopping, has a message run alone, or is stuck: what only waits in it
        may then better be given back.
        """
        return self._holding.may_fetch()

    def drain(self, *, draining: bool = True) -> None:
        """Let no consumer of this broker fetch any more, or again; what is held goes on."""
        self._holding.draining = draining

    # Looking after queues

    def pause(self, queue_name: str) -> None:
        """Have no message of a queue delivered, anywhere, until it is resumed.

        What runs goes on; what workers have fetched and not started they hand back; delayed
        messages wait. It outlives restarts, of workers and of Redis.
        """
        self._run("pause", queue_name)

    def resume(self, queue_name: str) -> None:
        """Have the messages of a queue delivered again."""
        self._run("resume", queue_name)

    def _run(self, name: str, queue_name: str) -> None:
        keys = self.keys_of(queue_name)
        with translated():
            script(self._repeatable, name)(keys=[keys.paused, keys.wake], args=[GROUP])

    def is_paused(self, queue_name: str) -> bool:
        """Return whether a queue is paused."""
        with translated():
            return bool(self._repeatable.exists(self.keys_of(queue_name).paused))

    def inspect(self, queue_name: str) -> QueueReport:
        """Return what is in a queue and who works on it, in one round trip."""
        return inspect(self._repeatable, self.keys_of(queue_name))

    def dead_letters(
        self, queue_name: str, *, before: str | None = None, limit: int = 100
    ) -> list[DeadLetterReport]:
        """Return the newest dead letters of a queue, `limit` at most, newest first.

        With the id of the last one as `before`, the next call goes on from there.
        """
        return self._dead_letters_of(queue_name).newest(before=before, limit=limit)

    def requeue_dead_letter(self, queue_name: str, letter_id: str) -> bool:
        """Put a dead letter back into its queue, retries and deaths forgotten.

        False if there is none with that id, or if its bytes are no message.
        """
        return self._dead_letters_of(queue_name).requeue(letter_id)

    def delete_dead_letter(self, queue_name: str, letter_id: str) -> bool:
        """Delete a dead letter; False if there is none with that id."""
        return self._dead_letters_of(queue_name).delete(letter_id)

    def _dead_letters_of(self, queue_name: str) -> DeadLetters:
        return DeadLetters(self._repeatable, self.keys_of(queue_name), queue_name)

    def flush(self, queue_name: str) -> None:
        """Drop all messages of a queue, its delayed ones and its dead letters too.

        A queue that is paused stays paused.
        """
        with translated():
            self._client.delete(*self.keys_of(queue_name).messages)

    def flush_all(self) -> None:
        """Drop all messages of all declared queues."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until nothing waits, runs or is delayed, for `timeout` ms at most.

        On a paused queue that is when it has been resumed and worked empty. Raises
        `QueueJoinTimeout` after that time.
        """
        keys = self.keys_of(queue_name)
        deadline = None if timeout is None else time.monotonic() + timeout / 1000
        while self._unfinished(keys):
            if deadline is not None and time.monotonic() >= deadline:
                raise QueueJoinTimeout(queue_name)
            time.sleep(JOIN_INTERVAL_S)

    def _unfinished(self, keys: QueueKeys) -> int:
        with translated():
            count: int = script(self._repeatable, "unfinished")(keys=[keys.delayed, *keys.streams])
        return count

    def close(self) -> None:
        """Close the connections. A client that was passed in stays open."""
        self._repeatable.close()
        if self._owns_client:
            self._client.close()
