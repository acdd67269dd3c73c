"""The stages of the work, in their order, and the run through them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from services.tagger.errors import RetryableError
from services.tagger.metrics import STAGE_SECONDS
from services.tagger.stages.analyze import ANALYZE
from services.tagger.stages.recognize import RECOGNIZE
from services.tagger.stages.save import SAVE
from services.tagger.stages.stage import Stage, Work

PIPELINE: Final[tuple[Stage, ...]] = (ANALYZE, RECOGNIZE, SAVE)

DONE: Final[dict[str, Any]] = {
    "id": "done",
    "progress": 100,
    "labels": {"fr": "Terminé", "en": "Done"},
    "icon": "check",
}
"""Where every pipeline ends; it is no stage, for it is written in the step that ends the photo."""

Report = Callable[[Stage], Awaitable[None]]


def described() -> list[dict[str, Any]]:
    """Return what clients are told of the stages, labels by locale."""
    return [*(stage.described() for stage in PIPELINE), DONE]


async def run(work: Work, report: Report) -> None:
    """Take `work` through all stages; `report` is told of each before it begins."""
    for stage in PIPELINE:
        await report(stage)
        started_s, stood_s = time.perf_counter(), work.clock.stood_s
        try:
            async with work.clock.limit(stage.timeout_s):
                await stage.run(work)
        except TimeoutError:
            raise RetryableError(
                "timeout", f"The stage {stage.id} took longer than {stage.timeout_s:g} s"
            ) from None
        finally:
            took_s = time.perf_counter() - started_s - (work.clock.stood_s - stood_s)
            work.stage_ms[stage.id] = took_s * 1000
            STAGE_SECONDS.labels(stage=stage.id).observe(took_s)
