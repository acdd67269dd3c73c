"""What one consumer holds: fetched, and neither acknowledged nor given back yet."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from .entries import StreamMessage

Place = tuple[str, str]
"""Stream and entry id."""


class Held:
    """The messages a consumer holds, bounded by `prefetch`. Safe to use from many threads."""

    def __init__(self, prefetch: int) -> None:
        self._prefetch = prefetch
        self._messages: dict[Place, StreamMessage] = {}
        self._changed = threading.Condition()

    def add(self, message: StreamMessage) -> None:
        with self._changed:
            self._messages[message.receipt.stream, message.receipt.entry_id] = message

    def drop(self, message: StreamMessage) -> None:
        with self._changed:
            self._messages.pop((message.receipt.stream, message.receipt.entry_id), None)
            self._changed.notify_all()

    def lose(self, stream: str, entry_ids: Iterable[str]) -> list[StreamMessage]:
        """Mark and forget what is not this consumer's any more; returns it."""
        with self._changed:
            gone = [self._messages.pop((stream, entry_id), None) for entry_id in entry_ids]
            self._changed.notify_all()
        lost = [message for message in gone if message is not None and not message.settled]
        for message in lost:
            message.lost = True
        return lost

    def room(self) -> int:
        """Return how many more messages may be fetched."""
        with self._changed:
            return max(0, self._prefetch - len(self._messages))

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until a message may be fetched, for `timeout_s` at most."""
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._messages) < self._prefetch, timeout=timeout_s
            )

    def by_stream(self) -> dict[str, list[str]]:
        """Return the ids of the entries held, by stream."""
        ids: dict[str, list[str]] = {}
        for stream, entry_id in sorted(self.places()):
            ids.setdefault(stream, []).append(entry_id)
        return ids

    def places(self) -> set[Place]:
        """Return where the entries held are."""
        with self._changed:
            return set(self._messages)
