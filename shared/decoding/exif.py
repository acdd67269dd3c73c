"""What a camera wrote beside the picture: when, with what, where. Loaded in a decoding child only.

Anyone may have written anything there: a value that makes no sense is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from PIL import ExifTags, Image

from shared.decoding.protocol import CAMERA_CHARS

_FIRST_PHOTO: Final = 1826
_TIME: Final = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_OFFSET: Final = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d", re.ASCII)
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9 ._+/()-]+")
_PLACE_DIGITS: Final = 5
"""Decimals of a degree: a metre, which is finer than what a phone knows."""

Tags = Mapping[int, Any]


def exif_of(image: Image.Image) -> dict[str, Any]:
    """Return `taken_at`, `camera` and `place`, as far as the file tells them."""
    readers: dict[str, Callable[[Image.Exif], object]] = {
        "taken_at": lambda exif: _taken_at(exif.get_ifd(ExifTags.IFD.Exif)),
        "camera": _camera,
        "place": lambda exif: _place(exif.get_ifd(ExifTags.IFD.GPSInfo)),
    }
    found = {name: _tried(image, read) for name, read in readers.items()}
    return {name: value for name, value in found.items() if value is not None}


def _tried(image: Image.Image, read: Callable[[Image.Exif], object]) -> object:
    try:
        return read(image.getexif())
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - broken EXIF is common; what else there is may be whole
        return None


def _taken_at(tags: Tags) -> str | None:
    """Return what the camera's clock showed; with its offset to UTC where it noted that."""
    match = _TIME.fullmatch(_text(tags.get(ExifTags.Base.DateTimeOriginal)))
    if match is None:
        return None
    try:
        time = datetime(*map(int, match.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None
    # Its clock may be ahead by any zone there is.
    latest = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    if time.year < _FIRST_PHOTO or time > latest:
        return None
    offset = _text(tags.get(ExifTags.Base.OffsetTimeOriginal))
    return time.isoformat() + (offset if _OFFSET.fullmatch(offset) else "")


def _camera(tags: Tags) -> str | None:
    make, model = (_name(tags.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model))
    brand = make.partition(" ")[0]
    # Most models begin with their make: `Canon EOS 5D`, of `Canon`.
    both = model if model.lower().startswith(brand.lower()) else f"{make} {model}"
    return both.strip()[:CAMERA_CHARS].strip() or None


def _name(value: object) -> str:
    return " ".join(_NO_NAME.sub(" ", _text(value)).split())


def _place(tags: Tags) -> dict[str, float] | None:
    gps = ExifTags.GPS
    latitude = _degrees(tags.get(gps.GPSLatitude), 90, _sign(tags.get(gps.GPSLatitudeRef), "NS"))
    longitude = _degrees(
        tags.get(gps.GPSLongitude), 180, _sign(tags.get(gps.GPSLongitudeRef), "EW")
    )
    # Both zero is what a device writes that does not know where it is.
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    return {"latitude": latitude, "longitude": longitude}


def _sign(value: object, letters: str) -> int:
    """Return 1 or -1 for the first or the second of two letters, 0 for neither."""
    return {letters[0]: 1, letters[1]: -1}.get(_text(value).upper(), 0)


def _degrees(value: object, most: int, sign: int) -> float | None:
    """Return degrees, minutes and seconds as degrees."""
    if not sign or not isinstance(value, tuple) or len(value) != 3:  # noqa: PLR2004
        return None
    degrees, minutes, seconds = (float(part) for part in value)
    total = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(total) or min(degrees, minutes, seconds) < 0 or total > most:
        return None
    return round(sign * total, _PLACE_DIGITS) + 0.0  # never -0.0


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value.partition("\0")[0].strip() if isinstance(value, str) else ""
