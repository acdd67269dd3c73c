"""Photos of which nothing is known but what they look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared import keys

AT_A_TIME = 5_000


def changed(phash: str, *bits: int) -> str:
    """Return a hash with these bits the other way round."""
    return f"{int(phash, 16) ^ sum(1 << bit for bit in bits):016x}"


def fill(client: Any, owner: str, hashes: Mapping[int, str]) -> None:
    """Write photos by their ids, as the scripts leave them: hash and index."""
    waiting = list(hashes.items())
    for start in range(0, len(waiting), AT_A_TIME):
        with client.pipeline(transaction=False) as pipeline:
            for photo_id, phash in waiting[start : start + AT_A_TIME]:
                pipeline.hset(keys.photo(photo_id), "phash", phash)
                for quarter in range(4):
                    part = f"{quarter}{phash[4 * quarter : 4 * quarter + 4]}"
                    pipeline.sadd(keys.similar(owner, part), photo_id)
            pipeline.execute()
