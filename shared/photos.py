"""The photos in Redis, and every move of theirs: each is one script, done wholly or not at all.

    submit → queued → claim → processing → step … → finish → complete | error
                                         → retry  → queued

`attempt`, given out by claim, is the fencing token: whoever comes with an older one,
because another worker has claimed the photo since, changes nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from shared import keys
from shared.broker import MESSAGE, DeadLetter, DelayedEntry, Entry, Receipt
from shared.commands import PHOTO_ID_PLACEHOLDER
from shared.events import Event
from shared.record import Record
from shared.redis import away_is_unavailable, script

IDEMPOTENCY_KEPT_MS: Final = 24 * 3600 * 1000
"""How long the answer to an `Idempotency-Key` is kept."""

ANSWER_KEPT_MS: Final = 60 * 1000
"""How long an answer is kept that only a lost reply would ask for again."""

WATCHED_KEPT_MS: Final = 24 * 3600 * 1000
"""How long it is known which photos a socket watches, from the last one on."""

MAX_WATCHERS: Final = 64
"""How many sockets may watch one photo."""


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo to be accepted: the fields of its record, and its queue entry."""

    fields: Mapping[str, str]
    entry: Entry


@dataclass(frozen=True, slots=True)
class Accepted:
    """A photo that was accepted."""

    id: int
    filename: str
    job_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What submit did. `new` is false where the idempotency key was known already."""

    photos: tuple[Accepted, ...]
    digest: str
    new: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a photo ends: the changed fields, `status` among them, and its last events."""

    fields: Mapping[str, str]
    tag_ids: Sequence[int]
    events: Sequence[Event]
    letter: DeadLetter | None = None


class Claim(enum.Enum):
    """Why a worker may not start on a photo."""

    OVER = enum.auto()
    """There is nothing left to do; the queue entry is acknowledged."""

    LOST = enum.auto()
    """Another worker holds the queue entry by now."""


class Watch(enum.Enum):
    """What became of the wish to watch a photo."""

    MISSING = 0
    WATCHING = 1
    TOO_MANY = -1


class Photos:
    """The photos of one shard. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis, *, retention_s: int) -> None:
        self._redis = redis
        self._retention_ms = retention_s * 1000
        self._submit = script(redis, "submit")
        self._claim = script(redis, "claim")
        self._step = script(redis, "step")
        self._finish = script(redis, "finish")
        self._retry = script(redis, "retry")
        self._watch = script(redis, "watch")
        self._name_tags = script(redis, "name_tags")

    # By the gateway

    async def submit(
        self,
        photos: Sequence[NewPhoto],
        *,
        owner: str,
        socket_id: str | None,
        request_id: str,
        digest: str,
        kept_ms: int,
    ) -> Answer:
        """Accept `photos`, all of one priority, or say what `request_id` was answered before.

        `digest` stands for the request's content; the answer's is that of the first request.
        """
        args: list[str | bytes] = []
        for photo in photos:
            record = orjson.dumps({**photo.fields, "owner": owner})
            args += [record, photo.entry.fields[MESSAGE]]
        with away_is_unavailable():
            first_digest, accepted, new = await self._submit(
                keys=[
                    keys.answer(owner, request_id),
                    keys.photo_sequence(),
                    keys.photos(owner),
                    keys.unfinished(),
                    keys.files(),
                    photos[0].entry.stream,
                    keys.watched(socket_id or ""),
                ],
                args=[
                    keys.SHARD,
                    digest,
                    kept_ms,
                    socket_id or "",
                    WATCHED_KEPT_MS,
                    PHOTO_ID_PLACEHOLDER,
                    MESSAGE,
                    *args,
                ],
            )
        return Answer(
            photos=tuple(Accepted(*photo) for photo in orjson.loads(accepted)),
            digest=first_digest.decode(),
            new=bool(new),
        )

    async def get(self, photo_id: int) -> Record | None:
        """Return a photo's record, None if there is none."""
        with away_is_unavailable():
            raw: Any = await self._redis.hgetall(keys.photo(photo_id))
        return Record.of(raw) if raw else None

    async def get_many(self, photo_ids: Sequence[int]) -> list[Record]:
        """Return the records of those of `photo_ids` that exist, in that order."""
        with away_is_unavailable():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for photo_id in photo_ids:
                    pipeline.hgetall(keys.photo(photo_id))
                found = await pipeline.execute()
        return [Record.of(raw) for raw in found if raw]

    async def newest(self, owner: str, *, before: int | None, limit: int) -> list[Record]:
        """Return `limit` photos of `owner` at most, newest first, with ids below `before`."""
        start = "+inf" if before is None else f"({before}"
        with away_is_unavailable():
            ids: Any = await self._redis.zrange(
                keys.photos(owner), start, "-inf", desc=True, byscore=True, offset=0, num=limit
            )
        return await self.get_many([int(photo_id) for photo_id in ids])

    async def watch(self, photo_id: int, socket_id: str) -> Watch:
        """Send the later events of a photo to `socket_id`, too."""
        with away_is_unavailable():
            done = await self._watch(
                keys=[keys.photo(photo_id), keys.watched(socket_id)],
                args=[socket_id, WATCHED_KEPT_MS, MAX_WATCHERS],
            )
        return Watch(done)

    async def watched_by(self, socket_id: str) -> list[Record]:
        """Return the photos that `socket_id` watches, oldest first."""
        with away_is_unavailable():
            ids = await self._redis.smembers(keys.watched(socket_id))
        return await self.get_many(sorted(int(photo_id) for photo_id in ids))

    async def any(self) -> bool:
        """Say whether there is any photo at all."""
        with away_is_unavailable():
            return bool(await self._redis.exists(keys.files()))

    async def unnamed(self, filenames: Sequence[str]) -> list[str]:
        """Return those of `filenames` that no record names."""
        if not filenames:
            return []
        with away_is_unavailable():
            ids = await self._redis.hmget(keys.files(), list(filenames))
        return [name for name, known in zip(filenames, ids, strict=True) if known is None]

    # By the tagger

    async def claim(self, photo_id: int, job_id: str, receipt: Receipt) -> Record | Claim:
        """Start an attempt: the record returned holds its number, the fencing token."""
        with away_is_unavailable():
            reply = await self._claim(
                keys=[keys.photo(photo_id), receipt.stream],
                args=[job_id, receipt.group, receipt.consumer, receipt.entry_id],
            )
        match reply:
            case [b"started", flat]:
                return Record.of(dict(zip(flat[::2], flat[1::2], strict=True)))
            case [b"over"]:
                return Claim.OVER
            case _:
                return Claim.LOST

    async def step(
        self, photo_id: int, *, attempt: int, stage: str, progress: int, event: Event
    ) -> bool:
        """Note how far an attempt is and tell the watchers; False if it is no longer its turn."""
        with away_is_unavailable():
            done = await self._step(
                keys=[keys.photo(photo_id)],
                args=[
                    keys.SHARD,
                    attempt,
                    stage,
                    progress,
                    self._retention_ms,
                    event.name,
                    event.data(),
                ],
            )
        return bool(done)

    async def name_tags(self, tags: Sequence[Mapping[str, str]]) -> tuple[int, list[int]]:
        """Return the server's time, ms, and the id of each tag, given by its names by locale."""
        with away_is_unavailable():
            now_ms, ids = await self._name_tags(
                keys=[keys.tag_sequence()],
                args=[keys.SHARD, orjson.dumps([dict(names) for names in tags])],
            )
        return now_ms, ids

    async def finish(
        self, photo_id: int, *, attempt: int, receipt: Receipt, ending: Ending
    ) -> bool:
        """End a photo and acknowledge its queue entry; False if it is no longer its turn."""
        letter = ending.letter
        letter_fields: list[Any] = []
        if letter is not None:
            letter_fields = [part for pair in letter.fields.items() for part in pair]
        with away_is_unavailable():
            done = await self._finish(
                keys=[
                    keys.photo(photo_id),
                    receipt.stream,
                    keys.unfinished(),
                    keys.tag_counts(),
                    letter.stream if letter else receipt.stream,
                ],
                args=[
                    keys.SHARD,
                    attempt,
                    self._retention_ms,
                    receipt.group,
                    receipt.entry_id,
                    orjson.dumps(dict(ending.fields)),
                    orjson.dumps(list(ending.tag_ids)),
                    orjson.dumps([[event.name, event.data()] for event in ending.events]),
                    *letter_fields,
                ],
            )
        return bool(done)

    async def retry(
        self,
        photo_id: int,
        *,
        attempt: int,
        receipt: Receipt,
        delayed: DelayedEntry,
        delay_ms: int,
        counts: bool,
        event: Event,
    ) -> bool:
        """End an attempt that is to be repeated; False if it is no longer its turn.

        `counts`: whether the failure counts against the limit of tries.
        """
        with away_is_unavailable():
            done = await self._retry(
                keys=[keys.photo(photo_id), receipt.stream, delayed.delayed, delayed.wake],
                args=[
                    keys.SHARD,
                    attempt,
                    self._retention_ms,
                    receipt.group,
                    receipt.entry_id,
                    delayed.member,
                    delay_ms,
                    int(counts),
                    event.name,
                    event.data(),
                ],
            )
        return bool(done)
