"""A worker by hand: brings jobs into every state they can be in, with no tagger there."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from dramatiq import Message
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.attempts import Attempts, Ending, Outcome
from shared.broker import Receipt
from shared.broker.entries import StreamMessage, dead_letter_for, delayed_entry_for
from shared.broker.keys import GROUP, MESSAGE
from shared.commands import TAG_PHOTO, TAGGING
from shared.events import PhotoRetrying
from shared.record import Record

CONSUMER = "hand"
STREAM = TAGGING.stream("normal")


class HandWorker:
    """Takes photos from the queue, oldest first."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._attempts = Attempts(redis, retention_s=600)

    async def start(self) -> tuple[Record, StreamMessage]:
        """Claim the next photo, whose job is active then."""
        with suppress(ResponseError):  # the group is there
            await self._redis.xgroup_create(STREAM, GROUP, id="0")
        reply: Any = await self._redis.xreadgroup(GROUP, CONSUMER, {STREAM: ">"}, count=1)
        [[_, [(entry_id, fields)]]] = reply
        message = Message.decode(fields[MESSAGE.encode()])
        assert message.actor_name == TAG_PHOTO
        receipt = Receipt(STREAM, entry_id.decode(), GROUP, CONSUMER)
        record = await self._attempts.claim(
            message.kwargs["photo_id"], message.kwargs["job_id"], receipt
        )
        assert isinstance(record, Record)
        return record, StreamMessage(message, receipt, deaths=0)

    async def complete(self) -> None:
        """Have the next photo end well."""
        record, message = await self.start()
        await self._finish(record, message, Ending("complete", {}, [], Outcome()))

    async def fail(self) -> None:
        """Have the next photo end badly: its job is dead."""
        record, message = await self.start()
        error = '{"code": "bad_image", "message": "No picture"}'
        outcome = Outcome({"result": "error", "error": {"code": "x", "message": "No picture"}})
        letter = dead_letter_for(TAGGING, message)
        await self._finish(
            record, message, Ending("error", {"error": error}, [], outcome, letter=letter)
        )

    async def put_off(self) -> None:
        """Have the next photo tried again in an hour: its job is delayed."""
        record, message = await self.start()
        event = PhotoRetrying(
            photo_id=record.id, attempt=1, max_attempts=3, retry_in_ms=0, error="", message=""
        )
        assert await self._attempts.retry(
            record,
            receipt=message.receipt,
            delayed=delayed_entry_for(TAGGING, message._message, 0),
            delay_ms=3_600_000,
            counts=True,
            event=event,
            outcome=Outcome({"result": "retry", "calls": 1}, {"calls:timeout": 1}),
        )

    async def _finish(self, record: Record, message: StreamMessage, ending: Ending) -> None:
        done = await self._attempts.finish(record, receipt=message.receipt, ending=ending)
        assert done.value == 1
