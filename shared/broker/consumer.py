"""Gives a worker the messages of one queue, and settles them."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Final

import redis
import redis.exceptions
from dramatiq import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed

from .connections import is_missing_group, script, translated
from .entries import StreamMessage
from .fetcher import Fetcher
from .held import Held
from .intake import Intake
from .keys import GROUP, QueueKeys
from .leases import LeaseKeeper
from .limits import Limits
from .settling import Settling

IDLE_PAUSE_S: Final = 0.05

logger = logging.getLogger(__name__)


class RedisStreamsConsumer(Consumer):
    """One consumer of a queue's consumer groups.

    `__next__` belongs to one thread; `ack`, `nack` and `requeue` may be called from any.
    None of them raises because Redis is away: fetching goes on when it is back, and what
    could not be settled is settled then.

    `client` is for what settles, `blocking` for what fetches, with reads of `block_ms` at most,
    `keeping` for the keeper of leases, who closes it. `may_fetch` says whether the worker can
    start anything more, `stopping` whether it never will, `take_waiting` returns what it has
    fetched and not started.
    """

    def __init__(
        self,
        *,
        client: redis.Redis,
        blocking: redis.Redis,
        keeping: redis.Redis,
        keys: QueueKeys,
        limits: Limits,
        queue_name: str,
        prefetch: int,
        block_ms: int,
        may_fetch: Callable[[], bool],
        stopping: Callable[[], bool],
        take_waiting: Callable[[], list[StreamMessage]],
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._keys = keys
        self._may_fetch = may_fetch
        self._take_waiting = take_waiting
        self._held = Held(prefetch)
        self._leave = script(client, "leave")
        self._keeper = LeaseKeeper(keeping, keys, self.name, self._held, limits)
        self._settling = Settling(
            client,
            keys,
            self.name,
            self._held,
            self._keeper,
            max_dead_letters=limits.max_dead_letters,
        )
        self._intake = Intake(
            queue_name,
            self.name,
            self._held,
            self._keeper,
            self._settling,
            limits=limits,
            stopping=stopping,
        )
        self._fetcher = Fetcher(
            blocking,
            keys,
            self.name,
            self._held,
            self._intake,
            block_ms=block_ms,
            hand_back=self._hand_back_unstarted,
        )
        self._keeper.start()
        self._fetching = False

    def __next__(self) -> StreamMessage | None:
        if not self._intake.ready:
            self._fill()
        if not self._may_fetch():
            self._hand_back_unstarted()
        while self._intake.ready:
            message = self._intake.ready.popleft()
            if not message.lost:
                return message
        return None

    def holds_besides(self, message: StreamMessage) -> bool:
        """Say whether another one is held that is not stuck, or may be on its way here."""
        return self._fetching or self._held.besides(message)

    def _fill(self) -> None:
        # Before it is looked whether it may: who has it stop sees one of both.
        self._fetching = True
        try:
            if may_fetch := self._may_fetch():
                self._fetcher.fetch()
        finally:
            self._fetching = False
        if not may_fetch:
            time.sleep(IDLE_PAUSE_S)

    def _hand_back_unstarted(self) -> None:
        waiting = [*self._intake.ready, *self._take_waiting()]
        self._intake.ready.clear()
        self._settling.hand_back(waiting)

    # Settling

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge `message`; when Redis is away, as soon as it is back."""
        self._settling.ack(_held(message))

    def nack(self, message: MessageProxy) -> None:
        """Move `message` to the dead letters; when Redis is away, as soon as it is back."""
        self._settling.reject(_held(message))

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Hand `messages` back to the front of the queue, at no cost to them."""
        self._settling.hand_back(_held(message) for message in messages)

    def close(self) -> None:
        """Hand back everything held and leave the groups.

        Raises nothing that Redis says: Dramatiq's thread would end by it, and the worker go on
        without ever fetching again.
        """
        self._keeper.stop()
        keys = self._keys
        try:
            with translated():
                self._keeper.settle()
                self._settling.hand_back_entries(self._held.all_by_stream())
                self._leave(keys=[keys.wake, keys.paused, *keys.streams], args=[GROUP, self.name])
        except ConnectionClosed as error:
            logger.warning("What is held goes to others later. %s", error)
        except redis.exceptions.RedisError as error:
            if not is_missing_group(error):
                logger.exception("What is held goes to others later.")
        finally:
            self._fetcher.close()


def _held(message: MessageProxy) -> StreamMessage:
    if not isinstance(message, StreamMessage):
        raise TypeError(f"{message!r} did not come from this consumer")
    return message
