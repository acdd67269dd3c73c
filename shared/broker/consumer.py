"""Fetches messages from the streams of one queue."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

import redis
import redis.exceptions
from dramatiq import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed

from .connections import is_missing_group, script, translated
from .entries import StreamMessage
from .held import Held
from .intake import Intake
from .keys import GROUP, QueueKeys
from .leases import LeaseKeeper
from .limits import Limits
from .settling import Settling

LOOK_EVERY_S: Final = 6.0
"""How often a consumer looks at the delayed messages, and shows itself, without having been told
to."""

DUE_BATCH: Final = 100
AWAY_PAUSE_S: Final = 0.5
LONG_AGO: Final = float("-inf")
IDLE_PAUSE_S: Final = 0.05
HAND_OVER_S: Final = 0.0005
"""How long a worker is left to begin what it has waited for: Python runs one thread at a time, and
to look for more at once takes as long as that."""

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
        self._blocking = blocking
        self._keys = keys
        self._block_ms = block_ms
        self._may_fetch = may_fetch
        self._take_waiting = take_waiting
        self._held = Held(prefetch)
        # Not to be sent again: what the lost reply gave us would be known to nobody.
        self._fetch = script(blocking, "fetch")
        self._groups = script(blocking, "groups")
        self._ack_wake = script(blocking, "ack")
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
        self._keeper.start()
        # Until Redis says otherwise: making groups takes memory, which a full server refuses.
        self._grouped = True
        self._paused = False
        # A reply that never came may have held entries: they are ours, and pending.
        self._recover = False
        self._look_at = 0.0
        self._due_soon = False
        self._handing_over = False
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
                self._fetch_some()
        finally:
            self._fetching = False
        if not may_fetch:
            time.sleep(IDLE_PAUSE_S)

    def _fetch_some(self) -> None:
        if not self._held.wait_for_room(self._block_ms / 1000):
            return
        try:
            with translated():
                self._look_or_wait()
        except ConnectionClosed as error:
            logger.warning("Nothing is fetched. %s", error)
            self._recover = True
            self._look_at = 0.0
            time.sleep(AWAY_PAUSE_S)
        except redis.exceptions.ResponseError as error:
            if not is_missing_group(error):
                raise
            self._grouped = False
            # One stream may be gone after others were read: the error hides what they gave.
            self._recover = True

    def _look_or_wait(self) -> None:
        if not self._grouped:
            self._make_groups()
        if self._recover:
            self._read_own()
            self._recover = False
        if self._paused:
            self._hand_back_unstarted()
        if self._intake.ready:
            pass
        elif time.monotonic() >= self._look_at:
            if self._handing_over:
                time.sleep(HAND_OVER_S)
                self._handing_over = False
            self._look()
        elif self._paused:
            self._wait_for_resume()
        else:
            self._wait()

    def _make_groups(self) -> None:
        keys = self._keys
        paused = self._groups(keys=[keys.paused, keys.wake, *keys.streams], args=[GROUP])
        self._paused = bool(paused)
        self._grouped = True
        self._look_at = 0.0

    def _look(self) -> None:
        """Read what is there, and find out when to look again."""
        keys, asked_at = self._keys, time.monotonic()
        read, due_in_ms, paused = self._fetch(
            keys=[keys.paused, keys.counts, keys.wake, keys.delayed, *keys.streams],
            args=[GROUP, self.name, self._held.room(), DUE_BATCH, round(LOOK_EVERY_S * 1000)],
        )
        self._paused = bool(paused)
        for index, entries in read:
            self._intake.take(keys.streams[index - 1], entries, asked_at)
        due_in_s = LOOK_EVERY_S if due_in_ms < 0 else due_in_ms / 1000
        self._due_soon = due_in_s < LOOK_EVERY_S
        self._look_at = 0.0 if read else time.monotonic() + min(LOOK_EVERY_S, due_in_s)

    def _wait(self) -> None:
        """Wait in a blocking read for a new entry, or until it is time to look."""
        asked_at = time.monotonic()
        reply = self._read_blocking([self._keys.wake, *self._keys.streams])
        if not reply:
            return
        woken = False
        for stream, entries in reply:
            if stream.decode() == self._keys.wake:
                woken = True
                for entry_id, _ in entries:
                    self._ack_wake(keys=[self._keys.wake], args=[GROUP, entry_id])
            else:
                self._intake.take(stream.decode(), entries, asked_at)
                self._handing_over = True
        if self._held.room() == 0 and (woken or self._due_soon):
            self._look()  # reads nothing, and has another one look in time
        self._look_at = 0.0

    def _wait_for_resume(self) -> None:
        """Wait until the queue is resumed, which raises, or until it is time to look."""
        self._read_blocking([self._keys.paused])

    def _read_blocking(self, streams: list[str]) -> Any:
        until_look_ms = (self._look_at - time.monotonic()) * 1000
        block_ms = max(1, round(min(self._block_ms, until_look_ms)))
        return self._blocking.xreadgroup(
            GROUP, self.name, dict.fromkeys(streams, ">"), count=1, block=block_ms
        )

    def _read_own(self) -> None:
        """Take the entries that are pending with us and that we do not know of."""
        for stream in self._keys.streams:
            after = b"0"
            while True:
                # Before reading: what is settled meanwhile is in the reply, but not new.
                known = self._held.places()
                reply: Any = self._blocking.xreadgroup(GROUP, self.name, {stream: after}, count=100)
                entries = reply[0][1] if reply else []
                new = [entry for entry in entries if (stream, entry[0].decode()) not in known]
                self._intake.take(stream, new, LONG_AGO)  # when it was given to us, nobody knows
                if not entries:
                    break
                after = entries[-1][0]

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
            self._blocking.close()


def _held(message: MessageProxy) -> StreamMessage:
    if not isinstance(message, StreamMessage):
        raise TypeError(f"{message!r} did not come from this consumer")
    return message
