"""What an attempt came to, for its job and for the statistics."""

from __future__ import annotations

from typing import Any

from services.tagger.errors import TaggingError
from services.tagger.stages.stage import Work
from shared.ending import Outcome
from shared.record import PhotoProblem
from shared.statistics import counted


def outcome_of(work: Work, result: str, error: TaggingError | None = None) -> Outcome:
    """Return the outcome of `work`; `result`: `complete`, `error` or `retry`."""
    report: dict[str, Any] = {
        "result": result,
        "worker": work.worker,
        "cached": work.cached,
        "stage_ms": {stage: round(took_ms, 1) for stage, took_ms in work.stage_ms.items()},
    }
    if "provider" in work.fields:
        report["provider"] = work.fields["provider"]
    if work.clock.stood_s:
        report["waited_ms"] = round(work.clock.stood_s * 1000, 1)
    counts: dict[str, int] = {"cache_hits": int(work.cached)}
    if error is not None:
        report["error"] = problem_of(error).model_dump()
        counts[f"failure:{error.code}"] = 1
    for stage, took_ms in work.stage_ms.items():
        counts |= counted(f"stage:{stage}", took_ms)
    return Outcome(report, {name: number for name, number in counts.items() if number})


def problem_of(error: TaggingError) -> PhotoProblem:
    """Return a failure as clients are told it."""
    return PhotoProblem(code=error.code, message=error.text)
