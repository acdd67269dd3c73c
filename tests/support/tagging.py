"""A tagger's and a gateway's moves, one by one: the real scripts, and nothing that runs."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import redis

from services.tagger.naming import Naming
from shared import keys
from shared.attempts import Attempts, FirstStep
from shared.broker import DeadLetter, DelayedEntry, Receipt
from shared.broker.connections import script
from shared.broker.keys import GROUP
from shared.commands import TAGGING, TagPhoto, tag_photo_entry
from shared.ending import Ending, Finish, Outcome
from shared.events import PhotoComplete, PhotoError, PhotoProgress, PhotoRetrying
from shared.photos import Answer, NewPhoto, Photos
from shared.record import PhotoTag, Record
from shared.redis import closing, connect
from shared.statistics import counted
from shared.tags import Tags

CONSUMER = "a-worker"

_numbers = itertools.count(1)


def new_photo(*, locale: str = "fr", priority: str = "normal") -> NewPhoto:
    """A photo to submit, of a name that no other has."""
    job_id, number = str(uuid.uuid4()), next(_numbers)
    fields = {
        "filename": f"photo-{number:08}.jpg",
        "original_name": "l'été à 100 %d.jpg",
        "content_type": "image/jpeg",
        "size_bytes": "1000",
        "width": "40",
        "height": "30",
        "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "job_id": job_id,
        "locale": locale,
        "priority": priority,
    }
    return NewPhoto(fields, tag_photo_entry(job_id, priority))


def first_step() -> FirstStep:
    """What a claim may begin with."""
    event = PhotoProgress(
        photo_id=0, job_id="", stage="analyzing", progress=10, message="Analyse...", attempt=0
    )
    return FirstStep.of({"fr": event, "en": event})


async def submit(
    photos: Photos,
    *,
    count: int = 1,
    owner: str = "",
    socket_id: str | None = None,
    priority: str = "normal",
) -> Answer:
    """Have `count` photos accepted; two or more are a batch."""
    return await photos.submit(
        [new_photo(priority=priority) for _ in range(count)],
        owner=owner,
        socket_id=socket_id,
        request_id=str(uuid.uuid4()),
        digest="d",
        kept_ms=60_000,
        batch_id=str(uuid.uuid4()) if count > 1 else None,
    )


@dataclass
class Taken:
    """A message that a worker holds, and what its claim gave."""

    receipt: Receipt
    command: TagPhoto
    record: Record | None = None

    @property
    def token(self) -> str:
        return self.record.token if self.record else ""


class Queue:
    """The queue as a worker sees it, without a worker."""

    def __init__(self, client: redis.Redis) -> None:
        self._groups = script(client, "groups")
        self._fetch = script(client, "fetch")
        self._hand_back = script(client, "hand_back")

    def fetch(self) -> Taken | None:
        """Take the next message; None if nothing waits."""
        self._make_groups()
        found, _, _ = self._fetch(
            keys=[TAGGING.paused, TAGGING.counts, TAGGING.wake, TAGGING.delayed, *TAGGING.streams],
            args=[GROUP, CONSUMER, 1, 100, 5000],
        )
        for index, entries in found:
            (entry_id, fields) = entries[0]
            message = dict(zip(fields[::2], fields[1::2], strict=True))[b"m"]
            receipt = Receipt(TAGGING.streams[index - 1], entry_id.decode(), GROUP, CONSUMER)
            return Taken(receipt, TagPhoto.model_validate(orjson.loads(message)["kwargs"]))
        return None

    def give_back(self, taken: Taken) -> None:
        """Put a message to the front, as a worker that stops does."""
        self._make_groups()
        receipt = taken.receipt
        self._hand_back(
            keys=[receipt.stream, TAGGING.front], args=[GROUP, CONSUMER, receipt.entry_id]
        )

    def _make_groups(self) -> None:
        # They may have gone with the streams.
        self._groups(keys=[TAGGING.paused, TAGGING.wake, *TAGGING.streams], args=[GROUP])


class Tagger:
    """What a tagger writes of an attempt, as its actor would."""

    def __init__(self, photos: Photos, attempts: Attempts, tags: Tags) -> None:
        self._photos = photos
        self.attempts = attempts
        self.tags, self.naming = tags, Naming(tags)

    async def step(self, record: Record, stage: str, progress: int) -> bool:
        """Tell that an attempt has come so far; False if it is not its turn."""
        event = PhotoProgress(
            photo_id=record.id,
            job_id=record.job_id,
            stage=stage,
            progress=progress,
            message="…",
            attempt=record.attempt,
            batch_id=record.batch_id,
        )
        return await self.attempts.step(record, [event]) > 0

    async def complete(
        self, taken: Taken, names: list[dict[str, str]], *, phash: str | None = None
    ) -> Finish:
        """End an attempt with tags of these names, if nothing that it takes for true has changed.

        `phash`: what the photo looks like; None leaves that as it is known.
        """
        record = taken.record
        assert record is not None
        leads = await self.naming.leads(names, locale=record.locale)
        found = {
            lead.tag_id: PhotoTag(
                id=lead.tag_id, name=name[record.locale], confidence=0.5, source="ai"
            )
            for lead, name in zip(leads, names, strict=True)
        }
        fields = {
            "tags": orjson.dumps([tag.model_dump() for tag in found.values()]).decode(),
            "stage": "done",
            "progress": "100",
            "updated_at_ms": record.fields["started_at_ms"],
            **({} if phash is None else {"phash": phash}),
        }
        done = record.changed({**fields, "status": "complete"})
        event = PhotoComplete(
            photo_id=record.id, photo=done.photo(), message="…", batch_id=record.batch_id
        )
        outcome = Outcome({"result": "complete"}, counted("stage:ai", 3.0))
        tag_ids = [tag.id for tag in done.tags]
        ending = Ending("complete", fields, [event], outcome, tag_ids, names=leads)
        return await self.attempts.finish(record, receipt=taken.receipt, ending=ending)

    async def fail(self, taken: Taken) -> Finish:
        """End an attempt as `error`."""
        record = taken.record
        assert record is not None
        fields = {"error": '{"code": "bad_image", "message": "50 % of it"}'}
        event = PhotoError(
            photo_id=record.id,
            error="…",
            message="…",
            code="bad_image",
            attempts=record.attempt,
            batch_id=record.batch_id,
        )
        outcome = Outcome({"result": "error", "error": {"code": "bad_image", "message": "…"}})
        letter = DeadLetter(TAGGING.dead, {"m": _message(record), "reason": b"failed"})
        ending = Ending("error", fields, [event], outcome, letter=letter)
        return await self.attempts.finish(record, receipt=taken.receipt, ending=ending)

    async def retry(self, taken: Taken, *, delay_ms: int, counts: bool = True) -> bool:
        """Have an attempt repeated after `delay_ms`."""
        record = taken.record
        assert record is not None
        event = PhotoRetrying(
            photo_id=record.id,
            attempt=record.attempt,
            max_attempts=3,
            retry_in_ms=delay_ms,
            error="…",
            message="…",
            batch_id=record.batch_id,
        )
        member = b"3:0:" + _message(record)
        return await self.attempts.retry(
            record,
            receipt=taken.receipt,
            delayed=DelayedEntry(TAGGING.delayed, TAGGING.wake, member),
            delay_ms=delay_ms,
            counts=counts,
            event=event,
            outcome=Outcome({"result": "retry"}),
        )


@dataclass(frozen=True)
class Bench:
    """What does a tagger's work by hand, and looks at the database."""

    photos: Photos
    tagger: Tagger
    queue: Queue
    client: Any

    async def begin(self, *, told: bool = False) -> Taken:
        """Claim the message that is next in the queue; `told`: with its first step."""
        taken = self.queue.fetch()
        assert taken is not None
        command = taken.command
        claimed = await self.tagger.attempts.claim(
            command.photo_id, command.job_id, taken.receipt, first_step() if told else None
        )
        assert isinstance(claimed, Record)
        taken.record = claimed
        return taken

    async def complete(self, *names: str, phash: str | None = None) -> Taken:
        """Begin what is next, and complete it with French tags of these names."""
        taken = await self.begin()
        tags = [{"fr": name} for name in names]
        assert await self.tagger.complete(taken, tags, phash=phash) is Finish.ENDED
        return taken

    async def fail(self) -> Taken:
        """Begin what is next, and end it as `error`."""
        taken = await self.begin()
        await self.tagger.fail(taken)
        return taken

    def heard(self, socket_id: str) -> list[tuple[str, dict[str, Any]]]:
        """The events for a socket, in order."""
        lane: Any = self.client.xrange(keys.lane(int(socket_id.partition("-")[0])))
        return [
            (fields[b"event"].decode(), orjson.loads(fields[b"data"]))
            for _, fields in lane
            if fields[b"socket"] == socket_id.encode()
        ]


@asynccontextmanager
async def opened_bench(redis_url: str) -> AsyncIterator[Bench]:
    with redis.Redis.from_url(redis_url) as client:
        async with closing(connect(redis_url)) as moving:
            photos = Photos(moving, retention_s=600)
            tagger = Tagger(photos, Attempts(moving, retention_s=600), Tags(moving))
            yield Bench(photos, tagger, Queue(client), client)


def lose_all_messages(client: redis.Redis) -> None:
    """Have the queue lose what waits, what is held, and what is delayed."""
    client.delete(*TAGGING.streams, TAGGING.delayed, TAGGING.wake)


def state_of(client: Any, photo_id: int) -> tuple[str | None, str]:
    """Return a photo's status, None if there is no photo, and its current token."""
    fields = client.hmget(keys.photo(photo_id), ["status", "job_id", "attempt"])
    status, job_id, attempt = (field.decode() if field else None for field in fields)
    return status, f"{job_id}:{attempt}"


def _message(record: Record) -> bytes:
    # Of the same bytes each time: a delayed message is known by them.
    entry = tag_photo_entry(record.job_id, record.priority, record.id)
    message = orjson.loads(entry.fields["m"])
    return orjson.dumps({**message, "message_timestamp": 0})
