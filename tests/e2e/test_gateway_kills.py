"""SIGKILL of the gateway at random moments: a photo and its queue entry come together."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import aiohttp
import orjson
import redis

from shared import keys
from tests.support.clients import PHOTOS, upload
from tests.support.processes import ServiceProcess

KILLS = int(os.environ.get("TAGLINE_TEST_KILLS", "10"))
"""`make chaos` sets more."""

QUEUE = "{tagline:0}:queue:tagging:normal"


async def test_no_photo_without_a_queue_entry_and_no_entry_without_a_photo(
    redis_url: str, tmp_path: Path
) -> None:
    blobs = tmp_path / "blobs"
    environment = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": blobs.as_uri()}
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # to repeat a failure
    chance = random.Random(seed)
    accepted: list[int] = []

    async def try_upload(url: str) -> None:
        try:
            status, answer = await upload(url, PHOTOS / "cat.jpg")
        except aiohttp.ClientError:
            return
        if status == 202:
            accepted.append(answer["id"])

    with ServiceProcess("gateway", environment) as gateway:
        for _ in range(KILLS):
            gateway.wait_ready()
            uploads = [asyncio.create_task(try_upload(gateway.url)) for _ in range(4)]
            # The moment of death is what varies: from before the first byte to after the answer.
            await asyncio.sleep(chance.uniform(0, 0.02))
            gateway.kill()
            await asyncio.gather(*uploads)
            gateway.start()

    with redis.Redis.from_url(redis_url) as database:
        entries = [orjson.loads(fields[b"m"]) for _, fields in database.xrange(QUEUE)]
        queued = [entry["kwargs"]["photo_id"] for entry in entries]
        records = {int(photo_id) for photo_id in database.zrange(keys.photos(""), 0, -1)}
        jobs = {
            photo_id: database.hget(keys.photo(photo_id), "job_id").decode() for photo_id in records
        }
        filenames = {name.decode() for name in database.hkeys(keys.files())}

    assert len(queued) == len(set(queued))
    assert set(queued) == records
    assert {entry["kwargs"]["photo_id"]: entry["kwargs"]["job_id"] for entry in entries} == jobs
    assert set(accepted) <= records
    files = {path.name for path in blobs.rglob("photo-*") if path.is_file()}
    assert filenames <= files
