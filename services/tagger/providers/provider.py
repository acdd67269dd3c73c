"""The contract of a provider: what looks at a photo and names what it sees.

A provider is one file of this folder and one line in `choose.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shared.decoding.picture import Picture


@dataclass(frozen=True, slots=True)
class FoundTag:
    """One thing seen: its name by locale (`fr`, `en`; one at least), and how sure, 0 to 1."""

    names: Mapping[str, str]
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a provider says of one photo; the surest tag first."""

    tags: tuple[FoundTag, ...]
    caption: str | None = None


class Provider(Protocol):
    """Names what is on a photo. One instance serves many photos at once."""

    name: str
    """The word in settings, in the photo's `provider` and in metrics."""

    picture_side_px: int
    """The longest side a `Picture` for this provider needs."""

    async def start(self) -> None:
        """Load what is needed. Raises `RuntimeError`, saying what is wrong, if it cannot work."""

    async def recognize(self, picture: Picture, *, locale: str) -> Recognition:
        """Look at `picture`; the names hold at least `locale`.

        Raises `PermanentError` or `RetryableError`, within the provider's own deadline;
        gives up at once when cancelled.
        """

    async def close(self) -> None:
        """Let go of connections and memory."""
