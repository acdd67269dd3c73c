"""A tagger's attempts at photos: each move is one script, and wants the attempt's fencing token.

Claim gives the token out. Whoever comes with an older one, because another worker has claimed
the photo since, or because it was cancelled, changes nothing.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from redis.asyncio import Redis

from shared import keys
from shared.broker import DelayedEntry, Receipt
from shared.ending import Ending, Finish, Outcome
from shared.events import Event, PhotoProgress
from shared.record import Answer, Record
from shared.redis import away_is_unavailable, script


@dataclass(frozen=True, slots=True)
class FirstStep:
    """The stage that an attempt begins with; `progress` in percent.

    `event`: its name; `told`: JSON, what the watchers are told, by the photo's language. Of which
    photo, job, attempt and batch it is, the claim finds out.
    """

    stage: str
    progress: int
    event: str
    told: bytes

    @classmethod
    def of(cls, events: Mapping[str, PhotoProgress]) -> FirstStep:
        """Return it; `events`: by language, each of photo 0, the job ``, attempt 0."""
        event = next(iter(events.values()))
        told = orjson.dumps({locale: each.data() for locale, each in events.items()})
        return cls(event.stage, event.progress, event.name, told)


class Claim(enum.Enum):
    """Why a worker may not start on a photo."""

    OVER = enum.auto()
    """There is nothing left to do; the queue entry is acknowledged."""

    LOST = enum.auto()
    """Another worker holds the queue entry by now."""


Void = Literal["cancelled", "removed", "retagged", "taken"]
"""Why an attempt has lost its turn: its photo was cancelled, removed, or given a new job, or
another worker has it."""


class Attempts:
    """The attempts at the photos of one shard. Raises `UnavailableError` when Redis is away.

    `looks_for`: what is looked for in a photo's bytes, a word; what they said is found again by
    it for `facts_kept_s`. Empty: it is not kept.
    """

    def __init__(
        self, redis: Redis, *, retention_s: int, looks_for: str = "", facts_kept_s: int = 0
    ) -> None:
        self._redis = redis
        self._retention_ms = retention_s * 1000
        self._looks_for = looks_for
        self._facts_kept_ms = facts_kept_s * 1000
        self._claim = script(redis, "claim")
        self._step = script(redis, "step")
        self._tell = script(redis, "tell")
        self._finish = script(redis, "finish")
        self._retry = script(redis, "retry")

    async def claim(
        self,
        photo_id: int,
        job_id: str,
        receipt: Receipt,
        first: FirstStep | None = None,
        *,
        traceparent: str = "",
        asked: Mapping[str, str] | None = None,
    ) -> Record | Claim:
        """Start an attempt: the record returned holds its fencing token.

        `first`: noted and told, as of `traceparent`, in the same step, if the attempt starts.
        `asked`: the digest of what a provider is asked, by the photo's language.
        """
        with away_is_unavailable():
            reply = await self._claim(
                keys=[keys.photo(photo_id), receipt.stream],
                args=[
                    keys.SHARD,
                    job_id,
                    receipt.group,
                    receipt.consumer,
                    receipt.entry_id,
                    uuid.uuid4().hex,
                    self._looks_for,
                    orjson.dumps(asked or {}),
                    *(self._noted(first, traceparent) if first else ()),
                ],
            )
        return _claimed(reply, asked)

    def _noted(self, first: FirstStep, traceparent: str) -> list[Any]:
        return [
            first.stage,
            first.progress,
            self._retention_ms,
            first.event,
            first.told,
            traceparent,
        ]

    async def step(self, record: Record, events: Sequence[PhotoProgress]) -> int:
        """Tell the watchers `events`, and note that an attempt is as far as the last of them.

        Returns the server's time, ms, or 0 if it is no longer its turn.
        """
        last = events[-1]
        with away_is_unavailable():
            stepped_ms: int = await self._step(
                keys=[keys.photo(record.id)],
                args=[
                    keys.SHARD,
                    record.token,
                    last.stage,
                    last.progress,
                    self._retention_ms,
                    *(part for event in events for part in (event.name, event.data())),
                ],
            )
        return stepped_ms

    async def tell(self, record: Record, *, stage: str, waits_for: str, event: Event) -> None:
        """Tell the watchers, once, that an attempt waits in `stage`, and for what: a word."""
        with away_is_unavailable():
            await self._tell(
                keys=[keys.photo(record.id)],
                args=[
                    keys.SHARD,
                    record.token,
                    stage,
                    self._retention_ms,
                    waits_for,
                    event.name,
                    event.data(),
                ],
            )

    async def finish(self, record: Record, *, receipt: Receipt, ending: Ending) -> Finish:
        """End a photo and acknowledge its queue entry."""
        letter = ending.letter
        letter_fields: list[Any] = []
        if letter is not None:
            letter_fields = [part for pair in letter.fields.items() for part in pair]
        tag_ids = b"" if ending.tag_ids is None else orjson.dumps(list(ending.tag_ids))
        with away_is_unavailable():
            done = await self._finish(
                keys=[
                    keys.photo(record.id),
                    receipt.stream,
                    letter.stream if letter else receipt.stream,
                ],
                args=[
                    keys.SHARD,
                    record.token,
                    self._retention_ms,
                    receipt.group,
                    receipt.entry_id,
                    ending.status,
                    record.edits,
                    orjson.dumps(dict(ending.fields)),
                    tag_ids,
                    orjson.dumps([[event.name, event.data()] for event in ending.events]),
                    orjson.dumps(dict(ending.outcome.report)),
                    orjson.dumps(dict(ending.outcome.counts)),
                    self._looks_for if ending.facts else "",
                    orjson.dumps(dict(ending.facts)),
                    self._facts_kept_ms,
                    orjson.dumps([list(lead) for lead in ending.names]),
                    *letter_fields,
                ],
            )
        return Finish(done)

    async def retry(
        self,
        record: Record,
        *,
        receipt: Receipt,
        delayed: DelayedEntry,
        delay_ms: int,
        counts: bool,
        event: Event,
        outcome: Outcome,
    ) -> bool:
        """End an attempt that is to be repeated; False if it is no longer its turn.

        `counts`: whether the failure counts against the limit of tries.
        """
        with away_is_unavailable():
            done = await self._retry(
                keys=[keys.photo(record.id), receipt.stream, delayed.delayed, delayed.wake],
                args=[
                    keys.SHARD,
                    record.token,
                    self._retention_ms,
                    receipt.group,
                    receipt.entry_id,
                    delayed.member,
                    delay_ms,
                    int(counts),
                    event.name,
                    event.data(),
                    orjson.dumps(dict(outcome.report)),
                    orjson.dumps(dict(outcome.counts)),
                ],
            )
        return bool(done)

    async def void(self, records: Sequence[Record]) -> list[tuple[Record, Void]]:
        """Return those of `records` whose attempts have lost their turn, and why."""
        with away_is_unavailable():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for record in records:
                    pipeline.hmget(keys.photo(record.id), ["status", "job_id", "attempt"])
                found = await pipeline.execute()
        why = [_void(record, *now) for record, now in zip(records, found, strict=True)]
        return [(record, each) for record, each in zip(records, why, strict=True) if each]


def _void(
    record: Record, status: bytes | None, job_id: bytes | None, attempt: bytes | None
) -> Void | None:
    if job_id is None:
        return "removed"
    if job_id != record.job_id.encode():
        return "retagged"
    if status == b"cancelled":
        return "cancelled"
    ours = status == b"processing" and attempt == str(record.attempt).encode()
    return None if ours else "taken"


def _claimed(reply: Any, asked: Mapping[str, str] | None) -> Record | Claim:
    match reply:
        case [b"started", flat, facts, answer]:
            record = Record.of(dict(zip(flat[::2], flat[1::2], strict=True)))
            return record.knowing(
                orjson.loads(facts) if facts else None,
                Answer(asked[record.locale], answer) if asked and answer else None,
            )
        case [b"over"]:
            return Claim.OVER
        case _:
            return Claim.LOST
