"""What a case of the benchmark measures, and the table that says it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

NAME_WIDTH = 42
VALUE_WIDTH = 14


@dataclass(frozen=True)
class Sizes:
    """How much a case does. The seconds of all cases together are about seven minutes."""

    pickups: int = 200
    messages: int = 3000
    rounds: int = 3
    depths: tuple[int, ...] = (10, 10_000, 1_000_000)
    settle_s: float = 5.0
    idle_s: float = 10.0
    give_up_s: float = 30.0
    photos: int = 200
    tagged: int = 600
    listed: int = 200_000
    sockets: int = 5_000
    events: int = 300_000
    steady_s: int = 10
    before_s: float = 5.0


@dataclass(frozen=True)
class Figure:
    """One quantity, and what it is compared with, measured in the same run.

    `more`: more of it is better. `beside_is_more`: it took longer than
    `beside`, where measuring was given up.
    `met`: whether the goal was met; None where there is none.
    """

    name: str
    unit: str
    ours: float
    beside: float | None = None
    more: bool = False
    beside_is_more: bool = False
    goal: str = ""
    met: bool | None = None

    @property
    def times_better(self) -> float | None:
        """How many times as good ours is; more than 1 is better."""
        if not self.beside or not self.ours:
            return None
        return self.ours / self.beside if self.more else self.beside / self.ours


@dataclass(frozen=True)
class Case:
    """One part of the benchmark, run by its name."""

    name: str
    title: str
    beside: str  # what ours is compared with
    measure: Callable[[Sizes], list[Figure]]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the percentile of `values`, of which there are two or more."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(case: Case, figures: Sequence[Figure]) -> str:
    """Return lines of plain text, one a figure."""
    head = f"{case.title:{NAME_WIDTH}}{'ours':>{VALUE_WIDTH}}{case.beside:>{VALUE_WIDTH}}"
    return "\n".join([f"{head}{'better':>10}  goal", *map(_line, figures)])


def as_json(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """Return the figures as objects for JSON."""
    return [{**asdict(figure), "times_better": figure.times_better} for figure in figures]


def _line(figure: Figure) -> str:
    beside = "" if figure.beside is None else _number(figure.beside)
    better = "" if figure.times_better is None else _times(figure.times_better)
    if figure.beside_is_more:
        beside, better = f"> {beside}", f"> {better}"
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    line = (
        f"  {f'{figure.name}, {figure.unit}':{NAME_WIDTH - 2}}{_number(figure.ours):>{VALUE_WIDTH}}"
        f"{beside:>{VALUE_WIDTH}}{better:>10}  {figure.goal} {verdict}"
    )
    return line.rstrip()


def _times(better: float) -> str:
    return f"{better:.1f}x" if better >= 1 else f"1/{1 / better:.1f}"


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 1000 else f"{value:.2f}"
