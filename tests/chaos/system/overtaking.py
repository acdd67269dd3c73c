"""Has a tagger stand still in the middle of an attempt until another one is at the same photo.

The moment at which a void attempt goes on to write: only the fencing token holds it back.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import redis.exceptions
from redis.asyncio import Redis

from shared import keys
from tests.chaos.system.recovery import held_by
from tests.chaos.system.slots import Slot

STANDING: Final = ("before_finish", "before_step", "after_naming_tags")
LOOK_EVERY_S: Final = 0.004
BEYOND_LEASE_S: Final = 6.0


async def overtake(
    client: Redis, slot: Slot, point: str, *, lease_s: float, within_s: float
) -> bool:
    """Have a tagger stand at `point` until what it works on is begun by another.

    False if it did not come by, or nobody began it: then it goes on after its lease.
    """
    pid = await slot.stand_at(point, within_s=within_s)
    if pid is None:
        return False
    begun = False
    try:
        before = await _attempts(client, await held_by(client, pid))
        deadline = time.monotonic() + lease_s + BEYOND_LEASE_S
        while before and not begun and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_EVERY_S)
            now = await _attempts(client, list(before))
            begun = any(now[job] > before[job] > 0 for job in before)
    except redis.exceptions.RedisError:
        await asyncio.sleep(lease_s)  # the server is away, and with it what we wait for
    finally:
        slot.go_on(pid)
    return begun


async def _attempts(client: Redis, jobs: list[str]) -> dict[str, int]:
    async with client.pipeline(transaction=False) as pipeline:
        for job_id in jobs:
            pipeline.hget(keys.job(job_id), "attempt")
        found: list[Any] = await pipeline.execute()
    return {job_id: int(attempt or 0) for job_id, attempt in zip(jobs, found, strict=True)}
