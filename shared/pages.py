"""Lists that are read page by page, and stay stable while things come and go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import orjson
from redis.asyncio import Redis

from shared import keys
from shared.redis import away_is_unavailable, script

MOST_COMMANDS: Final = 5_000
"""How many commands one page costs the server, about; where few members fit, it comes short of
its limit."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page, and where the next begins; `` where there is none."""

    items: Sequence[T]
    next: str


class Pages:
    """Pages of members of sorted sets. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._list = script(redis, "list")

    async def get(
        self,
        sources: Sequence[str],
        *,
        before: str,
        limit: int,
        owner: str = "",
        tags: Sequence[Sequence[int]] = (),
    ) -> Page[str]:
        """Return members that stand in at least one of the keys `sources`, highest score first.

        `before`: the `next` of the page before, `` for the first. `tags`: groups of tag ids;
        the members are photos of `owner`, and carry at least one tag of every group.
        """
        with away_is_unavailable():
            members, following = await self._list(
                keys=sources,
                args=[keys.SHARD, owner, orjson.dumps(tags), before, limit, MOST_COMMANDS],
            )
        return Page([member.decode() for member in members], following.decode())
