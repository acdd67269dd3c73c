"""The progress lanes: append to one, read on, look back. The only code that knows their fields.

A lane is a stream of events for the sockets whose IDs begin with its number. Nobody
acknowledges anything; what is older than the retention goes when something is added.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from shared import keys
from shared.redis import away_is_unavailable

PAGE: Final = 1000
"""How many entries one read takes at most."""

_NO_SOCKET: Final = b""
"""The `socket` of an entry that is meant for nobody: it gives an empty lane a position."""


@dataclass(frozen=True, slots=True)
class LaneEntry:
    """An event in a lane. `data` is JSON, ready to send."""

    id: str
    socket_id: bytes
    event: bytes
    data: bytes


class Reach(enum.Enum):
    """Whether a lane still holds everything after a position."""

    WHOLE = enum.auto()
    TRIMMED = "history_trimmed"
    UNKNOWN = "unknown_position"


def after(entry_id: str) -> tuple[int, int]:
    """Return `entry_id` as numbers, in the order of the stream. Raises `ValueError`."""
    milliseconds, dash, sequence = entry_id.partition("-")
    if not (dash and milliseconds.isdecimal() and sequence.isdecimal()):
        raise ValueError(f"{entry_id!r} is no stream entry id")
    return int(milliseconds), int(sequence)


class Lanes:
    """The lanes of one shard. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def end(self, lane: int) -> str:
        """Return the id of the lane's last entry; an empty lane is given one.

        A position must be an entry that existed: only so can a later reader tell whether
        the lane still reaches back to it, or is another lane under the same name.
        """
        with away_is_unavailable():
            last: Any = await self._redis.xrevrange(keys.lane(lane), count=1)
            if last:
                return str(last[0][0].decode())
            marker: Any = await self._redis.xadd(
                keys.lane(lane), {"socket": _NO_SOCKET, "event": "opened", "data": "{}"}
            )
        return str(marker.decode())

    async def reach(self, lane: int, position: str) -> Reach:
        """Say whether the lane still holds every entry after `position`."""
        with away_is_unavailable():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.xrange(keys.lane(lane), position, position, count=1)
                pipeline.xrange(keys.lane(lane), count=1)
                at, first = await pipeline.execute()
        if at:
            return Reach.WHOLE
        if first and after(position) < after(first[0][0].decode()):
            return Reach.TRIMMED
        return Reach.UNKNOWN

    async def since(self, lane: int, position: str) -> AsyncIterator[LaneEntry]:
        """Yield every entry after `position` up to the lane's end."""
        while True:
            with away_is_unavailable():
                page: Any = await self._redis.xrange(keys.lane(lane), f"({position}", count=PAGE)
            for entry in _entries(page):
                yield entry
                position = entry.id
            if len(page) < PAGE:
                return

    async def read(self, lane: int, position: str, *, block_ms: int) -> list[LaneEntry]:
        """Wait up to `block_ms` for entries after `position`.

        Wants a client for blocking reads; raises what redis-py raises.
        """
        reply: Any = await self._redis.xread(
            {keys.lane(lane): position}, count=PAGE, block=block_ms
        )
        if not reply:
            return []
        streams = list(reply.values()) if isinstance(reply, dict) else [reply[0][1]]
        return list(_entries(streams[0]))


def _entries(page: list[Any]) -> list[LaneEntry]:
    return [
        LaneEntry(
            entry_id.decode(),
            fields.get(b"socket", _NO_SOCKET),
            fields.get(b"event", b""),
            fields.get(b"data", b"null"),
        )
        for entry_id, fields in page
    ]
