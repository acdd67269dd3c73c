"""The actor: takes a photo's message and sees the photo through to its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Final

import structlog
from dramatiq import MessageProxy, Middleware
from dramatiq.asyncio import async_to_sync
from dramatiq.middleware import CurrentMessage

from services.tagger.cache import digest_of_question
from services.tagger.endings import Endings
from services.tagger.errors import (
    GivenBackError,
    LeaseLostError,
    PermanentError,
    RetryableError,
    TaggingError,
)
from services.tagger.metrics import ATTEMPTS, PICKUP_SECONDS
from services.tagger.pipeline import Pipeline
from services.tagger.running import Running
from services.tagger.stages.stage import Tools, Work
from shared import tracing
from shared.attempts import Claim, Void
from shared.broker import StreamMessage
from shared.commands import TAG_PHOTO, TagPhoto
from shared.errors import UnavailableError
from shared.events import PhotoProgress
from shared.messages import LOCALES
from shared.record import Record

BLOBS_PAUSE_S: Final = 5.0
"""The wait before another try when the photo store was away."""

logger = structlog.stdlib.get_logger()


class Tagging:
    """The work on photos: what happens to one message, from claim to end.

    `max_age_s`: how long after it was accepted a photo is still begun; 0 is for ever.
    """

    def __init__(
        self,
        tools: Tools,
        pipeline: Pipeline,
        endings: Endings,
        running: Running,
        *,
        attempt_timeout_s: float,
        max_age_s: float,
    ) -> None:
        self._tools = tools
        self._pipeline = pipeline
        self._endings = endings
        self._running = running
        self._attempt_timeout_s = attempt_timeout_s
        self._max_age_s = max_age_s
        # Where its age may end a photo before any stage, nothing is told beforehand.
        self._first_step = None if max_age_s else pipeline.first_step()
        self._questions: dict[str, str] = {
            locale: digest_of_question(tools.provider, tools.vocabulary.lasting(locale))
            for locale in LOCALES
        }

    async def tag_photo(self, **fields: Any) -> None:
        """Handle a `TagPhoto`; its message is settled by the script that ends the attempt."""
        message = _current_message()
        try:
            command = TagPhoto.model_validate(fields)
            await self._tag(command, message)
        except Exception:
            # Of no use, or a fault of ours: it becomes a dead letter.
            message.settled = False
            message.fail()
            raise

    async def _tag(self, command: TagPhoto, message: StreamMessage) -> None:
        with _named_in_logs(command):
            try:
                record = await self._tools.attempts.claim(
                    command.photo_id,
                    command.job_id,
                    message.receipt,
                    self._first_step if not tracing.on() else None,
                    traceparent=command.traceparent,
                    asked=self._questions,
                )
                if isinstance(record, Record):
                    if record.waited_s is not None:
                        PICKUP_SECONDS.observe(record.waited_s)
                    # From here on the script that writes the outcome acknowledges the message.
                    message.settled = True
                    await self._traced(_work(record, self._tools, command, message), message)
                else:
                    ATTEMPTS.labels(result="handed_over").inc()
                    logger.info("photo_not_ours", why=record.name.lower())
            except GivenBackError:
                _give_back(message)
                ATTEMPTS.labels(result="given_back").inc()
                logger.info("attempt_given_back")
            except LeaseLostError:
                # If the message is still ours, its photo was cancelled: nobody needs it.
                message.settled = False
                ATTEMPTS.labels(result="handed_over").inc()
            except UnavailableError as error:
                # As soon as Redis is back, and at no cost: no worker has died.
                _give_back(message)
                ATTEMPTS.labels(result="unavailable").inc()
                logger.warning("attempt_abandoned", why=str(error))

    async def end_dead(self, message: StreamMessage) -> None:
        """End the photo of a message that is about to become a dead letter."""
        command = TagPhoto.model_validate(message.kwargs)
        record = await self._tools.attempts.claim(command.photo_id, command.job_id, message.receipt)
        if isinstance(record, Claim):
            message.settled = True
            return
        if message.reason == "poison":
            error = PermanentError("poison", f"{message.deaths} workers died working on the photo")
        elif message._exception is not None:  # noqa: SLF001  # the proxy has no accessor
            error = PermanentError("internal_error", "Internal error")
        else:
            error = PermanentError("rejected", "No worker takes messages of this kind")
        # To claim it was no start of the work.
        starts = record.attempt - 1
        work = _work(record, self._tools, command, message)
        with _named_in_logs(command):
            await self._endings.fail(work, message, error, starts=starts)
        message.settled = True

    async def _traced(self, work: Work, message: StreamMessage) -> None:
        record = work.record
        under = tracing.of_job(work.traceparent, record.job_id)
        ids: dict[str, Any] = {
            "photo_id": record.id,
            "job_id": record.job_id,
            "attempt": record.attempt,
        }
        if record.waited_s is not None:
            tracing.past("queue", record.waited_s, under=under, kind="consumer", **ids)
        with tracing.span("attempt", under=under, kind="consumer", worker=work.worker, **ids):
            try:
                await self._attempt(work, message)
            except LeaseLostError as error:
                await self._log_loss(record, error.why)
                raise

    async def _log_loss(self, record: Record, why: Void | None) -> None:
        """Say why an attempt has lost its turn: to another worker alone is out of the ordinary."""
        if why is None:
            with suppress(UnavailableError):
                why = next((each for _, each in await self._tools.attempts.void([record])), None)
        if why in {"cancelled", "removed", "retagged"}:
            logger.info("attempt_stopped", why=why)
        else:
            logger.warning("lease_lost")

    async def _attempt(self, work: Work, message: StreamMessage) -> None:
        started = time.perf_counter()
        try:
            with self._running.attempt(work):
                await self._run(work)
        except (LeaseLostError, GivenBackError):
            raise
        except Exception as error:  # noqa: BLE001  # a photo must end, whatever broke
            failure = self._failure_of(error)
            tracing.note(error_code=failure.code)
            await work.settle()
            with tracing.span("finish"):
                if isinstance(failure, RetryableError):
                    await self._endings.fail_or_retry(work, message, failure)
                else:
                    await self._endings.fail(work, message, failure)
        else:
            await work.settle()
            with tracing.span("finish"):
                await self._endings.complete(work, message)
            logger.info(
                "photo_tagged",
                tags=len(work.tags),
                attempt=work.record.attempt,
                duration_ms=round((time.perf_counter() - started) * 1000),
            )

    async def _run(self, work: Work) -> None:
        if 0 < self._max_age_s < work.record.age_s:
            raise PermanentError("expired", f"The photo has waited over {self._max_age_s:g} s")
        async with work.clock.limit(self._attempt_timeout_s):
            await self._pipeline.run(work, lambda events: self._report(work, events))

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

    async def _report(self, work: Work, events: Sequence[PhotoProgress]) -> None:
        stepped_ms = await self._tools.attempts.step(work.record, events)
        if not stepped_ms:
            raise LeaseLostError
        work.stepped = stepped_ms, time.monotonic()


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
                message.settled = True
                logger.warning("dead_photo_not_ended", why=str(error))
            except Exception:
                # It is no message of a photo, say: a dead letter all the same.
                logger.exception("dead_photo_not_ended")


def _named_in_logs(command: TagPhoto) -> AbstractContextManager[object]:
    return structlog.contextvars.bound_contextvars(
        photo_id=command.photo_id,
        job_id=command.job_id,
        trace_id=tracing.trace_id(command.traceparent, command.job_id),
    )


def _work(record: Record, tools: Tools, command: TagPhoto, message: StreamMessage) -> Work:
    worker, _, _ = message.receipt.consumer.rpartition(":")
    return Work(record, tools, worker=worker, traceparent=command.traceparent)


def _give_back(message: StreamMessage) -> None:
    message.settled, message.given_back = False, True


def _current_message() -> StreamMessage:
    message: object = CurrentMessage.get_current_message()
    if not isinstance(message, StreamMessage):
        raise TypeError("tag_photo runs on messages of RedisStreamsBroker only")
    return message
