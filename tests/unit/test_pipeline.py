"""The pipeline: where its stages stand, and which cannot stand so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tagger.pipeline import MOST_OWN, Pipeline
from services.tagger.stages.choose import BUILT_IN
from services.tagger.stages.stage import Stage
from tests.support.stages import stage

ANALYZE, RECOGNIZE, SAVE = BUILT_IN.values()


def places(*stages: Stage) -> list[tuple[str, int]]:
    return [(step.stage.id, step.progress) for step in Pipeline(stages).steps]


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
