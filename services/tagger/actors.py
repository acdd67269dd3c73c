"""The actor: takes a photo's message and sees the photo through to its end."""

from __future__ import annotations

import time
from typing import Any, Final

import orjson
import structlog
from dramatiq import Message, MessageProxy, Middleware
from dramatiq.asyncio import async_to_sync
from dramatiq.common import compute_backoff
from dramatiq.middleware import CurrentMessage

from services.tagger import pipeline
from services.tagger.errors import LeaseLostError, PermanentError, RetryableError, TaggingError
from services.tagger.metrics import ATTEMPTS, FAILURES, PICKUP_SECONDS
from services.tagger.stages.stage import Stage, Tools, Work
from shared import messages
from shared.broker import RedisStreamsBroker, StreamMessage
from shared.commands import TAG_PHOTO, TagPhoto
from shared.errors import UnavailableError
from shared.events import PhotoComplete, PhotoError, PhotoProgress, PhotoRetrying
from shared.photos import Claim, Ending
from shared.record import PhotoProblem, Record

BACKOFF_FIRST_MS: Final = 1_000
BACKOFF_MOST_MS: Final = 300_000
RETRY_AFTER_MOST_MS: Final = 3_600_000
"""A provider may ask for any wait; a photo is tried again after an hour at the latest."""

BLOBS_PAUSE_S: Final = 5.0
"""The wait before another try when the photo store was away."""

logger = structlog.stdlib.get_logger()


class Tagging:
    """The work on photos: what happens to one message, from claim to end."""

    def __init__(
        self,
        broker: RedisStreamsBroker,
        tools: Tools,
        *,
        max_attempts: int,
        attempt_timeout_s: float,
    ) -> None:
        self._broker = broker
        self._tools = tools
        self._max_attempts = max_attempts
        self._attempt_timeout_s = attempt_timeout_s

    async def tag_photo(self, **fields: Any) -> None:
        """Handle a `TagPhoto`; its message is settled by the script that ends the attempt."""
        message = _current_message()
        # Whatever happens now, the script that writes the outcome acknowledges the message;
        # if none did, the lease has to lapse so that another worker starts again.
        message.settled = True
        command = TagPhoto.model_validate(fields)
        with structlog.contextvars.bound_contextvars(
            photo_id=command.photo_id, job_id=command.job_id
        ):
            try:
                record = await self._tools.photos.claim(
                    command.photo_id, command.job_id, message.receipt
                )
                if isinstance(record, Record):
                    PICKUP_SECONDS.observe(_seconds_since(message.message_timestamp))
                    await self._attempt(record, message)
                else:
                    ATTEMPTS.labels(result="handed_over").inc()
                    logger.info("photo_not_ours", why=record.name.lower())
            except LeaseLostError:
                ATTEMPTS.labels(result="handed_over").inc()
                logger.warning("lease_lost")
            except UnavailableError as error:
                ATTEMPTS.labels(result="unavailable").inc()
                logger.warning("attempt_abandoned", why=str(error))

    async def end_dead(self, message: StreamMessage) -> None:
        """End the photo of a message that is about to become a dead letter."""
        message.settled = True
        command = TagPhoto.model_validate(message.kwargs)
        record = await self._tools.photos.claim(command.photo_id, command.job_id, message.receipt)
        if isinstance(record, Claim):
            return
        if message.reason == "poison":
            error = PermanentError("poison", f"{message.deaths} workers died working on the photo")
        else:
            error = PermanentError("rejected", "No worker takes messages of this kind")
        await self._fail(record, message, error)

    async def _attempt(self, record: Record, message: StreamMessage) -> None:
        started = time.perf_counter()
        work = Work(record, self._tools)
        try:
            async with work.clock.limit(self._attempt_timeout_s):
                await pipeline.run(work, lambda stage: self._report(record, stage))
        except LeaseLostError:
            raise
        except Exception as error:  # noqa: BLE001  # a photo must end, whatever broke
            failure = self._failure_of(error)
            if isinstance(failure, RetryableError):
                await self._fail_or_retry(record, message, failure)
            else:
                await self._fail(record, message, failure)
        else:
            await self._complete(work, message)
            logger.info(
                "photo_tagged",
                tags=len(work.tags),
                attempt=record.attempt,
                duration_ms=round((time.perf_counter() - started) * 1000),
            )

    def _failure_of(self, error: Exception) -> TaggingError:
        """Return what a stage raised as a failure. Raises it again if Redis is away."""
        match error:
            case TaggingError():
                return error
            case TimeoutError():
                return RetryableError(
                    "timeout", f"The attempt took longer than {self._attempt_timeout_s:g} s"
                )
            case UnavailableError(what="blobs"):
                return RetryableError(
                    "blobs_away",
                    "The photo store does not answer",
                    retry_after_s=BLOBS_PAUSE_S,
                    counts=False,
                )
            case UnavailableError():
                raise error
            case _:
                logger.error("attempt_broke", exc_info=error)
                return RetryableError("internal_error", "Internal error")

    async def _report(self, record: Record, stage: Stage) -> None:
        event = PhotoProgress(
            photo_id=record.id,
            job_id=record.job_id,
            stage=stage.id,
            progress=stage.progress,
            message=stage.messages[record.locale],
            attempt=record.attempt,
            batch_id=record.batch_id,
        )
        if not await self._tools.photos.step(
            record.id,
            attempt=record.attempt,
            stage=stage.id,
            progress=stage.progress,
            event=event,
        ):
            raise LeaseLostError

    async def _complete(self, work: Work, message: StreamMessage) -> None:
        record = work.record
        fields = {**work.fields, "status": "complete", "stage": "done", "progress": "100"}
        done = PhotoProgress(
            photo_id=record.id,
            job_id=record.job_id,
            stage="done",
            progress=100,
            message=pipeline.DONE["labels"][record.locale],
            attempt=record.attempt,
            batch_id=record.batch_id,
        )
        complete = PhotoComplete(
            photo_id=record.id,
            photo=record.changed(fields).photo().view(),
            message=messages.text("complete", record.locale, count=len(work.tags)),
            batch_id=record.batch_id,
        )
        await self._finish(
            record, message, Ending(fields, [tag.id for tag in work.tags], [done, complete])
        )
        ATTEMPTS.labels(result="complete").inc()

    async def _fail(self, record: Record, message: StreamMessage, error: TaggingError) -> None:
        FAILURES.labels(code=error.code).inc()
        problem = PhotoProblem(code=error.code, message=error.text)
        fields = {"status": "error", "error": orjson.dumps(problem.model_dump()).decode()}
        event = PhotoError(
            photo_id=record.id,
            error=error.text,
            message=messages.text("failed", record.locale),
            code=error.code,
            attempts=record.attempt,
            batch_id=record.batch_id,
        )
        message.stuff_exception(error)
        await self._finish(
            record, message, Ending(fields, [], [event], self._broker.dead_letter_for(message))
        )
        ATTEMPTS.labels(result="error").inc()
        logger.warning("photo_failed", code=error.code, why=error.text, attempt=record.attempt)

    async def _fail_or_retry(
        self, record: Record, message: StreamMessage, error: RetryableError
    ) -> None:
        if error.counts and record.tries + 1 >= self._max_attempts:
            await self._fail(record, message, error)
            return
        FAILURES.labels(code=error.code).inc()
        delay_ms = _backoff_ms(record, error)
        event = PhotoRetrying(
            photo_id=record.id,
            attempt=record.attempt,
            max_attempts=self._max_attempts,
            retry_in_ms=delay_ms,
            error=error.text,
            message=messages.text(
                "retrying",
                record.locale,
                seconds=max(1, round(delay_ms / 1000)),
                attempt=record.attempt,
                max_attempts=self._max_attempts,
            ),
            batch_id=record.batch_id,
        )
        if not await self._tools.photos.retry(
            record.id,
            attempt=record.attempt,
            receipt=message.receipt,
            delayed=self._broker.delayed_entry_for(_message_of(message), deaths=message.deaths),
            delay_ms=delay_ms,
            counts=error.counts,
            event=event,
        ):
            raise LeaseLostError
        ATTEMPTS.labels(result="retry").inc()
        logger.warning("photo_retried", code=error.code, why=error.text, delay_ms=delay_ms)

    async def _finish(self, record: Record, message: StreamMessage, ending: Ending) -> None:
        if not await self._tools.photos.finish(
            record.id, attempt=record.attempt, receipt=message.receipt, ending=ending
        ):
            raise LeaseLostError


class EndDeadPhotos(Middleware):
    """Ends the photo of a message that Dramatiq is about to reject: a poison message, say."""

    def __init__(self, tagging: Tagging) -> None:
        self._end_dead = async_to_sync(tagging.end_dead)

    def before_nack(self, _broker: object, message: MessageProxy) -> None:
        if isinstance(message, StreamMessage) and message.actor_name == TAG_PHOTO:
            try:
                self._end_dead(message)
            except UnavailableError as error:
                # The message stays pending; whoever takes it over comes here again.
                logger.warning("dead_photo_not_ended", why=str(error))


def _current_message() -> StreamMessage:
    message: object = CurrentMessage.get_current_message()
    if not isinstance(message, StreamMessage):
        raise TypeError("tag_photo runs on messages of RedisStreamsBroker only")
    return message


def _message_of(message: StreamMessage) -> Message[Any]:
    plain: Message[Any] = message.copy()
    return plain


def _backoff_ms(record: Record, error: RetryableError) -> int:
    if error.retry_after_s is not None:
        return min(RETRY_AFTER_MOST_MS, round(error.retry_after_s * 1000))
    _, delay_ms = compute_backoff(
        record.tries, factor=BACKOFF_FIRST_MS, max_backoff=BACKOFF_MOST_MS
    )
    return delay_ms


def _seconds_since(timestamp_ms: int) -> float:
    return max(0.0, time.time() - timestamp_ms / 1000)
