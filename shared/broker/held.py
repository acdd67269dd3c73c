"""What one consumer holds: fetched, and neither acknowledged nor given back yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final

from .entries import StreamMessage

Place = tuple[str, str]
"""Stream and entry id."""

MORE_ROOM_WAIT_S: Final = 0.003
"""How long to wait for room for several, once there is room for one: one round trip for all."""


class Held:
    """The messages a consumer holds, bounded by `prefetch`. Safe to use from many threads.

    Those that are about to be settled do not count.
    """

    def __init__(self, prefetch: int) -> None:
        self._prefetch = prefetch
        self._several = max(1, prefetch // 4)
        self._messages: dict[Place, StreamMessage] = {}
        self._ending: set[Place] = set()
        self._leaving: set[Place] = set()
        self._changed = threading.Condition()

    def add(self, message: StreamMessage) -> None:
        with self._changed:
            self._messages[message.receipt.stream, message.receipt.entry_id] = message

    def make_room(self, message: StreamMessage) -> None:
        """Note that `message` is about to be settled."""
        place = message.receipt.stream, message.receipt.entry_id
        with self._changed:
            if place in self._messages:
                self._ending.add(place)
                self._changed.notify_all()

    def drop(self, message: StreamMessage) -> None:
        with self._changed:
            self._forget((message.receipt.stream, message.receipt.entry_id))
            self._changed.notify_all()

    def lose(self, stream: str, entry_ids: Iterable[str]) -> list[StreamMessage]:
        """Mark and forget what is not this consumer's any more; returns it."""
        with self._changed:
            gone = [self._forget((stream, entry_id)) for entry_id in entry_ids]
            lost = [message for message in gone if message is not None and not message.settled]
            for message in lost:
                message.lost = True
            self._changed.notify_all()
        return lost

    def leave(self, stream: str, entry_ids: Iterable[str]) -> None:
        """Mark and forget what is about to be given back: it is here until it `left`."""
        ids = list(entry_ids)
        with self._changed:
            self._leaving.update((stream, entry_id) for entry_id in ids)
        self.lose(stream, ids)

    def left(self, stream: str, entry_ids: Iterable[str]) -> None:
        """Note that others may have these entries by now."""
        with self._changed:
            self._leaving.difference_update((stream, entry_id) for entry_id in entry_ids)

    def renew(self, stream: str, entry_ids: Iterable[str], *, sure_until: float) -> None:
        """Note until when the leases of these entries cannot lapse."""
        with self._changed:
            for entry_id in entry_ids:
                message = self._messages.get((stream, entry_id))
                if message is not None:
                    message.sure_until = sure_until
            self._changed.notify_all()

    def wait_until_sure(self, message: StreamMessage, timeout_s: float) -> bool:
        """Wait until `message` is known to be held, or lost, for `timeout_s` at most."""
        with self._changed:
            return self._changed.wait_for(
                lambda: message.lost or time.monotonic() < message.sure_until, timeout=timeout_s
            )

    def room(self) -> int:
        """Return how many more messages may be fetched."""
        with self._changed:
            return max(0, self._prefetch - self._counted())

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until messages may be fetched, for `timeout_s` at most."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(1), timeout=timeout_s):
                return False
            self._changed.wait_for(lambda: self._is_free(self._several), timeout=MORE_ROOM_WAIT_S)
            return True

    def _is_free(self, count: int) -> bool:
        return self._counted() <= self._prefetch - count

    def _counted(self) -> int:
        return len(self._messages) - len(self._ending)

    def _forget(self, place: Place) -> StreamMessage | None:
        self._ending.discard(place)
        return self._messages.pop(place, None)

    def to_renew(self) -> dict[str, list[str]]:
        """Return the ids of the entries whose leases are to be renewed, by stream."""
        return by_stream(message for message in self._all() if not message.overdue)

    def all_by_stream(self) -> dict[str, list[str]]:
        """Return the ids of the entries held, by stream."""
        return by_stream(self._all())

    def besides(self, message: StreamMessage) -> bool:
        """Say whether another message is held that is not stuck."""
        with self._changed:
            others = (each for each in self._messages.values() if each is not message)
            return bool(self._leaving) or not all(each.overdue for each in others)

    def places(self) -> set[Place]:
        """Return where the entries are that are held, or about to be given back."""
        with self._changed:
            return self._messages.keys() | self._leaving

    def _all(self) -> list[StreamMessage]:
        with self._changed:
            return list(self._messages.values())


def by_stream(messages: Iterable[StreamMessage]) -> dict[str, list[str]]:
    """Return the ids of the messages' entries, by stream, in the order of the messages."""
    ids: dict[str, list[str]] = {}
    for message in messages:
        ids.setdefault(message.receipt.stream, []).append(message.receipt.entry_id)
    return ids
