"""What the watchers are told of the stages, when, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.tagger.errors import LeaseLostError, PermanentError
from services.tagger.pipeline import Pipeline
from services.tagger.stages.stage import Work
from shared.errors import UnavailableError
from shared.events import PhotoProgress
from tests.support.stages import raises_later, stage, work


async def test_the_word_of_a_stage_is_out_before_the_next_begins_and_ends_what_is_not_ours() -> (
    None
):
    begun: list[str] = []

    async def report(events: Sequence[PhotoProgress]) -> None:
        await asyncio.sleep(0.01)
        if events[-1].stage == "saving":
            raise LeaseLostError
        begun.extend(f"told {event.stage}" for event in events)

    with pytest.raises(LeaseLostError):
        await Pipeline(
            [
                stage("one", lambda _: begun.append("one")),
                stage("saving", lambda _: begun.append("saving")),
            ]
        ).run(work(), report)

    assert begun == ["one", "told one", "saving"]


async def test_the_word_of_a_stage_that_waits_for_nothing_goes_with_the_next() -> None:
    told: list[list[str]] = []

    async def report(events: Sequence[PhotoProgress]) -> None:
        told.append([event.stage for event in events])

    async def knows(on: Work) -> None:
        on.note(known=True)

    async def asks(_: Work) -> None:
        await asyncio.sleep(0)

    on = work()
    await Pipeline(
        [stage("one", knows), stage("two", asks), stage("three", knows), stage("saving", knows)]
    ).run(on, report)

    assert told == [["one", "two"]]
    assert [event.stage for event in on.untold] == ["three", "saving"]


@pytest.mark.parametrize("error", [PermanentError("no", "No"), UnavailableError("redis")])
async def test_all_stages_that_have_begun_are_told_before_a_failure(error: Exception) -> None:
    told: list[str] = []

    async def report(events: Sequence[PhotoProgress]) -> None:
        told.extend(event.stage for event in events)

    async def knows(_: Work) -> None:
        pass

    with pytest.raises(type(error)):
        await Pipeline(
            [stage("one", knows), stage("two", raises_later(error)), stage("saving")]
        ).run(work(), report)

    assert told == ["one", "two"]


async def test_a_failure_is_not_told_where_what_comes_before_it_cannot_be() -> None:
    async def report(_: Sequence[PhotoProgress]) -> None:
        await asyncio.sleep(0)
        raise UnavailableError("redis")

    async def fail(_: Work) -> None:
        await asyncio.sleep(0)
        raise PermanentError("no", "No")

    with pytest.raises(UnavailableError):
        await Pipeline([stage("one", fail), stage("saving")]).run(work(), report)


async def test_what_the_claim_has_told_is_not_told_again() -> None:
    on = work(stage="one")

    async def report(events: Sequence[PhotoProgress]) -> None:
        on.untold.extend(events)

    await Pipeline([stage("one"), stage("saving")]).run(on, report)

    assert [event.stage for event in on.untold] == ["saving"]
