"""The pipeline: where its stages stand, which cannot stand so, and what becomes of their errors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tagger.errors import LeaseLostError, PermanentError, RetryableError
from services.tagger.pipeline import MOST_OWN, Pipeline
from services.tagger.providers.provider import Recognition
from services.tagger.stages.choose import BUILT_IN
from services.tagger.stages.stage import Part, Stage, Work
from shared.decoding.picture import Picture
from shared.errors import UnavailableError
from shared.events import PhotoProgress
from tests.support.stages import stage, work
from tests.support.waiting import wait_until

ANALYZE, RECOGNIZE, SAVE = BUILT_IN.values()


def places(*stages: Stage) -> list[tuple[str, int]]:
    return [(step.stage.id, step.progress) for step in Pipeline(stages).steps]


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


def test_the_stages_of_the_contract_stand_where_it_says() -> None:
    assert Pipeline((ANALYZE, RECOGNIZE, SAVE)).described() == [
        {
            "id": "analyzing",
            "progress": 10,
            "labels": {"fr": "Analyse", "en": "Analysis"},
            "icon": "search",
        },
        {"id": "ai", "progress": 30, "labels": {"fr": "IA", "en": "AI"}, "icon": "sparkles"},
        {
            "id": "saving",
            "progress": 70,
            "labels": {"fr": "Sauvegarde", "en": "Saving"},
            "icon": "save",
        },
        {"id": "done", "progress": 100, "labels": {"fr": "Terminé", "en": "Done"}, "icon": "check"},
    ]


def test_added_stages_divide_the_part_of_the_bar_they_stand_in_by_their_shares() -> None:
    assert places(
        stage("policy", share=10),
        ANALYZE,
        stage("watermark", share=20),
        RECOGNIZE,
        stage("faces", share=20),
        stage("places", share=20),
        SAVE,
    ) == [
        ("policy", 5),
        ("analyzing", 10),
        ("watermark", 20),
        ("ai", 30),
        ("faces", 50),
        ("places", 60),
        ("saving", 70),
    ]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 100)), max_size=MOST_OWN))
def test_whatever_the_shares_the_bar_only_rises_and_the_fixed_places_stay(
    added: list[tuple[int, int]],
) -> None:
    stages: list[Stage] = []
    for group, fixed in enumerate((ANALYZE, RECOGNIZE, SAVE)):
        stages += [
            stage(f"s{n}", share=share) for n, (at, share) in enumerate(added) if at == group
        ]
        stages.append(fixed)
    found = places(*stages)
    progress = [place for _, place in found]

    assert {"analyzing": 10, "ai": 30, "saving": 70}.items() <= dict(found).items()
    assert all(before < after for before, after in zip([0, *progress], progress, strict=False))
    assert progress[-1] < 100


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ((), "the last stage has to be saving"),
        ((ANALYZE, RECOGNIZE), "the last stage has to be saving"),
        ((ANALYZE, RECOGNIZE, SAVE, stage("late")), "the last stage has to be saving"),
        ((ANALYZE, ANALYZE, RECOGNIZE, SAVE), "analyzing is there twice"),
        ((RECOGNIZE, ANALYZE, SAVE), "ai, analyzing, saving have to be in the order analyzing, ai"),
        ((ANALYZE, SAVE), "saving needs the recognition: put ai, which makes it, before saving"),
        (
            (stage("watermark", needs=("picture",)), ANALYZE, RECOGNIZE, SAVE),
            "watermark needs the picture: put analyzing, which makes it, before watermark",
        ),
        (
            (ANALYZE, RECOGNIZE, *(stage(f"s{number}") for number in range(10)), SAVE),
            "there may be 9 stages",
        ),
    ],
)
def test_what_cannot_work_is_refused(stages: tuple[Stage, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Pipeline(stages)


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


def _raises_later(error: BaseException) -> Callable[[Work], Any]:
    async def fail(_: Work) -> None:
        raise error

    return fail


@pytest.mark.parametrize("how", [_raises, _raises_later])
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


@pytest.mark.parametrize("how", [_raises, _raises_later])
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
            [stage("one", knows), stage("two", _raises_later(error)), stage("saving")]
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
