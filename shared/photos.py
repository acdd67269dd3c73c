"""The photos in Redis, as the gateway knows them: accepted, found, watched, tagged again, removed.

    submit → queued → claim → processing → step … → finish → complete | error
                   ↘                    ↘ retry → queued
                    cancel → cancelled

Every move is one script, done wholly or not at all; those of the tagger are in `attempts.py`,
those of a job in `jobs.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from shared import keys, messages
from shared.broker import GROUP, MESSAGE, Entry
from shared.commands import PHOTO_ID_PLACEHOLDER, TAGGING, tag_photo_entry
from shared.events import PhotoCancelled
from shared.pages import Page, Pages
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

MOST_WATCHED: Final = 500
"""Of how many photos, the newest, it is known that a socket watches them."""


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
    """What submit did. `new`: whether it is about the photos that this request has brought.

    `locale`: the language of the first request; `` where it is not known any more.
    """

    photos: tuple[Accepted, ...]
    batch_id: str | None
    digest: str
    locale: str
    new: bool


class Watch(enum.Enum):
    """What became of the wish to watch a photo."""

    MISSING = 0
    WATCHING = 1
    TOO_MANY = -1


class Retag(enum.Enum):
    """What became of the wish to have a photo analysed again."""

    IN_WORK = 0
    ACCEPTED = 1
    MISSING = -1
    TOO_MANY = -2


class Photos:
    """The photos of one shard. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis, *, retention_s: int) -> None:
        self._redis = redis
        self._retention_ms = retention_s * 1000
        self._pages = Pages(redis)
        self._submit = script(redis, "submit")
        self._watch = script(redis, "watch")
        self._retag = script(redis, "retag")
        self._delete = script(redis, "delete")

    async def submit(
        self,
        photos: Sequence[NewPhoto],
        *,
        owner: str,
        socket_id: str | None,
        request_id: str,
        digest: str,
        kept_ms: int,
        batch_id: str | None = None,
        traceparent: str = "",
    ) -> Answer:
        """Accept `photos`, all of one priority, or say what `request_id` was answered before.

        `digest` stands for the request's content; the answer's is that of the first request.
        `traceparent`: what their messages carry.
        """
        args: list[str | bytes] = []
        for photo in photos:
            record = orjson.dumps({**photo.fields, "owner": owner})
            args += [record, photo.entry.fields[MESSAGE]]
        with away_is_unavailable():
            first_digest, accepted, batch, locale = await self._submit(
                keys=[
                    keys.answer(owner, request_id),
                    keys.photo_sequence(),
                    keys.photos(owner),
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
                    MOST_WATCHED,
                    PHOTO_ID_PLACEHOLDER,
                    MESSAGE,
                    batch_id or "",
                    traceparent,
                    *args,
                ],
            )
        found = tuple(Accepted(*photo) for photo in orjson.loads(accepted))
        # The script cannot tell: it may have been sent again because its reply was lost.
        ours = {photo.fields["filename"] for photo in photos}
        return Answer(
            photos=found,
            batch_id=batch.decode() or None,
            digest=first_digest.decode(),
            locale=locale.decode(),
            new=ours == {photo.filename for photo in found},
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

    async def page(
        self,
        owner: str,
        *,
        before: str,
        limit: int,
        status: str | None = None,
        tags: Sequence[Sequence[int]] = (),
    ) -> Page[Record]:
        """Return photos of `owner`, newest first, with ids below `before` (`` for the first page).

        `tags`: groups of tag ids; a photo has at least one tag of every group.
        """
        source = keys.status(owner, status) if status else keys.photos(owner)
        page = await self._pages.get([source], before=before, limit=limit, owner=owner, tags=tags)
        records = await self.get_many([int(photo_id) for photo_id in page.items])
        return Page(records, page.next)

    async def watch(self, photo_id: int, socket_id: str) -> Watch:
        """Send the later events of a photo, and of its batch, to `socket_id`, too."""
        with away_is_unavailable():
            done = await self._watch(
                keys=[keys.photo(photo_id)],
                args=[keys.SHARD, socket_id, WATCHED_KEPT_MS, MAX_WATCHERS, MOST_WATCHED],
            )
        return Watch(done)

    async def watched_by(self, socket_id: str) -> list[Record]:
        """Return the photos that `socket_id` watches, the newest `MOST_WATCHED`, oldest first."""
        with away_is_unavailable():
            ids: Any = await self._redis.zrange(keys.watched(socket_id), 0, -1)
        return await self.get_many([int(photo_id) for photo_id in ids])

    async def retag(
        self,
        photo_id: int,
        *,
        job_id: str,
        priority: str,
        fresh: bool,
        socket_id: str | None,
        traceparent: str = "",
    ) -> Retag:
        """Have a photo that has ended analysed again, by the new job `job_id`.

        `fresh`: whether the answer may not come from the cache.
        """
        entry = tag_photo_entry(job_id, priority, photo_id, traceparent=traceparent)
        with away_is_unavailable():
            done = await self._retag(
                keys=[keys.photo(photo_id), entry.stream, TAGGING.dead],
                args=[
                    keys.SHARD,
                    job_id,
                    priority,
                    int(fresh),
                    socket_id or "",
                    WATCHED_KEPT_MS,
                    MAX_WATCHERS,
                    MOST_WATCHED,
                    MESSAGE,
                    entry.fields[MESSAGE],
                    traceparent,
                ],
            )
        return Retag(done)

    async def delete(self, record: Record) -> None:
        """Remove a photo's record, job and references; one in work is cancelled first."""
        event = cancelled(record)
        with away_is_unavailable():
            await self._delete(
                keys=[
                    keys.photo(record.id),
                    keys.photos(record.owner),
                    keys.files(),
                    TAGGING.delayed,
                    TAGGING.dead,
                ],
                args=[keys.SHARD, self._retention_ms, GROUP, event.name, event.data()],
            )

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


def cancelled(record: Record) -> PhotoCancelled:
    """Return the last event of a photo that is cancelled now."""
    return PhotoCancelled(
        photo_id=record.id,
        message=messages.text("cancelled", record.locale),
        batch_id=record.batch_id,
    )
