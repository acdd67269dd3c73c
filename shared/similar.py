"""Photos that look like another: found by their perceptual hashes, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from redis.asyncio import Redis

from shared import keys
from shared.record import Record
from shared.redis import away_is_unavailable, script

MOST_DISTANCE: Final = 10
"""Bits of 64 that may differ: beyond it, photos are alike by chance."""

MOST_READ: Final = 5_000
"""How many photos are compared with one, about."""

_QUARTERS: Final = 4
_QUARTER_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class Near:
    """A photo, and in how many bits its hash differs."""

    photo_id: int
    distance: int


@dataclass(frozen=True, slots=True)
class Found:
    """Photos that are near, the nearest first. `truncated`: there were too many to compare all."""

    items: tuple[Near, ...]
    truncated: bool


class Similar:
    """The photos of one shard by their likeness. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._find = script(redis, "similar")

    async def to(self, record: Record, *, distance: int, limit: int) -> Found:
        """Return photos of the same owner within `distance` bits, at most `MOST_DISTANCE`.

        Of a photo that has no hash, none.
        """
        if record.phash is None:
            return Found((), truncated=False)
        with away_is_unavailable():
            near, truncated = await self._find(
                keys=[keys.similar(record.owner, part) for part in parts(record.phash, distance)],
                args=[keys.SHARD, record.id, record.phash, distance, limit, MOST_READ],
            )
        return Found(tuple(Near(*each) for each in near), truncated=bool(truncated))


def parts(phash: str, distance: int) -> Iterator[str]:
    """Yield the parts `<quarter><digits>` of which a hash within `distance` has one at least.

    If every quarter differed in more bits than are tried here, all of them together would differ
    in more than `distance`: with 4 q + r bits, the first r + 1 quarters are tried with up to q
    bits changed, the others with one less. Those with the fewest changes come first.
    """
    most, rest = divmod(distance, _QUARTERS)
    for changes in range(most + 1):
        for quarter in range(_QUARTERS if changes < most else rest + 1):
            digits = int(phash[4 * quarter : 4 * quarter + 4], 16)
            for bits in combinations(range(_QUARTER_BITS), changes):
                yield f"{quarter}{digits ^ sum(1 << each for each in bits):04x}"
