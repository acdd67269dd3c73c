"""How long it takes to find the photos that look like one, among very many of one owner.

`python -m tests.bench similar`. The hashes are by chance, as those of strangers are; near one of
a hundred lies a copy of it.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from typing import Any, Final

import redis

from shared.record import Record
from shared.redis import closing, connect
from shared.similar import Similar
from tests.bench.figures import Case, Figure, Sizes
from tests.support.likeness import changed, fill
from tests.support.redis_server import temporary_server

ASKED: Final = 100
DISTANCES: Final = (4, 8, 10)
COPY_DIFFERS_IN: Final = 4


def measure(sizes: Sizes) -> list[Figure]:
    chance = random.Random(1)
    count = sizes.listed
    hashes = {i: f"{chance.getrandbits(64):016x}" for i in range(1, count + 1)}
    for copy in range(100, count + 1, 100):
        hashes[copy] = changed(hashes[copy - 1], *chance.sample(range(64), COPY_DIFFERS_IN))
    with temporary_server() as server:
        with redis.Redis.from_url(server.url) as client:
            fill(client, "", hashes)
        return asyncio.run(_measure(server.url, hashes))


async def _measure(url: str, hashes: dict[int, str]) -> list[Figure]:
    figures, found, copies = [], 0, range(100, len(hashes) + 1, 100)[:ASKED]
    async with closing(connect(url)) as client:
        similar = Similar(client)
        for distance in DISTANCES:
            took_ms = []
            for copy in copies:
                fields: dict[str, Any] = {"id": str(copy), "owner": "", "phash": hashes[copy]}
                started = time.perf_counter()
                near = await similar.to(Record(fields), distance=distance, limit=20)
                took_ms.append((time.perf_counter() - started) * 1000)
                found += copy - 1 in [each.photo_id for each in near.items]
            figures.append(Figure(f"within {distance} bits, p50", "ms", statistics.median(took_ms)))
    there = len(copies) * len(DISTANCES)
    share = 100 * found / there
    return [*figures, Figure("copies found", "%", share, more=True, goal="all", met=found == there)]


CASE = Case("similar", "Photos that look like one", "", measure)
