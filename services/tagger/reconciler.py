"""Finds photos that are neither queued nor pending nor delayed nor ended, and puts them back.

By construction there are none; a queue that was flushed, or a database that was restored from
two moments, would leave some. A message is looked for where its job says it is; only if one is
not there, for it may have moved by itself, is the queue read; where it is then, its job is told.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

import orjson
import structlog
from redis.asyncio import Redis

from services.tagger.metrics import RECONCILED
from services.tagger.turns import Turns
from shared import keys
from shared.broker import MESSAGE
from shared.commands import TAGGING, tag_photo_entry
from shared.errors import UnavailableError
from shared.record import Record
from shared.redis import away_is_unavailable, script

EVERY_S: Final = 30.0
STILL_S: Final = 30.0
"""How long nothing has happened to a photo before its message is looked for."""

CANDIDATES: Final = 5_000
"""How many photos are looked after each time, in turn: a backlog has many that just wait."""

PAGE: Final = 1_000

Missed = tuple[Record, bytes]
"""A photo whose message is not where its job says, and the entry that the job names."""

logger = structlog.stdlib.get_logger()


class Reconciler:
    """Looks for lost messages. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._turns = Turns(redis, keys.reconciler_lock())
        self._requeue = script(redis, "requeue")
        self._note = script(redis, "locate")
        self._offset = 0

    async def run_forever(self) -> None:
        """Reconcile every `EVERY_S`, in one of all taggers."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                if await self._turns.mine(every_s=EVERY_S * 0.9):
                    await self.reconcile()
            except UnavailableError as error:
                logger.warning("not_reconciled", why=str(error))

    async def reconcile(self, *, still_s: float = STILL_S) -> int:
        """Put back what is lost and has not moved for `still_s`; returns how many photos."""
        lost = await self._not_in_place(await self._candidates(still_s))
        if lost:
            # A message moves only onwards in this order, except where its record changes, too.
            async with aclosing(self._queued()) as queued:
                async for photo_id, stream, entry in queued:
                    if (missed := lost.pop(photo_id, None)) and stream:
                        await self._locate(missed, stream, entry)
                    if not lost:
                        break
        put_back = 0
        for record, _ in lost.values():
            put_back += await self._put_back(record)
        RECONCILED.inc(put_back)
        return put_back

    async def _candidates(self, still_s: float) -> list[Record]:
        with away_is_unavailable():
            ids: Any = await self._redis.zrange(
                keys.unfinished(), self._offset, self._offset + CANDIDATES - 1
            )
            self._offset = self._offset + CANDIDATES if len(ids) == CANDIDATES else 0
            async with self._redis.pipeline(transaction=False) as pipeline:
                for photo_id in ids:
                    pipeline.hgetall(keys.photo(int(photo_id)))
                records = [Record.of(raw) for raw in await pipeline.execute() if raw]
            # By the server's clock, which wrote when they changed.
            seconds, microseconds = await self._redis.time()
        before_ms = (seconds - still_s) * 1000 + microseconds / 1000
        return [r for r in records if int(r.fields["updated_at_ms"]) <= before_ms]

    async def _not_in_place(self, records: Sequence[Record]) -> dict[int, Missed]:
        """Return those, by id, whose message is not where their job says it is."""
        with away_is_unavailable():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for record in records:
                    pipeline.hmget(keys.job(record.job_id), ["stream", "entry", "member"])
                places = await pipeline.execute()
            async with self._redis.pipeline(transaction=False) as pipeline:
                for stream, entry, member in places:
                    pipeline.xrange(stream or TAGGING.front, entry or b"0", entry or b"0")
                    pipeline.zscore(TAGGING.delayed, member or b"")
                found = await pipeline.execute()
        there = zip(found[::2], found[1::2], strict=True)
        return {
            record.id: (record, entry or b"")
            for record, (_, entry, _), (entries, due) in zip(records, places, there, strict=True)
            if not entries and due is None
        }

    async def _queued(self) -> AsyncGenerator[tuple[int, str, bytes], None]:
        """Yield the photos that have a message: delayed, waiting or pending.

        Each by its id, with the stream and the entry of its message; the stream is `` for a
        delayed one.
        """
        with away_is_unavailable():
            async for member, _ in self._redis.zscan_iter(TAGGING.delayed, count=PAGE):
                yield _photo_id(member.split(b":", 2)[2]), "", b""
            for stream in reversed(TAGGING.streams):
                after = "-"
                while True:
                    page: Any = await self._redis.xrange(stream, after, count=PAGE)
                    if not page:
                        break
                    for entry, fields in page:
                        yield _photo_id(fields.get(MESSAGE.encode(), b"")), stream, entry
                    after = f"({page[-1][0].decode()}"

    async def _locate(self, missed: Missed, stream: str, entry: bytes) -> None:
        """Have the job know where its message is, so that the queue is not read for it again."""
        record, before = missed
        with away_is_unavailable():
            await self._note(keys=[keys.job(record.job_id)], args=[before, stream, entry])

    async def _put_back(self, record: Record) -> int:
        with away_is_unavailable():
            trace: Any = await self._redis.hget(keys.job(record.job_id), "traceparent")
            entry = tag_photo_entry(
                record.job_id,
                record.priority,
                record.id,
                traceparent=trace.decode() if trace else "",
            )
            done = await self._requeue(
                keys=[keys.photo(record.id), entry.stream],
                args=[
                    keys.SHARD,
                    record.token,
                    record.fields["updated_at_ms"],
                    uuid.uuid4().hex,
                    MESSAGE,
                    entry.fields[MESSAGE],
                ],
            )
        if done:
            logger.error("photo_put_back", photo_id=record.id, job_id=record.job_id)
        return int(done)


def _photo_id(message: bytes) -> int:
    try:
        return int(orjson.loads(message)["kwargs"]["photo_id"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return 0  # no message of ours; it will be a dead letter
