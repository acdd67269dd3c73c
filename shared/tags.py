"""The tags: one id for a tag's names in all languages, and each owner's index of them."""

from __future__ import annotations

import heapq
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from shared import keys, messages
from shared.names import cleaned, folded, identity
from shared.record import PhotoTag
from shared.redis import away_is_unavailable, script

MOST_MATCHES: Final = 2_000
"""How many tags may start as a search asks: each has a list of photos of its own to look into."""

INTRODUCED: Final = 50
"""How many pairs of names are made known in one step: the server does nothing else meanwhile."""

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


class Tags:
    """The tags of one shard. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._name = script(redis, "name_tags")
        self._edit = script(redis, "edit_tags")

    async def name(self, tags: Sequence[Mapping[str, str]], *, locale: str) -> list[int]:
        """Return the id of each tag, given by its names by locale.

        In `locale`, where it has a name there, it is what it is called; the name in the other
        language only makes known what was not (see `docs/vocabulary.md`).
        """
        named = [
            [
                [each, identity(names[each], each), cleaned(names[each]), folded(names[each])]
                for each in sorted(names, key=lambda each: (each != locale, each))
            ]
            for names in tags
        ]
        with away_is_unavailable():
            ids: list[int] = await self._name(
                keys=[keys.tag_sequence()], args=[keys.SHARD, orjson.dumps(named)]
            )
        return ids

    async def introduce(self, pairs: Sequence[Mapping[str, str]]) -> None:
        """Make known names that mean the same; each is one tag from then on, or was before."""
        for start in range(0, len(pairs), INTRODUCED):
            await self.name(pairs[start : start + INTRODUCED], locale=messages.LOCALES[0])

    async def edit(self, photo_id: int, names: Sequence[str], *, locale: str) -> bool:
        """Have a photo carry just the tags `names`, by hand; False if there is no such photo."""
        ids = await self.name([{locale: name} for name in names], locale=locale)
        tags: dict[int, PhotoTag] = {}
        for tag_id, name in zip(ids, names, strict=True):
            tag = PhotoTag(id=tag_id, name=cleaned(name), confidence=None, source="user")
            tags.setdefault(tag_id, tag)
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

    async def ids_named(self, owner: str, name: str) -> list[int]:
        """Return the ids of the tags of that name, in any language.

        Those are the tags it stands for, and whatever photos of `owner` carry under it.
        """
        kept, start = cleaned(name), folded(name)
        own = {locale: identity(name, locale) for locale in messages.LOCALES}
        with away_is_unavailable():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for locale in messages.LOCALES:
                    pipeline.hmget(keys.tag_names(locale), [own[locale], kept])
                for each in {start, *own.values()}:
                    first, end = (f"{mark}{each}\0".encode() for mark in "[(")
                    pipeline.zrange(
                        keys.tag_index(owner), first, end + b"\xff", bylex=True, offset=0, num=PAGE
                    )
                known: Any = await pipeline.execute()
        named, carried = known[: len(own)], known[len(own) :]
        ids = {int(tag_id) for column in named for tag_id in column if tag_id is not None}
        return sorted(ids.union(*(map(_id_of, members) for members in carried)))

    async def ids_starting(self, owner: str, start: str) -> list[int]:
        """Return the ids of the tags on photos of `owner` whose names start with `start`.

        Accents and case are ignored. Raises `TooManyMatchesError`.
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
        """Return tags on photos of `owner`, most used first, named in `locale` where they can.

        `prefix`: how their names start; blank: anyhow. Accents and case are ignored.
        """
        key = keys.tag_counts(owner)
        if prefix.strip():
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

    async def favourites(self, owner: str, *, limit: int, locale: str) -> list[str]:
        """Return the names in `locale` of the tags on most photos of `owner`, most used first."""
        with away_is_unavailable():
            ids: Any = await self._redis.zrevrange(keys.tag_counts(owner), 0, limit - 1)
            labels: Any = await self._redis.hmget(keys.tag_labels(locale), ids) if ids else ()
        return [label.decode() for label in labels if label is not None]

    async def _starting(self, owner: str, start: str) -> AsyncIterator[list[int]]:
        """Yield, page by page, the ids of the tags that start so; once for each such name."""
        if not cleaned(start):
            return  # no name does
        # The second is how the version before kept names that have accents.
        for prefix in sorted({folded(start).encode(), cleaned(start).encode()}):
            first = b"[" + prefix
            while True:
                with away_is_unavailable():
                    members: Any = await self._redis.zrange(
                        keys.tag_index(owner),
                        first,
                        b"(" + prefix + b"\xff",
                        bylex=True,
                        offset=0,
                        num=PAGE,
                    )
                if not members:
                    break
                yield [_id_of(member) for member in members]
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


def _id_of(member: bytes) -> int:
    """Return the id in a member of an index of names."""
    return int(member.rpartition(b"\0")[2])
