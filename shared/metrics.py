"""What every service counts. Each has a `metrics.py` of its own besides; `make docs` lists them."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REDIS_ERRORS: Final = Counter(
    "tagline_redis_errors_total",
    "What Redis did not do, though asked again where that may help, by the driver's error.",
    ["error"],
)
UNREAD: Final = Counter(
    "tagline_unread_total", "Connections ended because their client took too little of an answer."
)


def from_zero(metric: Counter | Gauge | Histogram, *values: str) -> None:
    """Have a metric of one label tell 0 of `values` before they happen: no gap, no first step."""
    for value in values:
        metric.labels(value)


from_zero(REDIS_ERRORS, "ConnectionError", "TimeoutError")
