"""How good tags are: the arithmetic, and the table that says it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.eval.photos import Labelled

ALL: Final = "all"

HEAD: Final = (
    f"{'class':12}{'photos':>7}{'tags':>6}{'precision':>11}{'recall':>8}"
    f"{'with a right tag':>18}{'with none':>11}{'with a false one':>18}{'grave':>7}{'ms':>7}"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a provider said of one photo: its tags in English, the surest first."""

    photo: Labelled
    tags: tuple[str, ...]
    took_ms: float

    @property
    def right(self) -> tuple[str, ...]:
        return tuple(tag for tag in self.tags if self.photo.right(tag))

    @property
    def false(self) -> tuple[str, ...]:
        return tuple(tag for tag in self.tags if not self.photo.right(tag))

    @property
    def grave(self) -> tuple[str, ...]:
        return tuple(tag for tag in self.tags if self.photo.grave(tag))


@dataclass(frozen=True, slots=True)
class Score:
    """Of several photos. Shares are 0 to 1; None where there is nothing to take a share of."""

    photos: int
    tags: int
    precision: float | None
    """Of the tags, the share that is true."""
    recall: float | None
    """Of what must be named, the share that is."""
    right: float
    """The share of photos with a true tag or more."""
    none: float
    """The share of photos with no tag."""
    false: float
    """The share of photos with a false tag or more."""
    grave: int
    """Tags that must never be said of their photo."""
    median_ms: float


def score(seen: Sequence[Seen]) -> Score:
    """Return the score of one photo or more."""
    tags = sum(len(one.tags) for one in seen)
    wanted = sum(len(one.photo.shows) for one in seen)
    found = sum(len(one.photo.found(set(one.tags))) for one in seen)
    return Score(
        photos=len(seen),
        tags=tags,
        precision=sum(len(one.right) for one in seen) / tags if tags else None,
        recall=found / wanted if wanted else None,
        right=_share(seen, [bool(one.right) for one in seen]),
        none=_share(seen, [not one.tags for one in seen]),
        false=_share(seen, [bool(one.false) for one in seen]),
        grave=sum(len(one.grave) for one in seen),
        median_ms=statistics.median(one.took_ms for one in seen),
    )


def scores(seen: Sequence[Seen]) -> dict[str, Score]:
    """Return the score of each class, in the order of the photos, and of all."""
    kinds = dict.fromkeys(one.photo.kind for one in seen)
    each = {kind: score([one for one in seen if one.photo.kind == kind]) for kind in kinds}
    return {**each, ALL: score(seen)}


def table(of_classes: dict[str, Score]) -> str:
    """Return lines of plain text, one a class."""
    return "\n".join([HEAD, *(_line(name, one) for name, one in of_classes.items())])


def _line(name: str, one: Score) -> str:
    return (
        f"{name:12}{one.photos:>7}{one.tags:>6}{_percent(one.precision):>11}"
        f"{_percent(one.recall):>8}{_percent(one.right):>18}{_percent(one.none):>11}"
        f"{_percent(one.false):>18}{one.grave:>7}{one.median_ms:>7.1f}"
    )


def _share(seen: Sequence[Seen], which: list[bool]) -> float:
    return sum(which) / len(seen)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
