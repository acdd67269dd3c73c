"""Whether what was sampled has grown: the medians of the second and of the last quarter."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MOST_GROWTH: Final = 0.05
SLACK: Final = {
    "MB": 2.0,
    "files": 4.0,
    "threads": 16.0,
    "children": 0.0,
    "keys": 500.0,
    "blobs": 128.0,
}
"""What is no growth whatever its share, by unit: a socket more of twenty is one in twenty, 64
photos may be under way, or two, and the blob store has a thread for each file that is written."""

LEAST_SAMPLES: Final = 8
"""So that a quarter has two."""


@dataclass(frozen=True)
class Growth:
    """One quantity of one process: medians of the quarters named, and the most there was."""

    name: str
    unit: str
    second: float
    last: float
    most: float

    @property
    def share(self) -> float:
        """By how much of the second quarter's the last quarter's median is larger."""
        return (self.last - self.second) / self.second if self.second else float(self.last > 0)

    @property
    def flat(self) -> bool:
        grown = self.last - self.second
        return grown <= SLACK[self.unit] or self.share < MOST_GROWTH

    def __str__(self) -> str:
        verdict = "flat" if self.flat else "GROWS"
        return (
            f"{f'{self.name}, {self.unit}':34}{self.second:>10.1f}{self.last:>10.1f}"
            f"{self.most:>10.1f}{self.share:>+9.1%}  {verdict}"
        )


Samples = Mapping[tuple[str, str], Sequence[float]]
"""By name and unit, in the order of time, evenly spaced."""


def growths(samples: Samples) -> list[Growth]:
    """Return one for each quantity. Raises `ValueError` if there are too few samples."""
    found = []
    for (name, unit), values in samples.items():
        if len(values) < LEAST_SAMPLES:
            raise ValueError(f"{name}: {len(values)} samples are too few to tell quarters")
        quarter = len(values) // 4
        second, last = values[quarter : 2 * quarter], values[-quarter:]
        found.append(
            Growth(name, unit, statistics.median(second), statistics.median(last), max(values))
        )
    return found


def table(found: Sequence[Growth]) -> str:
    head = f"{'':34}{'2nd':>10}{'last':>10}{'most':>10}{'growth':>9}"
    return "\n".join([head, *map(str, found)])
