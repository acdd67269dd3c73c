"""What a run leaves behind in Redis and in the blob store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import redis

from services.gateway.sweep import sweep
from shared import keys
from shared.blobs import open_store
from shared.blobs.names import ORIGINALS, THUMBNAILS, filename_in
from shared.broker.keys import GROUP
from shared.commands import TAGGING
from shared.photos import Photos
from shared.redis import closing, connect
from tests.chaos.system.history import Fields, Letter, Told
from tests.support import invariants

HELD: Final = "recognizing:*"
"""Keys that are there only while something is under way."""

LEASES: Final = ("gate:*:calls", "gate:*:heard", "spending")
"""Sorted sets of what is under way, by the end of its lease, ms: what has lapsed may stay there
until somebody looks."""


@dataclass(frozen=True)
class Remains:
    """Redis at rest. `counts`: what there should be none of, by name."""

    lanes: Sequence[Sequence[Told]] = ()
    photos: Mapping[int, Fields] = field(default_factory=dict)
    jobs: Mapping[str, Fields] = field(default_factory=dict)
    letters: Sequence[Letter] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    disagreement: str = ""


@dataclass(frozen=True)
class Blobs:
    """The file names that have an original, or thumbnails; and how many writes never ended."""

    originals: frozenset[str]
    thumbnails: frozenset[str]
    staged: int


def remains(client: redis.Redis, restarted: Collection[int]) -> Remains:
    """Read all of it; nothing may move meanwhile."""
    state = invariants.read(client)
    try:
        invariants.check(client, restarted=restarted)
        disagreement = ""
    except AssertionError as error:
        disagreement = str(error)[:2000] or "an assertion failed"
    lanes = [
        [
            Told(entry_id, fields["socket"], fields["event"], orjson.loads(fields["data"]))
            for entry_id, fields in lane
        ]
        for lane in state.lanes
    ]
    return Remains(lanes, state.photos, state.jobs, _letters(client), _counts(client), disagreement)


def _letters(client: Any) -> list[Letter]:
    return [
        Letter(
            orjson.loads(fields[b"m"])["kwargs"]["job_id"],
            fields[b"reason"].decode(),
            int(fields[b"d"]),
        )
        for _, fields in client.xrange(TAGGING.dead)
    ]


def _counts(client: Any) -> dict[str, int]:
    pending = waiting = 0
    for stream in TAGGING.streams:
        if client.exists(stream):
            pending += client.xpending(stream, GROUP)["pending"]
            waiting += client.xlen(stream)
    return {
        "waiting": waiting - pending,
        "pending": pending,
        "delayed": client.zcard(TAGGING.delayed),
        "leased": leased(client),
        "unfinished": client.zcard(keys.unfinished()),
    }


def leased(client: Any) -> int:
    """Return how much is under way, by leases that have not lapsed."""
    seconds, microseconds = client.time()
    now_ms = seconds * 1000 + microseconds // 1000
    held = sum(1 for _ in client.scan_iter(f"{keys.SHARD}:{HELD}"))
    for each in LEASES:
        for key in client.scan_iter(f"{keys.SHARD}:{each}"):
            held += int(client.zcount(key, now_ms, "+inf"))
    return held


async def swept(url: str, folder: Path) -> Blobs:
    """Sweep as the gateway does once an hour, as if that hour had passed; say what is left."""
    store = open_store(folder.as_uri())
    async with closing(connect(url)) as client:
        await sweep(store, Photos(client, retention_s=600), age=timedelta(0))
    originals = {filename_in(blob.name) async for blob in store.list(ORIGINALS)}
    thumbnails = {filename_in(blob.name) async for blob in store.list(THUMBNAILS)}
    staged = sum("#" in path.name for path in folder.rglob("*"))
    return Blobs(frozenset(originals), frozenset(thumbnails), staged)
