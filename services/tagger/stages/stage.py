"""The contract of a stage: one step of the work on a photo.

A stage is one file of this folder and one name in the tuple of `pipeline.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.tagger.accounts import Accounts
from services.tagger.cache import Cache
from services.tagger.clock import Clock
from services.tagger.gate import Gate
from services.tagger.providers.provider import Provider, Recognition, Usage
from services.tagger.vocabulary import Vocabulary
from shared.attempts import Attempts
from shared.blobs import BlobStore
from shared.decoding.decoder import Decoder
from shared.decoding.picture import Picture
from shared.photos import Photos
from shared.record import PhotoTag, Record
from shared.tags import Tags


@dataclass(frozen=True, slots=True)
class Tools:
    """What stages work with; one for the whole process."""

    photos: Photos
    attempts: Attempts
    tags: Tags
    blobs: BlobStore
    decoder: Decoder
    provider: Provider
    gate: Gate
    cache: Cache
    accounts: Accounts
    vocabulary: Vocabulary


@dataclass(slots=True)
class Work:
    """One attempt at a photo, and what its stages have found so far."""

    record: Record
    tools: Tools
    picture: Picture | None = None
    recognition: Recognition | None = None
    tags: tuple[PhotoTag, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    """Fields of the record that change however the photo ends."""

    fields: dict[str, str] = field(default_factory=dict)
    """Fields of the record that change when the photo is complete."""

    clock: Clock = field(default_factory=Clock)
    stage_ms: dict[str, float] = field(default_factory=dict)
    """How long each stage took that has begun, by its id, without what it waited for others."""

    cached: bool = False
    """Whether the recognition came from the cache: it cost nothing then."""

    calls: int = 0
    """How many calls of the provider this attempt has made."""

    usage: Usage | None = None
    """What these calls used, where the provider told."""

    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the pipeline.

    `progress`: where the bar stands when the stage begins, percent. `labels`: its name by
    locale. `messages`: what the owner reads while it runs, by locale. `icon`: a name of the
    Lucide icon set. `run` raises `PermanentError` or `RetryableError`.
    """

    id: str
    progress: int
    icon: str
    labels: Mapping[str, str]
    messages: Mapping[str, str]
    run: Callable[[Work], Awaitable[None]]
    timeout_s: float

    def described(self) -> dict[str, Any]:
        """Return what clients are told of it, labels by locale."""
        return {
            "id": self.id,
            "progress": self.progress,
            "labels": dict(self.labels),
            "icon": self.icon,
        }
