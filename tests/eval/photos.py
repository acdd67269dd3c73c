"""The labelled photographs: which file of which package, and what is on it.

`photos.csv` has a row a photo. `shows`: what must be named; `also`: what may be, as it is there
to be seen; `never`: what no narrower word of may be named either. Words are joined by `+`. A word
of `labels.csv` brings its wider ones along: who may say `cat` may say `animal`.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from services.tagger.providers.labels import read_concepts

TABLE: Final = Path(__file__).with_name("photos.csv")

Half = Literal["tuning", "held"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One photo and what it shows; words in English, lower case."""

    package: str
    path: str
    """Within the package."""
    sha256: str
    kind: str
    """The class it stands for in the table, such as `people`."""
    blur_px: float
    """The radius by which the picture is blurred first, at a longest side of 512; 0 mostly."""
    shows: frozenset[str]
    also: frozenset[str]
    never: frozenset[str]

    @property
    def half(self) -> Half:
        """What the photo is for: thresholds are chosen on one half, and told of the other."""
        return "tuning" if int(self.sha256[0], 16) % 2 else "held"

    def right(self, word: str) -> bool:
        """Whether `word` is true of the photo."""
        allowed = self.shows | self.also
        allowed |= {wide for one in allowed for wide in wider().get(one, ())}
        return not allowed.isdisjoint(_forms(word))

    def found(self, words: set[str]) -> frozenset[str]:
        """Return what must be named, and is by one of `words`."""
        forms = {form for word in words for form in _forms(word)}
        return frozenset(one for one in self.shows if one in forms)

    def grave(self, word: str) -> bool:
        """Whether `word`, or a wider one, must never be said of the photo."""
        return not self.right(word) and any(
            form in self.never or not self.never.isdisjoint(wider().get(form, ()))
            for form in _forms(word)
        )


def read_photos(table: Path = TABLE) -> tuple[Labelled, ...]:
    with table.open(encoding="utf-8", newline="") as lines:
        return tuple(
            Labelled(
                package=row["package"],
                path=row["path"],
                sha256=row["sha256"],
                kind=row["class"],
                blur_px=float(row["blur_px"] or 0),
                shows=_words(row["shows"]),
                also=_words(row["also"]),
                never=_words(row["never"]),
            )
            for row in csv.DictReader(lines)
        )


@functools.cache
def wider() -> dict[str, frozenset[str]]:
    """Each concept of the local model, and those that cover all that it covers."""
    concepts = read_concepts()
    return {
        one.en: frozenset(each.en for each in concepts if each.classes >= one.classes)
        for one in concepts
    }


def _words(joined: str) -> frozenset[str]:
    return frozenset(word for word in joined.split("+") if word)


def _forms(word: str) -> set[str]:
    """`Dogs`: also `dog`. Models that answer freely like the plural."""
    plain = " ".join(word.casefold().split())
    return {plain, plain.removesuffix("s"), plain.removesuffix("es")}
