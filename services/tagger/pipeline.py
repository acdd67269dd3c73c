"""The stages of the work, in their order, and the run through them."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog

from services.tagger.errors import LeaseLostError, RetryableError, TaggingError
from services.tagger.metrics import STAGE_SECONDS
from services.tagger.stages.recognize import RECOGNIZE
from services.tagger.stages.stage import Stage, Work
from services.tagger.threads import in_thread
from shared import tracing
from shared.attempts import FirstStep
from shared.errors import UnavailableError
from shared.events import PhotoProgress
from shared.messages import LOCALES
from shared.tasks import looked_at

DONE: Final[dict[str, Any]] = {
    "id": "done",
    "progress": 100,
    "labels": {"fr": "Terminé", "en": "Done"},
    "icon": "check",
}
"""Where every pipeline ends; it is no stage, for it is written in the step that ends the photo."""

FIXED: Final = {"analyzing": 10, "ai": 30, "saving": 70}
"""Where the bar stands when these begin, percent, whatever else there is: clients know it."""

UPLOAD_SHARE: Final = 10
"""What the upload takes of the bar, before the first stage."""

MOST_OWN: Final = 9
"""How many other stages there may be: so many have room between any two that are fixed."""

logger = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Step:
    """A stage and where the bar stands when it begins, percent."""

    stage: Stage
    progress: int

    @property
    def own(self) -> bool:
        """Whether clients may never have heard of it."""
        return self.stage.id not in FIXED

    def event_of(self, work: Work) -> PhotoProgress:
        """Return what the watchers of a photo in work are told as it begins."""
        record = work.record
        return self.event(
            record.id,
            record.job_id,
            record.locale,
            attempt=record.attempt,
            batch_id=record.batch_id,
            traceparent=work.told_trace,
        )

    def event(self, photo_id: int, job_id: str, locale: str, **of: Any) -> PhotoProgress:
        """Return what the watchers are told as it begins; `of`: the event's other fields."""
        stage = self.stage
        return PhotoProgress(
            photo_id=photo_id,
            job_id=job_id,
            stage=stage.id,
            progress=self.progress,
            message=stage.message(locale),
            label=stage.labels[locale] if self.own else None,
            icon=stage.icon if self.own else None,
            **of,
        )

    def described(self) -> dict[str, Any]:
        """Return what clients are told of it, labels by locale."""
        return {
            "id": self.stage.id,
            "progress": self.progress,
            "labels": dict(self.stage.labels),
            "icon": self.stage.icon,
        }


Report = Callable[[Sequence[PhotoProgress]], Awaitable[None]]


class Pipeline:
    """The stages of one tagger. Raises `ValueError` for those that cannot work in this order."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        _check(stages)
        self.steps = tuple(_laid_out(stages))
        self.pixels = any("picture" in stage.needs for stage in stages if stage is not RECOGNIZE)
        needs = [stage.needs for stage in stages]
        self._later = [frozenset(sum(needs[place:], ())) for place in range(1, len(needs) + 1)]

    def described(self) -> list[dict[str, Any]]:
        """Return what clients are told of the stages, labels by locale."""
        return [*(step.described() for step in self.steps), DONE]

    def first_step(self) -> FirstStep:
        """Return what is told of any attempt as it begins."""
        step = self.steps[0]
        return FirstStep.of({each: step.event(0, "", each, attempt=0) for each in LOCALES})

    async def run(self, work: Work, report: Report) -> None:
        """Take `work` through all stages; `report` is given what the watchers are told of them.

        The word of one is out before that of the next, and before this raises; if it is cancelled,
        that may come to nothing, or be refused. What `work.untold` holds when this returns is for
        who ends the photo to tell.
        """
        work.pixels = self.pixels
        for step, later in zip(self.steps, self._later, strict=True):
            work.later = later
            if work.record.fields["stage"] != step.stage.id:  # else the claim has told it
                work.untold.append(step.event_of(work))
            await _run_told(step.stage, work, report)
        if work.extra or "extra" in work.record.fields:
            work.fields["extra"] = orjson.dumps(work.extra).decode()


def _check(stages: Sequence[Stage]) -> None:
    ids = [stage.id for stage in stages]
    for stage_id in ids:
        if ids.count(stage_id) > 1:
            raise ValueError(f"{stage_id} is there twice: each stage runs once")
    if not ids or ids[-1] != "saving":
        raise ValueError("the last stage has to be saving, which stores what the others found")
    fixed = [stage_id for stage_id in ids if stage_id in FIXED]
    if fixed != sorted(fixed, key=FIXED.__getitem__):
        raise ValueError(f"{', '.join(fixed)} have to be in the order {', '.join(FIXED)}")
    if len(ids) - len(fixed) > MOST_OWN:
        raise ValueError(f"besides {', '.join(FIXED)} there may be {MOST_OWN} stages")
    made: set[str] = set()
    for stage in stages:
        for part in stage.needs:
            if part not in made:
                whose = {"picture": "analyzing", "recognition": "ai"}[part]
                raise ValueError(
                    f"{stage.id} needs the {part}: put {whose}, which makes it, before {stage.id}"
                )
        made.update(stage.makes)


def _laid_out(stages: Sequence[Stage]) -> Iterator[Step]:
    """Yield where each begins: those between two fixed places share that part of the bar."""
    begin, share, group = 0, UPLOAD_SHARE, list[Stage]()
    for stage in stages:
        if stage.id not in FIXED:
            group.append(stage)
            continue
        end = FIXED[stage.id]
        yield from _between(begin, end, share, group)
        yield Step(stage, end)
        begin, share, group = end, stage.share, []


def _between(begin: int, end: int, share: int, stages: Sequence[Stage]) -> Iterator[Step]:
    """Yield the places of `stages` after what takes `share` from `begin` on; none twice."""
    whole = share + sum(stage.share for stage in stages)
    progress = begin
    for left, stage in zip(range(len(stages), 0, -1), stages, strict=True):
        place = round(begin + (end - begin) * share / whole)
        progress = min(max(place, progress + 1), end - left)
        yield Step(stage, progress)
        share += stage.share


async def _run_told(stage: Stage, work: Work, report: Report) -> None:
    """Run `stage`, and have the watchers told what they have not been, unless it is over before."""
    telling: asyncio.Future[None] | None = None
    if work.untold:
        # It goes to Redis together with what the stage asks there first.
        work.told = telling = _telling(work, report)
    try:
        await _timed(stage, work)
    except asyncio.CancelledError:
        if telling is not None:
            telling.cancel()
        raise
    except BaseException:
        if telling is not None:
            await _out(telling)
        raise
    finally:
        work.told = None  # what it failed with leads back to the work, and its picture
    if telling is None:
        return
    if work.untold:
        # It waited for nothing, so nobody could see it last: its word goes with the next.
        telling.cancel()
    else:
        await telling


async def _out(telling: asyncio.Future[None]) -> None:
    """Wait for a word to be out before its stage's failure; raises `UnavailableError` for it.

    Where it was refused, the failure will be, too.
    """
    await asyncio.wait([telling])
    if not telling.cancelled() and isinstance(telling.exception(), UnavailableError):
        await telling


def _telling(work: Work, report: Report) -> asyncio.Future[None]:
    async def tell() -> None:
        told, work.untold = work.untold, []
        if told:
            await report(told)

    telling = asyncio.ensure_future(tell())
    # Where the stage fails as well, whoever ends the attempt finds out by itself.
    telling.add_done_callback(looked_at)
    return telling


async def _timed(stage: Stage, work: Work) -> None:
    started_s, stood_s = time.perf_counter(), work.clock.stood_s
    try:
        with tracing.span(f"stage {stage.id}"):
            async with work.clock.limit(stage.timeout_s):
                await _run(stage, work)
    except TimeoutError:
        raise RetryableError(
            "timeout", f"The stage {stage.id} took longer than {stage.timeout_s:g} s"
        ) from None
    finally:
        took_s = time.perf_counter() - started_s - (work.clock.stood_s - stood_s)
        work.stage_ms[stage.id] = took_s * 1000
        STAGE_SECONDS.labels(stage=stage.id).observe(took_s)


async def _run(stage: Stage, work: Work) -> None:
    """Run `stage`; what it raises that is no error of ours becomes one."""
    work.stage = stage.id
    try:
        if inspect.iscoroutinefunction(stage.run):
            await stage.run(work)
        else:
            await in_thread(lambda: stage.run(work))
        missing = [part for part in stage.makes if getattr(work, part) is None]
        if work.undecoded and "picture" in missing:
            missing.remove("picture")
        if missing:
            raise RuntimeError(f"made no {missing[0]}")  # noqa: TRY301
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise _failed(stage, "it cancelled itself") from None
    except (TaggingError, UnavailableError, LeaseLostError, GeneratorExit):
        raise
    # Also what would end the process, which has other photos in work, and what libraries in Rust
    # raise that panic.
    except BaseException as error:
        raise _failed(stage, error) from error


def _failed(stage: Stage, why: BaseException | str) -> RetryableError:
    logger.error(
        "stage_failed",
        stage=stage.id,
        why=str(why),
        exc_info=why if isinstance(why, BaseException) else None,
    )
    return RetryableError("stage_failed", f"The stage {stage.id} failed")
