"""The sweep, over a real folder and a real server: orphans go, and nothing else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from deploy.local.tied import tied
from services.gateway.sweep import sweep
from shared import keys
from shared.blobs import BlobStore, open_store
from shared.blobs.names import original, thumbnail
from shared.photos import Photos
from shared.redis import closing, connect
from tests.support.processes import ROOT, clean_environment
from tests.support.waiting import wait_until

KEPT, GONE = "photo-01AAAAAAKEPT.jpg", "photo-01AAAAAAGONE.heic"
CUT_OFF = "photo-01AAAAAACUT.png"

WRITING = """
import asyncio, sys
from shared.blobs import open_store

async def without_end():
    while True:
        yield bytes(6_000_000)
        await asyncio.sleep(0.2)

asyncio.run(open_store(sys.argv[1]).put(sys.argv[2], without_end()))
"""


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return open_store(tmp_path.as_uri())


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with closing(connect(redis_url)) as client:
        yield client


async def filled(store: BlobStore) -> list[str]:
    """Store original and thumbnails of two photos; returns the names of the one that is kept."""
    for filename in (KEPT, GONE):
        await store.put(original(filename), b"original")
        await store.put(thumbnail(filename, 64, "webp"), b"small")
        await store.put(thumbnail(filename, 320, "jpg"), b"larger")
    return sorted([original(KEPT), thumbnail(KEPT, 64, "webp"), thumbnail(KEPT, 320, "jpg")])


async def names(store: BlobStore) -> list[str]:
    return sorted(
        [blob.name for folder in ("originals", "thumbs") async for blob in store.list(folder)]
    )


async def test_what_no_record_names_goes_with_its_thumbnails(
    store: BlobStore, client: Redis
) -> None:
    kept = await filled(store)
    await client.hset(keys.files(), KEPT, "1")

    removed = await sweep(store, Photos(client, retention_s=60), age=timedelta(0))

    assert removed == 3
    assert await names(store) == kept


async def test_what_is_young_stays_and_without_records_so_does_everything(
    store: BlobStore, client: Redis
) -> None:
    await filled(store)
    photos = Photos(client, retention_s=60)

    without_records = await sweep(store, photos, age=timedelta(0))
    await client.hset(keys.files(), KEPT, "1")
    young = await sweep(store, photos)

    assert (without_records, young) == (0, 0)
    assert len(await names(store)) == 6


async def test_what_a_killed_gateway_had_half_written_goes(
    store: BlobStore, client: Redis, tmp_path: Path
) -> None:
    # Given a process that was killed while it wrote a photo
    await client.hset(keys.files(), KEPT, "1")
    kept = await filled(store)
    command = [sys.executable, "-c", WRITING, tmp_path.as_uri(), original(CUT_OFF)]
    dying = await asyncio.create_subprocess_exec(*tied(command), cwd=ROOT, env=clean_environment())
    await wait_until(lambda: list(tmp_path.rglob(f"{CUT_OFF}#*")), timeout_s=30)
    dying.kill()
    await dying.wait()
    assert original(CUT_OFF) not in await names(store)

    # If the gateway sweeps, I expect it to leave a write that may go on, and to remove others
    await sweep(store, Photos(client, retention_s=60))
    assert list(tmp_path.rglob("*#*"))
    await sweep(store, Photos(client, retention_s=60), age=timedelta(0))
    assert list(tmp_path.rglob("*#*")) == []
    assert await names(store) == kept
