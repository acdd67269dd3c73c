"""Stages of one's own, as tests want them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, cast

from services.tagger.stages.stage import Stage, Tools, Work
from shared.record import Record

NO_TOOLS = Tools(*[cast("Any", None)] * len(dataclasses.fields(Tools)))


def nothing(work: Work) -> None:
    """Does nothing."""


def raises_later(error: BaseException) -> Callable[[Work], Any]:
    """What raises `error` as a coroutine."""

    async def fail(_: Work) -> None:
        raise error

    return fail


def stage(stage_id: str, run: Callable[[Work], Any] = nothing, **fields: Any) -> Stage:
    """A stage that can stand anywhere."""
    words = {"fr": stage_id.title(), "en": stage_id.title()}
    return Stage(**{"id": stage_id, "share": 10, "icon": "tag", "labels": words, **fields}, run=run)


def work(**fields: str) -> Work:
    """Work on a photo of which there is no more than `fields`."""
    known = {"id": "1", "job_id": "job", "attempt": "1", "locale": "fr", "stage": ""}
    return Work(Record({**known, **fields}), NO_TOOLS)
