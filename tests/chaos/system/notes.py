"""What clients note: what they sent, what was answered, and every frame that they were sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Accepted:
    """A photo of an answer with 202."""

    photo_id: int
    job_id: str
    filename: str


@dataclass
class Upload:
    """One photo, or a batch, sent until it was answered, maybe several times by one key.

    `digests`: the SHA-256 of each photo. `kind`: `good`, `corrupt` (accepted, and no picture),
    `poison`, or `refused`, which is no photo at all. `accepted`: what each 202 said; `refused`:
    the other statuses; `mismatched`: those that the same key with other bytes was given.
    """

    digests: tuple[str, ...]
    socket_id: str
    kind: str = "good"
    accepted: list[tuple[Accepted, ...]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    mismatched: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    """What was wanted of a photo: `cancel`, `retag`, `delete`, `edit` or `watch`.

    `status`: the answer's; None if the outcome is not known. `job_id`: whose cancel, or the new
    one of a retag. `tags`: those given by hand.
    """

    what: str
    photo_id: int
    status: int | None
    job_id: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frame:
    """What a client was sent, as it came. `at_s`: when, by the machine's wall clock."""

    id: str
    event: str
    data: dict[str, Any]
    at_s: float = 0.0
