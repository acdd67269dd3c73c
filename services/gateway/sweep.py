"""Removes blobs that no record names: what a crash between blob and record leaves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from redis.asyncio import Redis

from services.gateway.metrics import SWEPT
from shared import keys
from shared.blobs import Blob, BlobStore
from shared.blobs.names import ORIGINALS, THUMBNAILS, filename_in
from shared.errors import UnavailableError
from shared.photos import Photos
from shared.redis import away_is_unavailable

EVERY_S: Final = 3600
ORPHAN_AGE: Final = timedelta(hours=1)
"""A blob without a record may belong to an upload under way; after so long it does not."""

BATCH: Final = 500

logger = structlog.stdlib.get_logger()


async def sweep(blobs: BlobStore, photos: Photos, *, age: timedelta = ORPHAN_AGE) -> int:
    """Remove the blobs older than `age` that no record names or that are not whole; how many.

    Without any record nothing is removed: the database was lost, and the photos must not be.
    """
    if not await photos.any():
        return 0
    oldest = datetime.now(UTC) - age
    batch: list[Blob] = []
    removed = 0
    for folder in (ORIGINALS, THUMBNAILS):
        unfinished = await blobs.remove_unfinished(folder, before=oldest)
        SWEPT.inc(unfinished)
        removed += unfinished
        async for blob in blobs.list(folder):
            if blob.modified < oldest:
                batch.append(blob)
            if len(batch) == BATCH:
                removed += await _remove_unnamed(blobs, photos, batch)
                batch.clear()
    return removed + await _remove_unnamed(blobs, photos, batch)


async def _remove_unnamed(blobs: BlobStore, photos: Photos, batch: list[Blob]) -> int:
    filenames = {blob.name: filename_in(blob.name) for blob in batch}
    unnamed = set(await photos.unnamed(list(set(filenames.values()))))
    orphans = [name for name, filename in filenames.items() if filename in unnamed]
    await blobs.delete(orphans)
    SWEPT.inc(len(orphans))
    return len(orphans)


async def sweep_forever(redis: Redis, blobs: BlobStore, photos: Photos) -> None:
    """Sweep once an hour, in one of all gateways."""
    while True:
        try:
            with away_is_unavailable():
                ours = await redis.set(keys.sweep_lock(), "1", nx=True, ex=EVERY_S)
            if ours:
                removed = await sweep(blobs, photos)
                logger.info("blobs_swept", removed=removed)
        except UnavailableError as error:
            logger.warning("sweep_put_off", why=str(error))
        await asyncio.sleep(EVERY_S / 2)
