"""The batches: photos that came in one request, and how many of them have ended how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from shared import keys
from shared.redis import away_is_unavailable


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch. `photo_ids` holds removed ones, too."""

    id: str
    owner: str
    total: int
    complete: int
    failed: int
    cancelled: int
    photo_ids: Sequence[int]


class Batches:
    """The batches of one shard. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, batch_id: str) -> Batch | None:
        """Return a batch, None if there is none (any more)."""
        with away_is_unavailable():
            raw: Any = await self._redis.hgetall(keys.batch(batch_id))
        if not raw:
            return None
        fields = {name.decode(): value.decode() for name, value in raw.items()}
        return Batch(
            id=fields["id"],
            owner=fields["owner"],
            total=int(fields["total"]),
            complete=int(fields["complete"]),
            failed=int(fields["failed"]),
            cancelled=int(fields["cancelled"]),
            photo_ids=[int(photo_id) for photo_id in fields["photos"].split()],
        )
