"""Lists that are read page by page, and stay stable while things come and go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import orjson
from redis.asyncio import Redis

from shared import keys
from shared.redis import away_is_unavailable, script

MOST_LOOKED_AT: Final = 5_000
"""How many members one page looks at; where few fit the filters, it comes short of its limit."""

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

    async def get(self, groups: Sequence[Sequence[str]], *, before: str, limit: int) -> Page[str]:
        """Return members that stand in at least one key of every group, highest score first.

        `before`: the `next` of the page before, `` for the first.
        """
        with away_is_unavailable():
            members, following = await self._list(
                keys=[], args=[orjson.dumps(groups), before, limit, MOST_LOOKED_AT, keys.SHARD]
            )
        return Page([member.decode() for member in members], following.decode())
