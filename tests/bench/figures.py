"""What a case of the benchmark measures, and the table that says it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

NAME_WIDTH = 42
VALUE_WIDTH = 12


@dataclass(frozen=True)
class Sizes:
    """How much a case does, and which server is measured in turns with ours, if any."""

    beside_url: str = ""
    """Speaks our HTTP and Socket.IO at one address."""

    pickups: int = 200
    messages: int = 3000
    rounds: int = 3
    depths: tuple[int, ...] = (10, 10_000, 1_000_000)
    settle_s: float = 5.0
    idle_s: float = 10.0
    give_up_s: float = 30.0
    warm_up: int = 32
    photos: int = 100
    uploads: int = 1_000
    large_uploads: int = 64
    followed: int = 300
    in_flight: int = 1_000
    held_s: float = 10.0
    tagged: int = 600
    listed: int = 200_000
    stored: int = 100_000
    sockets: int = 5_000
    fanned: int = 2_000
    events: int = 300_000
    steady_s: int = 10
    before_s: float = 5.0


@dataclass(frozen=True)
class Figure:
    """One quantity, and what it is compared with, measured in the same run.

    `limit`: the same of the cheapest thing that could do it, which does nothing else.
    `more`: more of it is better. `beside_is_more`: it took longer than
    `beside`, where measuring was given up.
    `met`: whether the goal was met; None where there is none.
    """

    name: str
    unit: str
    ours: float
    beside: float | None = None
    limit: float | None = None
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

    @property
    def of_limit(self) -> float | None:
        """Which share of the limit ours is: 1 is all that can be had."""
        if not self.limit or not self.ours:
            return None
        return self.ours / self.limit if self.more else self.limit / self.ours


@dataclass(frozen=True)
class Case:
    """One part of the benchmark, run by its name."""

    name: str
    title: str
    beside: str  # what ours is compared with
    measure: Callable[[Sizes], list[Figure]]
    limit: str = ""  # the cheapest thing that could do it


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the percentile of `values`, of which there are two or more."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(case: Case, figures: Sequence[Figure]) -> str:
    """Return lines of plain text, one a figure."""
    columns = "".join(f"{name:>{VALUE_WIDTH}}" for name in ("ours", case.beside, "limit"))
    head = f"{case.title:{NAME_WIDTH}}{columns}{'better':>9}{'share':>7}  goal"
    below = [f"  limit: {case.limit}"] if case.limit else []
    return "\n".join([head, *map(_line, figures), *below])


def markdown(case: Case, figures: Sequence[Figure]) -> str:
    """Return the same as a table of Markdown."""
    head = ["", "ours", case.beside or "beside", case.limit or "limit", "better", "of the limit"]
    rows = [[f"{each.name.strip()}, {each.unit}", *_values(each), each.goal] for each in figures]
    lines = [[*head, "goal"], ["---", *["--:"] * 5, "---"], *rows]
    shown = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"### `{case.name}`: {case.title}\n\n{shown}\n"


def as_json(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """Return the figures as objects for JSON."""
    return [
        {**asdict(each), "times_better": each.times_better, "of_limit": each.of_limit}
        for each in figures
    ]


def _line(figure: Figure) -> str:
    ours, beside, limit, better, share = _values(figure)
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    values = "".join(f"{value:>{VALUE_WIDTH}}" for value in (ours, beside, limit))
    name = f"{figure.name}, {figure.unit}"
    line = f"  {name:{NAME_WIDTH - 2}}{values}{better:>9}{share:>7}  {figure.goal} {verdict}"
    return line.rstrip()


def _values(figure: Figure) -> list[str]:
    """Return the five columns of a figure: ours, beside, limit, better, share of the limit."""
    beside, limit = (
        "" if value is None else _number(value) for value in (figure.beside, figure.limit)
    )
    better = "" if figure.times_better is None else _times(figure.times_better)
    if figure.beside_is_more:
        beside, better = f"> {beside}", f"> {better}"
    share = "" if figure.of_limit is None else f"{100 * figure.of_limit:.0f}%"
    return [_number(figure.ours), beside, limit, better, share]


def _times(better: float) -> str:
    return f"{better:.1f}x" if better >= 1 else f"1/{1 / better:.1f}"


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 1000 else f"{value:.2f}"
