"""How an attempt ends: complete, error, or another try; each is one step in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import orjson
import structlog
from dramatiq import Message
from dramatiq.common import compute_backoff

from services.tagger.errors import LeaseLostError, RetryableError, TaggingError
from services.tagger.metrics import ATTEMPTS, FAILURES, NAME_LOOKUPS, PHOTO_SECONDS
from services.tagger.outcomes import outcome_of, problem_of
from services.tagger.pipeline import DONE
from services.tagger.stages.save import name_kept
from services.tagger.stages.stage import Work
from shared import messages
from shared.broker import RedisStreamsBroker, StreamMessage
from shared.ending import Ending, Finish
from shared.events import PhotoComplete, PhotoError, PhotoProgress, PhotoRetrying
from shared.record import Record

BACKOFF_FIRST_MS: Final = 1_000
BACKOFF_MOST_MS: Final = 300_000
RETRY_AFTER_MOST_MS: Final = 3_600_000
"""A provider may ask for any wait; a photo is tried again after an hour at the latest."""

_AGAIN: Final = {Finish.EDITED, Finish.MOVED}

logger = structlog.stdlib.get_logger()


class Endings:
    """Ends attempts. Raises `LeaseLostError` where it is no longer their turn.

    While an end is written, the next message is on its way already.
    """

    def __init__(self, broker: RedisStreamsBroker, *, max_attempts: int) -> None:
        self._broker = broker
        self._max_attempts = max_attempts

    async def complete(self, work: Work, message: StreamMessage) -> None:
        """End the photo as complete."""
        outcome = outcome_of(work, "complete")

        def ending(record: Record) -> Ending:
            # Tags given by hand are newer than what this has heard.
            now_ms = max(work.now_ms, int(record.fields["updated_at_ms"]))
            done_at = {"updated_at_ms": str(now_ms), "stage": "done", "progress": "100"}
            changes = {**work.facts, **work.fields, **done_at}
            done = record.changed({**changes, "status": "complete"})
            return Ending(
                "complete",
                changes,
                _last_events(done, work),
                outcome,
                [tag.id for tag in done.tags],
                names=work.names,
                facts=work.facts if work.record.facts is None else {},
            )

        record = work.record
        while (finish := await self._finish(work, record, message, ending)) in _AGAIN:
            if finish is Finish.MOVED:
                NAME_LOOKUPS.labels(result="moved").inc()
                work.tools.naming.forget()
                await name_kept(work)
                continue
            # The last event tells the tags: those given by hand meanwhile, too.
            again = await work.tools.photos.get(record.id)
            if again is None or again.token != record.token:
                raise LeaseLostError
            record = again
        if finish is Finish.LOST:
            raise LeaseLostError
        _count(work, "complete")

    async def fail(
        self,
        work: Work,
        message: StreamMessage,
        error: TaggingError,
        *,
        starts: int | None = None,
    ) -> None:
        """End the photo as `error`, and keep its message among the dead letters.

        `starts`: how often the work was started, if not as often as it was claimed.
        """
        record = work.record
        fields = {**work.facts, "error": orjson.dumps(problem_of(error).model_dump()).decode()}
        event = PhotoError(
            photo_id=record.id,
            error=error.text,
            message=messages.text("failed", record.locale),
            code=error.code,
            attempts=record.attempt if starts is None else starts,
            batch_id=record.batch_id,
            traceparent=work.told_trace,
        )
        message.stuff_exception(error)
        letter = self._broker.dead_letter_for(message)
        outcome = outcome_of(work, "error", error)
        ending = Ending("error", fields, [event], outcome, letter=letter)
        if await self._finish(work, record, message, lambda _: ending) is not Finish.ENDED:
            raise LeaseLostError
        FAILURES.labels(code=error.code).inc()
        _count(work, "error")
        logger.warning("photo_failed", code=error.code, why=error.text, attempt=record.attempt)

    async def fail_or_retry(
        self, work: Work, message: StreamMessage, error: RetryableError
    ) -> None:
        """Have the photo tried again; end it if all its tries are used up."""
        record = work.record
        if error.counts and record.tries + 1 >= self._max_attempts:
            await self.fail(work, message, error)
            return
        delay_ms = backoff_ms(record, error)
        message.make_room()
        if not await work.tools.attempts.retry(
            record,
            receipt=message.receipt,
            delayed=self._broker.delayed_entry_for(_plain(message), deaths=message.deaths),
            delay_ms=delay_ms,
            counts=error.counts,
            event=self._retrying(work, error, delay_ms),
            outcome=outcome_of(work, "retry", error),
        ):
            raise LeaseLostError
        FAILURES.labels(code=error.code).inc()
        ATTEMPTS.labels(result="retry").inc()
        logger.warning("photo_retried", code=error.code, why=error.text, delay_ms=delay_ms)

    def _retrying(self, work: Work, error: RetryableError, delay_ms: int) -> PhotoRetrying:
        record = work.record
        return PhotoRetrying(
            photo_id=record.id,
            attempt=record.attempt,
            max_attempts=self._max_attempts,
            retry_in_ms=delay_ms,
            error=error.text,
            message=messages.text(
                "retrying" if error.counts else "waiting",
                record.locale,
                seconds=max(1, round(delay_ms / 1000)),
                tries=record.tries + 1,
                max_attempts=self._max_attempts,
            ),
            batch_id=record.batch_id,
            traceparent=work.told_trace,
        )

    async def _finish(
        self,
        work: Work,
        record: Record,
        message: StreamMessage,
        ending: Callable[[Record], Ending],
    ) -> Finish:
        message.make_room()
        return await work.tools.attempts.finish(
            record, receipt=message.receipt, ending=ending(record)
        )


def _last_events(done: Record, work: Work) -> list[PhotoProgress | PhotoComplete]:
    return [
        *work.untold,
        PhotoProgress(
            photo_id=done.id,
            job_id=done.job_id,
            stage="done",
            progress=100,
            message=DONE["labels"][done.locale],
            attempt=done.attempt,
            batch_id=done.batch_id,
            traceparent=work.told_trace,
        ),
        PhotoComplete(
            photo_id=done.id,
            photo=done.photo(),
            message=messages.text("complete", done.locale, count=len(work.tags)),
            batch_id=done.batch_id,
            traceparent=work.told_trace,
        ),
    ]


def _count(work: Work, result: str) -> None:
    ATTEMPTS.labels(result=result).inc()
    took_s = work.record.age_s + time.monotonic() - work.begun_s
    PHOTO_SECONDS.labels(result=result).observe(took_s)


def _plain(message: StreamMessage) -> Message[Any]:
    plain: Message[Any] = message.copy()
    return plain


def backoff_ms(record: Record, error: RetryableError) -> int:
    """Return the wait before the next try: what was asked for, else longer with each try."""
    if error.retry_after_s is not None:
        return round(min(RETRY_AFTER_MOST_MS, error.retry_after_s * 1000))
    _, delay_ms = compute_backoff(
        record.tries, factor=BACKOFF_FIRST_MS, max_backoff=BACKOFF_MOST_MS
    )
    return delay_ms
