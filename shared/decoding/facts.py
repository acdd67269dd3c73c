"""What the bytes of a photo say of it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.decoding.protocol import CAMERA_CHARS, MOST_COLORS

FACTS_FORMAT: Final = "1"
"""Of what is found in a photo. Another one: what was found before is not used any more."""

TakenAt = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([+-][0-9]{2}:[0-9]{2})?$"
    ),
]
Camera = Annotated[
    str, StringConstraints(min_length=1, max_length=CAMERA_CHARS, pattern="^[A-Za-z0-9 ._+/()-]+$")
]
Color = Annotated[str, StringConstraints(pattern="^#[0-9a-f]{6}$")]
Likeness = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
BlurHash = Annotated[
    str,
    StringConstraints(
        min_length=6, max_length=64, pattern=r"^[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]+$"
    ),
]


class Place(BaseModel):
    """Where a photo was taken, in degrees north and east."""

    model_config = ConfigDict(frozen=True)

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Facts(BaseModel):
    """What a decoding child has found, as it says it: strict, for strangers wrote what it reads.

    `width`, `height`: of the original as it is shown, px. `taken_at`: the time on the camera's
    clock, ISO 8601, with an offset to UTC where the camera noted one. `colors`: `#rrggbb`, the
    most common first. `phash`: the perceptual hash, 16 hex digits; None for a plain surface.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    width: int = Field(ge=1, le=2**31)
    height: int = Field(ge=1, le=2**31)
    taken_at: TakenAt | None = None
    camera: Camera | None = None
    place: Place | None = None
    colors: Annotated[tuple[Color, ...], Field(max_length=MOST_COLORS)]
    phash: Likeness | None
    blurhash: BlurHash
