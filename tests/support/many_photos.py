"""Tens of thousands of photos in seconds: copies of the records of a few, with their files."""

from __future__ import annotations

import json
from typing import Any, Final

import redis

from shared import keys

AT_A_TIME: Final = 1_000


def copy_photos(redis_url: str, count: int) -> None:
    """Add `count` photos, newest last, by copying those there are in turns.

    A copy has a record and is in the lists; its files are those of its original.
    """
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        ids = client.zrange(keys.photos(""), 0, -1)
        originals = [client.hgetall(keys.photo(int(photo_id))) for photo_id in ids]
        last = client.incrby(keys.photo_sequence(), count)
        for start in range(last - count + 1, last + 1, AT_A_TIME):
            new_ids = range(start, min(start + AT_A_TIME, last + 1))
            with client.pipeline(transaction=False) as pipeline:
                for photo_id in new_ids:
                    _copy(pipeline, originals[photo_id % len(originals)], photo_id)
                pipeline.execute()


def _copy(pipeline: redis.client.Pipeline, original: dict[str, str], photo_id: int) -> None:
    place = {str(photo_id): photo_id}
    fields: dict[Any, Any] = {**original, "id": photo_id, "original_name": f"{photo_id}.jpg"}
    pipeline.hset(keys.photo(photo_id), mapping=fields)
    pipeline.zadd(keys.photos(""), place)
    pipeline.zadd(keys.status("", original["status"]), place)
    for tag_id in json.loads(original.get("tag_ids", "[]")):
        pipeline.zadd(keys.tag_photos("", tag_id), place)
        pipeline.zincrby(keys.tag_counts(""), 1, tag_id)
