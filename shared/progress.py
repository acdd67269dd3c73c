"""The progress lanes: append to one, read on, look back. The only code that knows their fields.

A lane is a stream of events for the sockets whose IDs begin with its number. Nobody
acknowledges anything; what is older than the retention goes when something is added.

A reader stands at an entry that it has read, and asks for it again with what follows: as
long as that entry is there, a lane that is only ever cut at its old end has lost nothing
after it. So a reply proves by itself that it has no hole, whoever trims at that moment.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared import keys
from shared.redis import away_is_unavailable
from shared.wire import Question, Wire

PAGE: Final = 1000
"""How many entries one look back takes at most."""

LIVE_PAGE: Final = 8000
"""How many entries one read takes at most while a lane is followed. Whoever is behind finds many
for each socket on so long a page, and sends them together."""

NOBODY: Final = b""
"""The `socket` of an entry between notifiers; no client gets it."""

POSITION: Final = b"position"
"""The event that gives a lane an entry to stand at."""

CLAIM: Final = b"claim"
"""The event that says: a notifier serves the socket named in its data from here on."""


class LaneEntry(NamedTuple):
    """An event in a lane. `data` is JSON, ready to send."""

    id: str
    socket_id: bytes
    event: bytes
    data: bytes


_ORDER: Final = [b"socket", b"event", b"data"]


class Gap(enum.Enum):
    """Why a lane cannot be read on from a position."""

    TRIMMED = "history_trimmed"
    UNKNOWN = "unknown_position"


class LaneGapError(Exception):
    """The lane no longer holds the entry from which it was to be read on."""


def after(entry_id: str) -> tuple[int, int]:
    """Return `entry_id` as numbers, in the order of the stream. Raises `ValueError`."""
    milliseconds, dash, sequence = entry_id.partition("-")
    parts = (milliseconds, sequence)
    if not (dash and all(p.isascii() and p.isdecimal() and len(p) <= 20 for p in parts)):  # noqa: PLR2004  # digits of 2**64
        raise ValueError(f"{entry_id[:64]!r} is no stream entry id")
    place = int(milliseconds), int(sequence)
    if max(place) >= 2**64:
        raise ValueError(f"{entry_id!r} is no stream entry id")
    return place


def claimed_socket(claim: LaneEntry) -> str | None:
    """Return the socket ID that a claim is about; None if it is not as `Lanes.claim` writes it."""
    try:
        return str(orjson.loads(claim.data)["socketId"])
    except (ValueError, KeyError, TypeError):
        return None


class Lanes:
    """The lanes of one shard. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis, *, retention_s: int, page_size: int = PAGE) -> None:
        self._redis = redis
        self._retention_ms = retention_s * 1000
        self.page_size = page_size

    async def end(self, lane: int) -> str:
        """Return the id of the lane's last entry; an empty lane is given one.

        A position must be an entry that existed: only so can a later reader tell whether
        the lane still reaches back to it, or is another lane under the same name.
        """
        with away_is_unavailable():
            last: Any = await self._redis.xrevrange(keys.lane(lane), count=1)
        return str(last[0][0].decode()) if last else await self.mark(lane)

    async def mark(self, lane: int) -> str:
        """Give the lane a new last entry, for nobody; return its id."""
        return await self._append(lane, POSITION, b"{}")

    async def claim(self, lane: int, socket_id: str) -> str:
        """Tell all notifiers that `socket_id` is served here now; return the entry's id."""
        return await self._append(lane, CLAIM, orjson.dumps({"socketId": socket_id}))

    async def gap(self, lane: int, position: str) -> Gap:
        """Say why the lane does not hold the entry `position`."""
        with away_is_unavailable():
            first: Any = await self._redis.xrange(keys.lane(lane), count=1)
        older = bool(first) and after(position) < after(first[0][0].decode())
        return Gap.TRIMMED if older else Gap.UNKNOWN

    async def page(self, lane: int, position: str) -> list[LaneEntry]:
        """Return up to `page_size` entries from `position` on, the entry there included."""
        with away_is_unavailable():
            page: Any = await self._redis.xrange(keys.lane(lane), position, count=self.page_size)
        return [_entry(entry_id, fields) for entry_id, fields in page]

    async def _append(self, lane: int, event: bytes, data: bytes) -> str:
        with away_is_unavailable():
            # By the server's clock, as everything that is kept for a time.
            seconds, _ = await self._redis.time()
            entry_id: Any = await self._redis.xadd(
                keys.lane(lane),
                {"socket": NOBODY, "event": event, "data": data},
                minid=seconds * 1000 - self._retention_ms,
                approximate=True,
            )
        return str(entry_id.decode())


class LaneReader:
    """Follows a lane over a wire of its own. Raises what redis-py raises."""

    def __init__(self, wire: Wire, lane: int, *, block_ms: int) -> None:
        self._wire = wire
        self._key = keys.lane(lane)
        self._block_ms = block_ms

    async def read(
        self, position: str, *, take: Callable[[list[LaneEntry]], str | None]
    ) -> list[LaneEntry]:
        """Have `take` called with the entries after `position`, as they come, up to `LIVE_PAGE`.

        It returns the position from which to read on. With None they are returned here, for who
        cannot take them at once; so are none, when none came for `block_ms`. Raises
        `LaneGapError` if the entry at the position has gone, and what `take` raises.
        """
        page: list[LaneEntry] = []

        def go_on(replies: list[Any]) -> Question | None:
            nonlocal page
            page = _page(*replies)
            position = take(page) if page else None
            return None if position is None else self._after(position)

        await self._wire.ask(self._after(position), go_on)
        return page

    def _after(self, position: str) -> Question:
        return Question.of(
            ("XREAD", "COUNT", LIVE_PAGE, "BLOCK", self._block_ms, "STREAMS", self._key, position),
            # Answered after the read, in the same round trip: see the top of this file.
            ("XRANGE", self._key, position, position, "COUNT", 1),
        )


def _page(reply: Any, still_there: Any) -> list[LaneEntry]:
    for each in (reply, still_there):
        if isinstance(each, ResponseError):
            raise each
    if not still_there:
        raise LaneGapError
    if not reply:
        return []
    ((_, entries),) = reply
    return [_entry_of(entry_id, fields) for entry_id, fields in entries]


def _entry_of(entry_id: bytes, fields: list[bytes]) -> LaneEntry:
    """Return the entry whose names and values follow each other in `fields`."""
    if fields[:5:2] == _ORDER:  # as we write them
        return LaneEntry(entry_id.decode(), fields[1], fields[3], fields[5])
    return _entry(entry_id, dict(zip(fields[::2], fields[1::2], strict=True)))


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> LaneEntry:
    return LaneEntry(
        entry_id.decode(),
        fields.get(b"socket", NOBODY),
        fields.get(b"event", b""),
        fields.get(b"data", b"null"),
    )
