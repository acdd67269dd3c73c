"""What is in a queue, and who works on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from .connections import script, translated
from .keys import GROUP, STREAMS, QueueKeys


@dataclass(frozen=True, slots=True)
class ConsumerReport:
    """A consumer of a queue: how many messages it holds, and how long it was not heard of.

    One that died stays until it is forgotten.
    """

    name: str
    pending: int
    idle_ms: int


@dataclass(frozen=True, slots=True)
class QueueReport:
    """A queue at one moment.

    `waiting`: how many messages nobody has fetched, by stream: `front`, `high`, `normal`, `low`.
    `held`: how many consumers hold, by the stream they came from. `dead_dropped`: how many dead
    letters the limit has removed so far; it only grows, until the queue is flushed.
    """

    waiting: dict[str, int]
    held: dict[str, int]
    delayed: int
    dead: int
    dead_dropped: int
    paused: bool
    consumers: tuple[ConsumerReport, ...]

    @property
    def active(self) -> int:
        """How many consumers hold, of all streams."""
        return sum(self.held.values())


def inspect(client: redis.Redis, keys: QueueKeys) -> QueueReport:
    """Return what is in a queue, in one round trip. Raises `ConnectionClosed`."""
    with translated():
        reply: Any = script(client, "inspect")(
            keys=[keys.paused, keys.counts, keys.delayed, keys.dead, keys.wake, *keys.streams],
            args=[GROUP],
        )
    waiting, held, delayed, dead, dropped, paused, consumers = reply
    return QueueReport(
        waiting=dict(zip(STREAMS, waiting, strict=True)),
        held=dict(zip(STREAMS, held, strict=True)),
        delayed=delayed,
        dead=dead,
        dead_dropped=dropped,
        paused=bool(paused),
        consumers=tuple(
            ConsumerReport(name.decode(errors="replace"), pending, idle_ms)
            for name, pending, idle_ms in consumers
        ),
    )
