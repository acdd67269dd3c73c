"""The photo: how Redis keeps it, and how clients see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args

import orjson
from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel

from shared.decoding.facts import BlurHash, Camera, Color, Facts, Place, TakenAt
from shared.usage import Usage, usage_of

Status = Literal["queued", "processing", "complete", "error", "cancelled"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
ENDED: Final = frozenset({"complete", "error", "cancelled"})

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time as clients see it: RFC 3339, in UTC with milliseconds."""


class PhotoTag(BaseModel):
    """A tag of a photo: named in the photo's language."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    confidence: float | None
    source: Literal["ai", "user"]


class PhotoProblem(BaseModel):
    """Why a photo ended as `error`."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class Photo(BaseModel):
    """A photo as HTTP and `photo:complete` give it.

    `usage`: of all calls for it, in all its jobs; None where no provider has told any.
    """

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    id: int
    filename: str
    original_name: str
    content_type: str
    size: int
    width: int
    height: int
    sha256: str
    status: Status
    processing: bool
    stage: str | None
    progress: int
    tags: tuple[PhotoTag, ...]
    caption: str | None
    alt: str | None
    colors: tuple[Color, ...]
    taken_at: TakenAt | None
    camera: Camera | None
    place: Place | None
    blurhash: BlurHash | None
    provider: str | None
    usage: Usage | None
    extra: dict[str, dict[str, Any]]
    """What stages of one's own have noted, by their ids."""
    job_id: str
    batch_id: str | None
    error: PhotoProblem | None
    created_at: Time
    updated_at: Time
    url: str
    thumbnail_url: str

    def view(self) -> dict[str, Any]:
        """Return the JSON object that clients get."""
        return self.model_dump(by_alias=True)


class Answer(NamedTuple):
    """What a provider has said: the digest of what it was asked, and JSON."""

    question: str
    json: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A photo's hash in Redis, its fields as text."""

    fields: Mapping[str, str]
    facts: Mapping[str, str] | None = None
    """Fields that the same bytes gave a photo before; None if nobody knows."""

    answer: Answer | None = None
    """What a provider has said of the same bytes; None if nobody knows."""

    @classmethod
    def of(cls, raw: Mapping[bytes, bytes]) -> Record:
        return cls({name.decode(): value.decode() for name, value in raw.items()})

    @property
    def id(self) -> int:
        return int(self.fields["id"])

    @property
    def attempt(self) -> int:
        return int(self.fields["attempt"])

    @property
    def tries(self) -> int:
        """How many attempts have failed so far, for reasons that count."""
        return int(self.fields["tries"])

    @property
    def job_id(self) -> str:
        return self.fields["job_id"]

    @property
    def job_ids(self) -> list[str]:
        """Its jobs, the first of them first; earlier ones may be forgotten by now."""
        return [*self.fields.get("earlier_jobs", "").split(), self.job_id]

    @property
    def locale(self) -> str:
        return self.fields["locale"]

    @property
    def owner(self) -> str:
        return self.fields["owner"]

    @property
    def filename(self) -> str:
        return self.fields["filename"]

    @property
    def batch_id(self) -> str | None:
        return self.fields.get("batch_id")

    @property
    def status(self) -> str:
        return self.fields["status"]

    @property
    def priority(self) -> str:
        return self.fields["priority"]

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def token(self) -> str:
        """The fencing token that the last claim gave out."""
        return f"{self.job_id}:{self.attempt}"

    @property
    def waited_s(self) -> float | None:
        """How long it had waited when it was claimed; None if it had been begun before."""
        waited_us = self.fields.get("waited_us")
        return int(waited_us) / 1e6 if waited_us else None

    @property
    def age_s(self) -> float:
        """How long its job had been there when it was claimed."""
        return (int(self.fields["started_at_ms"]) - int(self.fields["enqueued_at_ms"])) / 1000

    @property
    def edits(self) -> str:
        """How often the tags were replaced by hand."""
        return self.fields["edits"]

    @property
    def fresh(self) -> bool:
        """Whether this job's answer may not come from the cache."""
        return self.fields.get("fresh") == "1"

    @property
    def phash(self) -> str | None:
        """The perceptual hash, 16 hex digits; None if there is none, or none yet."""
        return self.fields.get("phash") or None

    @property
    def tags(self) -> tuple[PhotoTag, ...]:
        """The tags it carries: those given by hand, then those of the last analysis."""
        by_id: dict[int, PhotoTag] = {}
        for field in ("user_tags", "tags"):
            for tag in orjson.loads(self.fields.get(field, "[]")):
                by_id.setdefault(tag["id"], PhotoTag.model_validate(tag))
        return tuple(by_id.values())

    def changed(self, changes: Mapping[str, str]) -> Record:
        """Return the record as it will be with `changes`."""
        return Record({**self.fields, **changes}, self.facts, self.answer)

    def knowing(self, facts: Mapping[str, str] | None, answer: Answer | None) -> Record:
        """Return the record with what the same bytes said before, and a provider of them."""
        return Record(self.fields, facts, answer)

    def photo(self) -> Photo:
        """Return the photo as clients see it."""
        fields = self.fields
        photo_id, status = self.id, fields["status"]
        url = f"/api/photos/{photo_id}"
        return Photo.model_validate(
            {
                "id": photo_id,
                "filename": fields["filename"],
                "original_name": fields["original_name"],
                "content_type": fields["content_type"],
                "size": int(fields["size_bytes"]),
                "width": int(fields["width"]),
                "height": int(fields["height"]),
                "sha256": fields["sha256"],
                "status": status,
                "processing": status in {"queued", "processing"},
                "stage": fields["stage"] or None,
                "progress": int(fields["progress"]),
                "tags": self.tags,
                "caption": fields.get("caption") or None,
                "alt": fields.get("alt") or None,
                "colors": orjson.loads(fields.get("colors", "[]")),
                "taken_at": fields.get("taken_at") or None,
                "camera": fields.get("camera") or None,
                "place": orjson.loads(fields["place"]) if fields.get("place") else None,
                "blurhash": fields.get("blurhash"),
                "provider": fields.get("provider"),
                "usage": usage_of(fields),
                "extra": orjson.loads(fields.get("extra", "{}")),
                "job_id": fields["job_id"],
                "batch_id": fields.get("batch_id"),
                "error": orjson.loads(fields["error"]) if "error" in fields else None,
                "created_at": rfc3339(int(fields["created_at_ms"])),
                "updated_at": rfc3339(int(fields["updated_at_ms"])),
                "url": f"{url}/file",
                "thumbnail_url": f"{url}/thumbnail",
            }
        )


def fields_of(facts: Facts) -> dict[str, str]:
    """Return the fields of a record that keep `facts`; empty ones, so that no older ones stay."""
    return {
        "width": str(facts.width),
        "height": str(facts.height),
        "taken_at": facts.taken_at or "",
        "camera": facts.camera or "",
        "place": facts.place.model_dump_json() if facts.place else "",
        "colors": orjson.dumps(facts.colors).decode(),
        "phash": facts.phash or "",
        "blurhash": facts.blurhash,
    }


def rfc3339(time_ms: int) -> str:
    """Return `time_ms` since the epoch as text, in UTC with milliseconds."""
    moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
