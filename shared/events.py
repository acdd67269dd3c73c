"""What a client is told about a photo, as `data` of each event."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.record import Photo


class Event(BaseModel):
    """An event; `name` is its name on every transport."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    name: ClassVar[str]
    traceparent: str | None = None
    """The trace it belongs to, where messages carry one; see `shared.tracing`."""

    def data(self) -> str:
        """Return the JSON that is stored in the lane and sent as it is."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class PhotoProgress(Event):
    name = "photo:progress"

    photo_id: int
    job_id: str
    stage: str
    progress: Annotated[int, Field(ge=0, le=100)]
    message: str
    attempt: int
    position: int | None = None
    """Place in the line, from 1, of a photo that waits: stage `queued`, progress 0."""
    eta_seconds: float | None = None
    """About how long it will wait before its work begins, at the pace of late."""
    label: str | None = None
    icon: str | None = None
    """Of a stage that a client may not know, in the photo's language: one that was added."""
    batch_id: str | None = None


class PhotoComplete(Event):
    name = "photo:complete"

    photo_id: int
    photo: Photo
    """As HTTP gives it; nulls stay."""
    message: str
    batch_id: str | None = None

    def data(self) -> str:
        fields = {name for name in ("batch_id", "traceparent") if getattr(self, name) is None}
        return self.model_dump_json(by_alias=True, exclude=fields)


class PhotoError(Event):
    name = "photo:error"

    photo_id: int
    error: str
    message: str
    code: str
    attempts: int
    batch_id: str | None = None


class PhotoRetrying(Event):
    name = "photo:retrying"

    photo_id: int
    attempt: int
    max_attempts: int
    retry_in_ms: int
    error: str
    message: str
    batch_id: str | None = None


class PhotoCancelled(Event):
    name = "photo:cancelled"

    photo_id: int
    message: str
    batch_id: str | None = None
