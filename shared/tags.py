"""The tags: one id for a tag's names in all languages, and each owner's index of them."""

from __future__ import annotations

import heapq
import unicodedata
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from shared import keys, messages
from shared.plain import plain
from shared.record import PhotoTag
from shared.redis import away_is_unavailable, script

NAME_CHARS: Final = 64
_SIGNS: Final = "-'\u2019&./+#"
MOST_MATCHES: Final = 2_000
"""How many tags may start as a search asks: each has a list of photos of its own to look into."""

PAGE: Final = 1_000
"""How many names one read of an index takes at most."""


class TooManyMatchesError(Exception):
    """More than `MOST_MATCHES` tags start so."""


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag and how many of an owner's photos carry it."""

    id: int
    name: str
    count: int


def cleaned(name: str) -> str:
    """Return a tag's name as it is kept: lower case, of letters, digits and a few signs.

    Empty if no letter and no digit is left. Tags are shown in many places, not all of them ours:
    no name can be markup, turn the text around it, or look like another while it is not.
    """
    text = unicodedata.normalize("NFKC", plain(name, chars=8 * NAME_CHARS)).lower()
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" or c in _SIGNS else " " for c in text)
    kept = " ".join(kept.split())[:NAME_CHARS].strip()
    return kept if any(c.isalnum() for c in kept) else ""


class Tags:
    """The tags of one shard. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._name = script(redis, "name_tags")
        self._edit = script(redis, "edit_tags")

    async def name(self, tags: Sequence[Mapping[str, str]]) -> tuple[int, list[int]]:
        """Return the server's time, ms, and the id of each tag, given by its names by locale."""
        with away_is_unavailable():
            now_ms, ids = await self._name(
                keys=[keys.tag_sequence()],
                args=[keys.SHARD, orjson.dumps([dict(names) for names in tags])],
            )
        return now_ms, ids

    async def edit(self, photo_id: int, names: Sequence[str], *, locale: str) -> bool:
        """Have a photo carry just the tags `names`, by hand; False if there is no such photo."""
        _, ids = await self.name([{locale: name} for name in names])
        tags = {
            tag_id: PhotoTag(id=tag_id, name=name, confidence=None, source="user")
            for tag_id, name in zip(ids, names, strict=True)
        }
        with away_is_unavailable():
            done = await self._edit(
                keys=[keys.photo(photo_id)],
                args=[
                    keys.SHARD,
                    orjson.dumps([tag.model_dump() for tag in tags.values()]),
                    orjson.dumps(list(tags)),
                    uuid.uuid4().hex,
                ],
            )
        return bool(done)

    async def ids_named(self, name: str) -> list[int]:
        """Return the ids of the tags of that name, in any language."""
        with away_is_unavailable():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for locale in messages.LOCALES:
                    pipeline.hget(keys.tag_names(locale), cleaned(name))
                found = await pipeline.execute()
        return sorted({int(tag_id) for tag_id in found if tag_id is not None})

    async def ids_starting(self, owner: str, start: str) -> list[int]:
        """Return the ids of the tags on photos of `owner` whose names start with `start`.

        Raises `TooManyMatchesError`.
        """
        found: set[int] = set()
        async for ids in self._starting(owner, start):
            found.update(ids)
            if len(found) > MOST_MATCHES:
                raise TooManyMatchesError
        return sorted(found)

    async def most_used(
        self, owner: str, *, prefix: str, limit: int, locale: str
    ) -> list[TagCount]:
        """Return tags on photos of `owner`, most used first, named in `locale` where they can."""
        key = keys.tag_counts(owner)
        if prefix:
            counts: dict[int, int] = {}
            async for ids in self._starting(owner, prefix):
                with away_is_unavailable():
                    scores: Any = await self._redis.zmscore(key, [str(i) for i in ids])
                counts.update({i: int(s) for i, s in zip(ids, scores, strict=True) if s})
            counted = heapq.nsmallest(limit, counts.items(), key=lambda each: (-each[1], each[0]))
        else:
            with away_is_unavailable():
                found: Any = await self._redis.zrevrange(key, 0, limit - 1, withscores=True)
            counted = [(int(tag_id), int(score)) for tag_id, score in found]
        names = await self._names([tag_id for tag_id, _ in counted], locale)
        return [TagCount(tag_id, names[tag_id], count) for tag_id, count in counted]

    async def _starting(self, owner: str, start: str) -> AsyncIterator[list[int]]:
        """Yield, page by page, the ids of the tags that start so; once for each such name."""
        key, prefix = keys.tag_index(owner), cleaned(start).encode()
        first = b"[" + prefix
        while True:
            with away_is_unavailable():
                members: Any = await self._redis.zrange(
                    key, first, b"(" + prefix + b"\xff", bylex=True, offset=0, num=PAGE
                )
            if not members:
                return
            yield [int(member.rpartition(b"\0")[2]) for member in members]
            first = b"(" + members[-1]

    async def _names(self, ids: Sequence[int], locale: str) -> dict[int, str]:
        if not ids:
            return {}
        with away_is_unavailable():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for each in (locale, *messages.LOCALES):
                    pipeline.hmget(keys.tag_labels(each), [str(tag_id) for tag_id in ids])
                labels = await pipeline.execute()
        return {
            tag_id: next(label.decode() for label in column if label is not None)
            for tag_id, *column in zip(ids, *labels, strict=True)
        }
