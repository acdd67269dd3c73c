"""Every Redis key of the broker, and the names inside its streams.

The keys of one queue share a hash tag, so that they lie in one slot of a cluster and a
script can change several: `{<namespace>:<queue>}`, or the namespace's own tag if it has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

GROUP: Final = "workers"
"""The consumer group of every stream."""

FRONT: Final = "front"
"""What was started before and is to go on first: handed back, or its lease lapsed."""

Priority = Literal["high", "normal", "low"]
PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)
DEFAULT_PRIORITY: Final = "normal"
STREAMS: Final = (FRONT, *PRIORITIES)
"""In the order in which they are read."""

MESSAGE: Final = "m"
"""Field of an entry: the encoded message."""

DEATHS: Final = "d"
"""Field of an entry: how many workers have died holding this message; absent is none."""


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """The keys of one queue."""

    prefix: str

    @classmethod
    def of(cls, namespace: str, queue_name: str) -> QueueKeys:
        start = namespace.find("{")
        if start >= 0 and namespace.find("}", start + 1) > start + 1:  # as Redis finds a tag
            return cls(f"{namespace}:queue:{queue_name}")
        return cls(f"{{{namespace}:{queue_name}}}")

    def stream(self, name: str) -> str:
        return f"{self.prefix}:{name}"

    @property
    def streams(self) -> list[str]:
        return [self.stream(name) for name in STREAMS]

    @property
    def front(self) -> str:
        return self.stream(FRONT)

    @property
    def wake(self) -> str:
        return f"{self.prefix}:wake"

    @property
    def delayed(self) -> str:
        return f"{self.prefix}:delayed"

    @property
    def dead(self) -> str:
        return f"{self.prefix}:dead"

    @property
    def counts(self) -> str:
        return f"{self.prefix}:counts"

    @property
    def paused(self) -> str:
        return f"{self.prefix}:paused"

    @property
    def swept(self) -> str:
        return f"{self.prefix}:swept"

    @property
    def messages(self) -> list[str]:
        """All keys but that of the pause, which is about the queue and not what is in it."""
        return [
            *self.streams,
            self.wake,
            self.delayed,
            self.dead,
            self.counts,
            self.swept,
        ]

    @property
    def all(self) -> list[str]:
        return [*self.messages, self.paused]
