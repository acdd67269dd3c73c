from __future__ import annotations

import csv
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from services.tagger.providers.labels import FACE, GROUP, PERSON, TABLE, Labels, read_concepts
from services.tagger.providers.yunet import Face

if TYPE_CHECKING:
    from pathlib import Path

BEAGLE, PUG, LYNX, TABBY, PERSIAN, EGYPTIAN = 162, 254, 287, 281, 283, 285
CHIMPANZEE, FOOTBALL_HELMET, SUIT, ESPRESSO, PIZZA = 367, 560, 834, 967, 963


HEADER = "en,fr,within,classes,least\n"


@pytest.fixture(scope="module")
def labels() -> Labels:
    return Labels(read_concepts())


def seeing(sure: dict[int, float]) -> npt.NDArray[np.float32]:
    """Probabilities of classes, by their index; of all others 0."""
    probabilities = np.zeros(1000, np.float32)
    probabilities[list(sure)] = list(sure.values())
    return probabilities


def french(labels: Labels, sure: dict[int, float]) -> list[tuple[str, float | None]]:
    return [(tag.names["fr"], tag.confidence) for tag in labels.tags(seeing(sure))]


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_every_class_belongs_to_a_concept_but_three_that_say_nothing() -> None:
    covered = set().union(*(concept.classes for concept in read_concepts()))

    assert set(range(1000)) - covered == {506, 616, 676}  # coil, knot, muzzle
    assert max(covered) == 999


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_concept_has_a_name_of_its_own_in_both_languages(language: str) -> None:
    names = [row[language] for row in rows()]

    assert [name for name in names if not name or name != name.strip().lower()] == []
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_two_names_are_the_same_but_for_accents_and_plurals(language: str) -> None:
    plain = Counter(without_accents(row[language]).rstrip("sx") for row in rows())

    assert [name for name, count in plain.items() if count > 1] == []


def without_accents(name: str) -> str:
    letters = unicodedata.normalize("NFD", name.replace("œ", "oe"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def test_every_concept_can_be_reached() -> None:
    assert [concept.en for concept in read_concepts() if not 0.4 <= concept.least < 1] == []


def test_the_classes_of_a_concept_add_up(labels: Labels) -> None:
    sure = {TABBY: 0.4, EGYPTIAN: 0.35, PERSIAN: 0.17, LYNX: 0.01}

    assert french(labels, sure) == [("félin", 0.93), ("animal", 0.93), ("chat", 0.92)]


def test_of_two_as_sure_the_narrower_comes_first(labels: Labels) -> None:
    assert french(labels, {TABBY: 0.9}) == [
        ("chat tigré", 0.9),
        ("chat", 0.9),
        ("félin", 0.9),
        ("animal", 0.9),
    ]


def test_a_breed_is_named_only_when_it_is_likely_by_itself(labels: Labels) -> None:
    assert french(labels, {BEAGLE: 0.6, PUG: 0.3}) == [("chien", 0.9), ("animal", 0.9)]
    assert french(labels, {BEAGLE: 0.8}) == [("beagle", 0.8), ("chien", 0.8), ("animal", 0.8)]


def test_a_cup_of_coffee_is_a_coffee_a_cup_and_a_drink(labels: Labels) -> None:
    names = {tag.names["en"] for tag in labels.tags(seeing({ESPRESSO: 0.95}))}

    assert names == {"coffee", "cup", "drink", "tableware"}


def test_what_is_not_sure_has_no_name(labels: Labels) -> None:
    assert french(labels, {PIZZA: 0.39}) == []
    assert french(labels, {PIZZA: 0.4}) == [("pizza", 0.4)]
    assert french(labels, {PIZZA: 0.5}) == [("pizza", 0.5), ("nourriture", 0.5)]


def test_what_people_are_mistaken_for_must_be_all_but_certain(labels: Labels) -> None:
    assert french(labels, {FOOTBALL_HELMET: 0.7}) == []
    assert french(labels, {CHIMPANZEE: 0.94}) == []
    assert french(labels, {CHIMPANZEE: 0.96}) == [("chimpanzé", 0.96), ("primate", 0.96)]


def face(confidence: float, height: float = 0.3) -> Face:
    return Face(confidence, left=0.1, top=0.1, width=0.2, height=height)


def with_faces(
    labels: Labels, sure: dict[int, float], *faces: Face
) -> list[tuple[str, float | None]]:
    return [(tag.names["en"], tag.confidence) for tag in labels.tags(seeing(sure), faces)]


def test_a_face_is_a_person_and_a_large_one_a_face_too(labels: Labels) -> None:
    assert with_faces(labels, {}, face(0.91)) == [("person", 0.91), ("face", 0.91)]
    assert with_faces(labels, {}, face(0.91, height=0.1)) == [("person", 0.91)]
    assert labels.tags(seeing({}), (face(0.91),))[0].names == {"fr": "personne", "en": "person"}


def test_three_faces_are_a_group_as_sure_as_the_third_is(labels: Labels) -> None:
    faces = [face(sure, height=0.1) for sure in (0.95, 0.9, 0.82)]

    assert with_faces(labels, {}, *faces[:2]) == [("person", 0.95)]
    assert with_faces(labels, {}, *faces) == [("person", 0.95), ("group", 0.82)]


def test_beside_a_face_only_what_is_nearly_certain_is_named_and_what_people_wear(
    labels: Labels,
) -> None:
    assert with_faces(labels, {PIZZA: 0.74}, face(0.9, height=0.1)) == [("person", 0.9)]
    assert with_faces(labels, {PIZZA: 0.76}, face(0.9, height=0.1)) == [
        ("person", 0.9),
        ("pizza", 0.76),
        ("food", 0.76),
    ]
    assert with_faces(labels, {SUIT: 0.6}, face(0.9, height=0.1)) == [
        ("person", 0.9),
        ("clothing", 0.6),
    ]


def test_an_animal_has_a_face_that_is_no_persons_unless_it_is_very_sure(labels: Labels) -> None:
    assert ("person", 0.89) not in with_faces(labels, {BEAGLE: 0.9}, face(0.89))
    assert with_faces(labels, {BEAGLE: 0.9}, face(0.91))[:2] == [("person", 0.91), ("face", 0.91)]


@pytest.mark.parametrize("names", [PERSON, GROUP, FACE])
def test_who_is_on_a_photo_is_no_concept_of_the_table(names: dict[str, str]) -> None:
    assert [row for row in rows() if row["fr"] == names["fr"] or row["en"] == names["en"]] == []


def test_confidence_is_at_most_one_and_tags_are_at_most_twelve(labels: Labels) -> None:
    tags = labels.tags(np.ones(1000, np.float32))

    assert len(tags) == 12
    assert {tag.confidence for tag in tags} == {1.0}


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("cat,chat,animal,281,\n", "'animal', above 'cat', is unknown"),
        ("cat,chat,dog,281,\ndog,chien,cat,162,\n", "within itself"),
        ("cat,chat,,,\n", "'cat' covers no class"),
        ("cat,chat,,281,\ncat,félin,,282,\n", "names a concept twice"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(table: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(HEADER + table, encoding="utf-8")

    with pytest.raises(ValueError, match=why):
        read_concepts(path)
