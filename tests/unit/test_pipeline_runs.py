"""The run through the stages: what they make of a photo, and what becomes of their errors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest

from services.tagger.errors import PermanentError, RetryableError
from services.tagger.pipeline import Pipeline
from services.tagger.providers.provider import Recognition
from services.tagger.stages.choose import BUILT_IN
from services.tagger.stages.stage import Part, Stage, Work
from shared.decoding.picture import Picture
from shared.errors import UnavailableError
from shared.events import PhotoProgress
from tests.support.stages import raises_later, stage, work
from tests.support.waiting import wait_until

ANALYZE, RECOGNIZE, SAVE = BUILT_IN.values()


async def run(*stages: Stage, on: Work | None = None) -> Work:
    """Run stages that stand before `saving`, which only notes that it was reached."""

    def end(ended: Work) -> None:
        ended.fields["saved"] = "1"

    done = on or work()
    told: list[PhotoProgress] = []

    async def report(events: Sequence[PhotoProgress]) -> None:
        told.extend(events)

    await Pipeline([*stages, stage("saving", end)]).run(done, report)
    told += done.untold
    assert [event.stage for event in told] == [*(each.id for each in stages), "saving"]
    return done


async def test_tags_and_notes_are_the_works_and_a_note_is_the_stages_that_runs() -> None:
    def look(on: Work) -> None:
        on.note(score=0.5)
        on.note(mark="©")
        on.tag(fr=" Filigrane\n", en="Watermark", confidence=1)

    done = await run(stage("watermark", look), stage("other", lambda on: on.note(n=1)))

    assert orjson.loads(done.fields["extra"]) == {
        "watermark": {"score": 0.5, "mark": "©"},
        "other": {"n": 1},
    }
    assert [(tag.names, tag.confidence) for tag in done.added] == [
        ({"fr": "filigrane", "en": "watermark"}, 1.0)
    ]


async def test_what_an_earlier_analysis_noted_goes_with_it() -> None:
    assert "extra" not in (await run()).fields
    assert (await run(on=work(extra='{"gone": {"n": 1}}'))).fields["extra"] == "{}"


@pytest.mark.parametrize(
    "write",
    [
        lambda on: on.tag(fr="", en="nothing"),
        lambda on: on.tag(fr="un", en="one", confidence=2),
        lambda on: [on.tag(fr=f"un {n}", en=f"one {n}") for n in range(13)],
        lambda on: on.note(much="x" * 4096),
        lambda on: on.note(thing=object()),
    ],
)
async def test_what_may_not_be_written_fails_the_stage(write: Callable[[Work], Any]) -> None:
    with pytest.raises(RetryableError, match="The stage odd failed"):
        await run(stage("odd", write))


def _raises(error: BaseException) -> Callable[[Work], None]:
    def fail(_: Work) -> None:
        raise error

    return fail


@pytest.mark.parametrize("how", [_raises, raises_later])
@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("division by zero"),
        TimeoutError("a server of its own"),
        StopIteration(),
        SystemExit(0),
        KeyboardInterrupt(),
        BaseException("a panic, of a library in Rust"),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_stage_that_breaks_is_a_clear_error_of_its_photo_alone(
    how: Callable[[BaseException], Any], error: BaseException
) -> None:
    with pytest.raises(RetryableError) as failed:
        await run(stage("broken", how(error)))

    assert (failed.value.code, failed.value.text) == ("stage_failed", "The stage broken failed")


@pytest.mark.parametrize("how", [_raises, raises_later])
@pytest.mark.parametrize(
    "error",
    [PermanentError("stolen", "It is not yours"), RetryableError("later", "Not now"),
     UnavailableError("blobs")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
async def test_a_stage_may_fail_the_photo_in_its_own_words(
    how: Callable[[BaseException], Any], error: Exception
) -> None:
    with pytest.raises(type(error)) as failed:
        await run(stage("strict", how(error)))

    assert failed.value is error


async def test_a_stage_that_does_not_make_what_it_says_has_failed() -> None:
    with pytest.raises(RetryableError, match="The stage lazy failed"):
        await run(stage("lazy", makes=("recognition",)))

    def recognize(on: Work) -> None:
        on.recognition = Recognition(())

    await run(
        stage("eager", recognize, makes=("recognition",)), stage("next", needs=("recognition",))
    )


@pytest.mark.parametrize("needs", [(), ("picture",)])
async def test_only_a_stage_besides_the_provider_has_pixels_made(needs: tuple[Part, ...]) -> None:
    wanted: list[bool] = []

    def analyze(on: Work) -> None:
        wanted.append(on.pixels)
        on.picture = Picture(1, 1, b"rgb")

    await run(stage("analyzing", analyze, makes=("picture",)), stage("next", needs=needs))

    assert wanted == [bool(needs)]
    assert RECOGNIZE.needs == ("picture",)
    assert not Pipeline((ANALYZE, RECOGNIZE, SAVE)).pixels


async def test_a_function_that_blocks_for_ever_is_left_alone_after_its_time() -> None:
    ended, before = threading.Event(), threading.active_count()
    try:
        with pytest.raises(RetryableError) as failed:
            await run(stage("slow", lambda _: ended.wait(), timeout_s=0.05))
        assert (failed.value.code, failed.value.text) == (
            "timeout",
            "The stage slow took longer than 0.05 s",
        )
        assert threading.active_count() == before + 1
    finally:
        ended.set()


async def test_a_blocking_function_does_not_hold_up_other_photos_and_can_be_cancelled() -> None:
    begun, ended = threading.Event(), threading.Event()

    def block(_: Work) -> None:
        begun.set()
        ended.wait()

    blocked = asyncio.create_task(run(stage("slow", block)))
    try:
        await wait_until(begun.is_set)
        await run(stage("quick"))
        blocked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await blocked
    finally:
        ended.set()
