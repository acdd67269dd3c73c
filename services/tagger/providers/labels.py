"""From the 1000 probabilities of ImageNet's classes, and the faces, to the tags of a gallery.

A single class is often too narrow to be sure of (which of five cats is it?) while
the sum over the classes of one concept is not: `cat`, `feline`, `animal`. The
concepts, their names and what they cover are rows of `labels.csv`.

ImageNet knows no people. Who is on a photo is told by the faces; and where there is one, what
else is there has to be surer: the model takes people for animals, vehicles and instruments.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from services.tagger.providers.provider import MOST_TAGS, FoundTag
from services.tagger.providers.yunet import Face

TABLE: Final = Path(__file__).with_name("labels.csv")

NARROW_LEAST: Final = 0.4
"""How sure a concept must be to be named; below this the model guesses. The thresholds, these
and those of the table, are chosen on one half of the photos of `make eval`."""
WIDE_LEAST: Final = 0.5
"""The same, of a concept that others are within: a sum gathers guesses too."""

BESIDE_A_FACE_LEAST: Final = 0.75
"""The same, where there is a face, of all but what people wear."""
ON_AN_ANIMAL_LEAST: Final = 0.9
"""How sure a face must be where an animal is: theirs look like ours."""
LARGE_FACE: Final = 0.2
"""The height, in parts of the picture's longer side, from which a face is a subject itself."""

GROUP_FACES: Final = 3
"""How many faces are a group. `people` is the plural of `person`, and one tag with it."""

PERSON: Final = {"fr": "personne", "en": "person"}
GROUP: Final = {"fr": "groupe", "en": "group"}
FACE: Final = {"fr": "visage", "en": "face"}

_ANIMAL: Final = "animal"
_CLOTHING: Final = "clothing"


class Concept(NamedTuple):
    """One thing that a photo may show."""

    en: str
    fr: str
    least: float
    """The least confidence, 0 to 1, at which it is named."""
    classes: frozenset[int]
    """The ImageNet classes it covers, those of narrower concepts included."""


def read_concepts(table: Path = TABLE) -> tuple[Concept, ...]:
    """Read the table of concepts. Raises `ValueError` if it contradicts itself."""
    with table.open(encoding="utf-8", newline="") as lines:
        read = list(csv.DictReader(line for line in lines if line[0] != "#"))
    rows = {row["en"]: row for row in read}
    if len(rows) < len(read):
        raise ValueError(f"{table.name} names a concept twice.")
    covered = {name: _classes(row["classes"]) for name, row in rows.items()}
    wide = set()
    for name in rows:
        for above in _above(name, rows):
            covered[above] |= _classes(rows[name]["classes"])
            wide.add(above)
    for name, classes in covered.items():
        if not classes:
            raise ValueError(f"'{name}' covers no class.")
    return tuple(
        Concept(
            en=name,
            fr=row["fr"],
            least=float(row["least"] or (WIDE_LEAST if name in wide else NARROW_LEAST)),
            classes=frozenset(covered[name]),
        )
        for name, row in rows.items()
    )


def _classes(ranges: str) -> set[int]:
    """Of `1-3 7`: 1, 2, 3 and 7."""
    found: set[int] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _above(name: str, rows: dict[str, dict[str, str]], below: tuple[str, ...] = ()) -> set[str]:
    """Every concept that `name` is within, directly or not."""
    if name not in rows or name in below:
        raise ValueError(f"'{name}', above '{below[-1]}', is unknown, or within itself.")
    direct = {wider for wider in rows[name]["within"].split("+") if wider}
    return direct.union(*(_above(wider, rows, (*below, name)) for wider in direct))


class Labels:
    """The concepts, ready to be applied to probabilities."""

    def __init__(self, concepts: tuple[Concept, ...]) -> None:
        self._concepts = concepts
        # All classes of all concepts in a row, and where each concept's begin. A product
        # with a matrix would say it shorter, but BLAS starts threads of its own for it:
        # 8 ms on a busy machine, against 0.1.
        self._classes = np.array([index for concept in concepts for index in concept.classes])
        counts = [len(concept.classes) for concept in concepts]
        self._starts = np.cumsum([0, *counts[:-1]])
        named = {concept.en: index for index, concept in enumerate(concepts)}
        self._animal = named[_ANIMAL]
        worn = concepts[named[_CLOTHING]].classes
        self._leasts = [concept.least for concept in concepts]
        self._leasts_beside_a_face = [
            concept.least if concept.classes <= worn else max(concept.least, BESIDE_A_FACE_LEAST)
            for concept in concepts
        ]

    def tags(
        self, probabilities: npt.NDArray[np.float32], faces: tuple[Face, ...] = ()
    ) -> tuple[FoundTag, ...]:
        """Name what is sure enough, the surest first, at most `MOST_TAGS`.

        `probabilities`: of each class, 1000 of them; `faces`: the surest first. Of two as sure,
        the narrower comes first: it says more.
        """
        gathered = probabilities.astype(np.float64)[self._classes]
        sums = np.add.reduceat(gathered, self._starts).clip(max=1).round(3).tolist()
        if sums[self._animal] >= self._concepts[self._animal].least:
            faces = tuple(face for face in faces if face.confidence >= ON_AN_ANIMAL_LEAST)
        leasts = self._leasts_beside_a_face if faces else self._leasts
        found = [
            (confidence, concept)
            for confidence, concept, least in zip(sums, self._concepts, leasts, strict=True)
            if confidence >= least
        ]
        found.sort(key=lambda one: (-one[0], len(one[1].classes)))
        tags = [
            *of_faces(faces),
            *(
                FoundTag(names={"fr": concept.fr, "en": concept.en}, confidence=confidence)
                for confidence, concept in found
            ),
        ]
        tags.sort(key=lambda tag: -(tag.confidence or 0))  # stable: the narrower stays first
        return tuple(tags[:MOST_TAGS])


def of_faces(faces: tuple[Face, ...]) -> list[FoundTag]:
    """Name who is on a photo with these faces, the surest first."""
    if not faces:
        return []
    found = [FoundTag(PERSON, round(faces[0].confidence, 3))]
    if len(faces) >= GROUP_FACES:
        found.append(FoundTag(GROUP, round(faces[GROUP_FACES - 1].confidence, 3)))
    large = [face.confidence for face in faces if face.height >= LARGE_FACE]
    if large:
        found.append(FoundTag(FACE, round(large[0], 3)))
    return found
