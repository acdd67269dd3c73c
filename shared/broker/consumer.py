"""Fetches messages from the streams of one queue and settles them."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import redis
import redis.exceptions
from dramatiq import Consumer, Message, MessageProxy
from dramatiq.errors import DecodeError

from .connections import AWAY, is_missing_group, refusals, script
from .entries import (
    POISON,
    DeadLetter,
    Receipt,
    StreamMessage,
    dead_letter_for,
    undecodable_letter_for,
)
from .held import Held
from .keys import DEATHS, GROUP, MESSAGE, QueueKeys
from .leases import LeaseKeeper

LOOK_EVERY_S: Final = 5.0
"""How often a consumer looks at the delayed messages without having been told to."""

DUE_BATCH: Final = 100
AWAY_PAUSE_S: Final = 0.5
DRAIN_PAUSE_S: Final = 0.05

logger = logging.getLogger(__name__)

RawEntry = tuple[bytes, Any]
"""Entry id, and its fields: a mapping, a flat list, or None where the entry is gone."""


class RedisStreamsConsumer(Consumer):
    """One consumer of a queue's consumer groups.

    `__next__` belongs to one thread; `ack`, `nack` and `requeue` may be called from any.
    None of them raises because Redis is away: fetching goes on when it is back, and what
    could not be settled is settled then.
    """

    def __init__(
        self,
        client: redis.Redis,
        blocking: redis.Redis,
        keys: QueueKeys,
        *,
        queue_name: str,
        prefetch: int,
        timeout_ms: int,
        lease_ms: int,
        max_deaths: int,
        max_dead_letters: int,
        draining: Callable[[], bool],
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._client = client
        self._blocking = blocking
        self._keys = keys
        self._queue_name = queue_name
        self._timeout_ms = timeout_ms
        self._max_deaths = max_deaths
        self._max_dead_letters = max_dead_letters
        self._draining = draining
        self._held = Held(prefetch)
        self._ready: deque[StreamMessage] = deque()
        # Not to be sent again: what the lost reply gave us would be known to nobody.
        self._fetch = script(blocking, "fetch")
        self._ack = script(client, "ack")
        self._delay = script(client, "delay")
        self._reject = script(client, "reject")
        self._hand_back = script(client, "hand_back")
        self._leave = script(client, "leave")
        self._keeper = LeaseKeeper(client, keys, self.name, self._held, lease_ms=lease_ms)
        self._keeper.start()
        # Until Redis says otherwise: making groups takes memory, which a full server refuses.
        self._grouped = True
        # A reply that never came may have held entries: they are ours, and pending.
        self._recover = False
        self._look_at = 0.0

    # Fetching

    def __next__(self) -> StreamMessage | None:
        if not self._ready:
            self._fill()
        if self._draining():
            self.requeue(self._ready)
            self._ready.clear()
        while self._ready:
            message = self._ready.popleft()
            if not message.lost:
                return message
        return None

    def _fill(self) -> None:
        if self._draining():
            time.sleep(DRAIN_PAUSE_S)
            return
        if not self._held.wait_for_room(self._timeout_ms / 1000):
            return
        try:
            with refusals():
                self._read()
        except AWAY as error:
            logger.warning("Redis is away, nothing is fetched: %s", error)
            self._recover = True
            self._look_at = 0.0
            time.sleep(AWAY_PAUSE_S)
        except redis.exceptions.ResponseError as error:
            if not is_missing_group(error):
                raise
            self._grouped = False
            # One stream may be gone after others were read: the error hides what they gave.
            self._recover = True

    def _read(self) -> None:
        if not self._grouped:
            self._make_groups()
        if self._recover:
            self._read_own()
            self._recover = False
        if not self._ready and time.monotonic() >= self._look_at:
            self._look()
        elif not self._ready:
            self._wait()

    def _look(self) -> None:
        """Read what is there, and find out when to look again."""
        read, due_in_ms = self._fetch(
            keys=[self._keys.delayed, *self._keys.streams],
            args=[GROUP, self.name, self._held.room(), DUE_BATCH],
        )
        for index, entries in read:
            self._take(self._keys.streams[index - 1], entries)
        pause_s = LOOK_EVERY_S if due_in_ms < 0 else min(LOOK_EVERY_S, due_in_ms / 1000)
        self._look_at = 0.0 if read else time.monotonic() + pause_s

    def _wait(self) -> None:
        """Wait in a blocking read for a new entry, or until it is time to look."""
        until_look_ms = (self._look_at - time.monotonic()) * 1000
        block_ms = max(1, round(min(self._timeout_ms, until_look_ms)))
        streams = [self._keys.wake, *self._keys.streams]
        reply: Any = self._blocking.xreadgroup(
            GROUP, self.name, dict.fromkeys(streams, ">"), count=1, block=block_ms
        )
        for stream, entries in reply or []:
            if stream.decode() == self._keys.wake:
                for entry_id, _ in entries:
                    self._ack(keys=[self._keys.wake], args=[GROUP, entry_id])
            else:
                self._take(stream.decode(), entries)
        if reply:
            self._look_at = 0.0

    def _read_own(self) -> None:
        """Take the entries that are pending with us and that we do not know of."""
        for stream in self._keys.streams:
            after = b"0"
            while True:
                # Before reading: what is settled meanwhile is in the reply, but not new.
                known = self._held.places()
                reply: Any = self._client.xreadgroup(GROUP, self.name, {stream: after}, count=100)
                entries = reply[0][1] if reply else []
                new = [entry for entry in entries if (stream, entry[0].decode()) not in known]
                self._take(stream, new)
                if not entries:
                    break
                after = entries[-1][0]

    def _take(self, stream: str, entries: list[RawEntry]) -> None:
        room = self._held.room()
        for raw_id, raw_fields in entries[:room]:
            entry_id = raw_id.decode()
            fields = _as_dict(raw_fields)
            if MESSAGE.encode() not in fields:
                # Deleted by hand, or written by someone who knows nothing of messages.
                self._bury(stream, entry_id, repr(fields).encode(), ValueError("no message"))
                continue
            data = fields[MESSAGE.encode()]
            try:
                decoded = self._decode(data)
            except (DecodeError, ValueError) as error:
                self._bury(stream, entry_id, data, error)
                continue
            message = StreamMessage(
                decoded,
                Receipt(stream, entry_id, GROUP, self.name),
                deaths=_number(fields.get(DEATHS.encode())),
            )
            if message.deaths >= self._max_deaths:
                logger.error("Message %s is poison.", message.message_id)
                message.reason = POISON
                message.fail()
            self._held.add(message)
            self._ready.append(message)
        # A blocking read may return one of each stream.
        excess = [raw_id for raw_id, _ in entries[room:]]
        if excess:
            self._hand_back(keys=[stream, self._keys.front], args=[GROUP, self.name, *excess])

    def _decode(self, data: bytes) -> Message[Any]:
        """Raise `DecodeError`, or `ValueError` for what Dramatiq's threads would die of."""
        message: Message[Any] = Message.decode(data)
        parts: tuple[Any, ...] = (message.actor_name, message.kwargs, message.options)
        if message.queue_name != self._queue_name:
            raise ValueError(f"it belongs to queue {message.queue_name!r}")
        if tuple(map(type, parts)) != (str, dict, dict):
            raise ValueError("actor_name, kwargs and options must be str, dict and dict")
        return message

    def _bury(self, stream: str, entry_id: str, data: bytes, error: Exception) -> None:
        logger.error("Entry %s of %s is no message; it is a dead letter now.", entry_id, stream)
        self._settle(
            lambda: self._run_reject(
                stream, entry_id, undecodable_letter_for(self._keys, data, error)
            )
        )

    def _make_groups(self) -> None:
        for stream in (self._keys.wake, *self._keys.streams):
            try:
                self._client.xgroup_create(stream, GROUP, id="0", mkstream=True)
            except redis.exceptions.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
        self._grouped = True

    # Settling

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge `message`; when Redis is away, as soon as it is back."""
        held = _held(message)
        self._settle(lambda: self._run_ack(held), held)

    def nack(self, message: MessageProxy) -> None:
        """Move `message` to the dead letters; when Redis is away, as soon as it is back."""
        held = _held(message)
        letter = dead_letter_for(self._keys, held)
        receipt = held.receipt
        self._settle(lambda: self._run_reject(receipt.stream, receipt.entry_id, letter), held)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Hand `messages` back to the front of the queue, at no cost to them."""
        by_stream: dict[str, list[str]] = {}
        for message in messages:
            receipt = _held(message).receipt
            by_stream.setdefault(receipt.stream, []).append(receipt.entry_id)
        self._hand_all_back(by_stream)

    def close(self) -> None:
        """Hand back everything held and leave the groups."""
        self._keeper.stop()
        try:
            self._keeper.settle()
            self._hand_all_back(self._held.by_stream())
            self._leave(keys=[self._keys.wake, *self._keys.streams], args=[GROUP, self.name])
        except AWAY as error:
            logger.warning("Redis is away; what is held goes to others later: %s", error)
        except redis.exceptions.ResponseError as error:
            if not is_missing_group(error):
                raise
        finally:
            self._blocking.close()

    def _hand_all_back(self, by_stream: dict[str, list[str]]) -> None:
        for stream, ids in by_stream.items():
            self._held.lose(stream, ids)
            try:
                self._hand_back(keys=[stream, self._keys.front], args=[GROUP, self.name, *ids])
            except AWAY as error:
                logger.warning("Redis is away; messages go to others later: %s", error)
            except redis.exceptions.ResponseError as error:
                if not is_missing_group(error):
                    raise

    def _run_ack(self, message: StreamMessage) -> None:
        stream, entry_id = message.receipt.stream, message.receipt.entry_id
        if message.retry is None:
            self._ack(keys=[stream], args=[GROUP, entry_id])
        else:
            delayed = message.retry.entry
            self._delay(
                keys=[delayed.delayed, delayed.wake, stream],
                args=[delayed.member, message.retry.delay_ms, GROUP, entry_id],
            )

    def _run_reject(self, stream: str, entry_id: str, letter: DeadLetter) -> None:
        fields = [part for pair in letter.fields.items() for part in pair]
        self._reject(
            keys=[stream, letter.stream], args=[GROUP, entry_id, self._max_dead_letters, *fields]
        )

    def _settle(self, settle: Callable[[], Any], message: StreamMessage | None = None) -> None:
        """Run `settle`, now or when Redis is back; `message` is held until then."""

        def settle_and_forget() -> None:
            try:
                if message is None or not (message.settled or message.lost):
                    settle()
            except AWAY:
                raise
            except redis.exceptions.ResponseError:
                self._forget(message)  # so that its lease lapses
                raise
            self._forget(message)

        try:
            settle_and_forget()
        except AWAY as error:
            logger.warning("Redis is away; what is done is settled later: %s", error)
            self._keeper.settle_later(settle_and_forget)

    def _forget(self, message: StreamMessage | None) -> None:
        if message is not None:
            message.settled = True
            self._held.drop(message)


def _held(message: MessageProxy) -> StreamMessage:
    if not isinstance(message, StreamMessage):
        raise TypeError(f"{message!r} did not come from this consumer")
    return message


def _number(text: bytes | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0


def _as_dict(fields: Any) -> dict[bytes, bytes]:
    if fields is None:
        return {}
    if isinstance(fields, list):  # as a script returns it
        return dict(zip(fields[::2], fields[1::2], strict=True))
    return dict(fields)
