"""The queries of the dashboard, and what their lines are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OURS: Final = 'job=~"(.*[-/])?(gateway|notifier|tagger)"'
RATE: Final = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Query:
    """A query; in `legend`, `{{label}}` stands for a label's value."""

    expr: str
    legend: str


def a_second(counter: str, *by: str, where: str = "", legend: str = "", times: int = 1) -> Query:
    """Return how much `counter` grows, over all replicas, in a second or in so many, by labels."""
    labels = f" by ({', '.join(by)})" if by else ""
    factor = f"{times} * " if times > 1 else ""
    expr = f"{factor}sum{labels} (rate({_selected(counter, where)}[{RATE}]))"
    return Query(expr, legend or _named(by))


def a_minute(counter: str, *by: str, where: str = "", legend: str = "") -> Query:
    """Return how much `counter` grows in a minute."""
    return a_second(counter, *by, where=where, legend=legend, times=60)


def part(counter: str, where: str, legend: str) -> Query:
    """Return which part of what `counter` grows by is so."""
    some, all_of_it = (a_second(counter, where=each).expr for each in (where, ""))
    return Query(f"{some} / {all_of_it}", legend)


def quantiles(
    histogram: str, *by: str, where: str = "", of: tuple[int, ...] = (50, 95, 99)
) -> tuple[Query, ...]:
    """Return the percentiles `of` a histogram, over all replicas, by labels."""
    buckets = a_second(f"{histogram}_bucket", "le", *by, where=where).expr
    return tuple(
        Query(f"histogram_quantile({each / 100:g}, {buckets})", f"{_named(by)} p{each}".strip())
        for each in of
    )


def _selected(metric: str, where: str) -> str:
    return f"{metric}{{{where}}}" if where else metric


def _named(by: tuple[str, ...]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by)
