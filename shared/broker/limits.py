"""How long and how much: what a broker is told once and its consumers keep to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WORK_MARGIN_MS: Final = 10_000
"""What work is given beyond its time limit, to be interrupted and to tidy up."""


@dataclass(frozen=True)
class Limits:
    """The limits of a broker; `RedisStreamsBroker` says what each one means."""

    claim_after_ms: int = 15_000
    max_work_ms: int = 3_600_000
    max_deaths: int = 3
    max_dead_letters: int = 10_000
    max_dead_age_ms: int = 7 * 24 * 3_600_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value!r}")
