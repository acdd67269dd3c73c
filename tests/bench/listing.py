"""How long a page of photos takes, near the start of the list and at its far end.

`python -m tests.bench.listing` lists 200 000 photos page by page. They are written by pipelines,
as the scripts leave them: record, index by owner, by status and by tag.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import redis

from shared import keys
from shared.pages import Page
from shared.photos import Photos
from shared.record import Record
from shared.redis import closing, connect
from tests.bench.figures import Case, Figure, Sizes, table
from tests.support.redis_server import temporary_server

LIMIT: Final = 50
REPEATS: Final = 7
SAMPLED: Final = 40
"""How many pages, evenly over the list, are measured again: their median tells."""

MOST_TIMES: Final = 1.5
BATCH: Final = 2_000

COMMON_TAG, RARE_TAG = 1, 2
TAGS: Final = {COMMON_TAG: 2, RARE_TAG: 1_000}
"""One photo of how many has which tag."""

Pager = Callable[[str], Coroutine[Any, Any, Page[Record]]]


def measure(sizes: Sizes) -> list[Figure]:
    with temporary_server() as server:
        with redis.Redis.from_url(server.url) as client:
            fill(client, sizes.listed)
        return asyncio.run(_measure(server.url, sizes.listed))


def fill(client: Any, count: int) -> None:
    """Write `count` photos that are complete."""
    for first in range(1, count + 1, BATCH):
        ids = range(first, min(first + BATCH, count + 1))
        with client.pipeline(transaction=False) as pipeline:
            for photo_id in ids:
                pipeline.hset(keys.photo(photo_id), mapping=_record(photo_id))
            for key, members in {
                keys.photos(""): ids,
                keys.status("", "complete"): ids,
                **{
                    keys.tag_photos("", tag): [i for i in ids if i % every == 0]
                    for tag, every in TAGS.items()
                },
            }.items():
                if members:
                    pipeline.zadd(key, {str(member): member for member in members})
            pipeline.execute()


async def _measure(url: str, count: int) -> list[Figure]:
    async with closing(connect(url)) as client:
        photos = Photos(client, retention_s=600)

        def pager(**filters: Any) -> Pager:
            return lambda before: photos.page("", before=before, limit=LIMIT, **filters)

        cursors, seen = await _cursors(pager())
        if seen != count:
            raise AssertionError(f"{seen} photos were listed, of {count}")
        sampled = cursors[:: max(1, len(cursors) // SAMPLED)]
        first_ms = await _median_ms(pager(), "")
        slowest_ms = max([await _median_ms(pager(), cursor) for cursor in sampled])
        figures = [
            Figure("the first page", "ms", first_ms),
            Figure(
                f"the slowest of {len(sampled)} pages, {len(cursors)} in all",
                "ms",
                slowest_ms,
                goal=f"at most {MOST_TIMES:g} times the first",
                met=slowest_ms <= MOST_TIMES * first_ms,
            ),
        ]
        for name, filters in _FILTERS.items():
            for where, cursor in (("first", ""), ("far", str(count // 2))):
                took_ms = await _median_ms(pager(**filters), cursor)
                figures.append(Figure(f"{name}, {where} page", "ms", took_ms))
    return figures


_FILTERS: Final[dict[str, dict[str, Any]]] = {
    "of a status": {"status": "complete"},
    "with a common tag": {"tags": [[COMMON_TAG]]},
    "with a rare tag": {"tags": [[RARE_TAG]]},
    "with both tags": {"tags": [[COMMON_TAG], [RARE_TAG]]},
}


async def _cursors(page: Pager) -> tuple[Sequence[str], int]:
    """Return where each page begins, and how many photos they hold together."""
    cursors, seen, before = [], 0, ""
    while True:
        cursors.append(before)
        found = await page(before)
        seen += len(found.items)
        before = found.next
        if not before:
            return cursors, seen


async def _median_ms(page: Pager, before: str) -> float:
    await page(before)
    took_ms = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        await page(before)
        took_ms.append((time.perf_counter() - started) * 1000)
    return statistics.median(took_ms)


def _record(photo_id: int) -> dict[str, str]:
    return {
        "id": str(photo_id),
        "owner": "",
        "filename": f"photo-{photo_id:026}.jpg",
        "original_name": "photo.jpg",
        "content_type": "image/jpeg",
        "size_bytes": "123456",
        "width": "4000",
        "height": "3000",
        "sha256": f"{photo_id:064x}",
        "job_id": f"00000000-0000-4000-8000-{photo_id:012}",
        "locale": "fr",
        "priority": "normal",
        "status": "complete",
        "stage": "done",
        "progress": "100",
        "attempt": "1",
        "tries": "0",
        "edits": "0",
        "watchers": "",
        "tags": '[{"id":1,"name":"chat","confidence":0.9,"source":"ai"}]',
        "tag_ids": json.dumps([tag for tag, every in TAGS.items() if photo_id % every == 0]),
        "created_at_ms": "1764000000000",
        "updated_at_ms": "1764000001000",
    }


CASE = Case("listing", "A page of 50 photos", "", measure)

if __name__ == "__main__":
    print(table(CASE, measure(Sizes())))  # noqa: T201
