"""What an image is, judged by its first bytes: never by its name, never by decoding it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SIGNATURE_BYTES: Final = 64
"""Enough of a file to tell its format."""

_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})


@dataclass(frozen=True, slots=True)
class Format:
    """A format we take."""

    content_type: str
    extension: str


JPEG: Final = Format("image/jpeg", "jpg")
PNG: Final = Format("image/png", "png")
WEBP: Final = Format("image/webp", "webp")
GIF: Final = Format("image/gif", "gif")
HEIC: Final = Format("image/heic", "heic")
AVIF: Final = Format("image/avif", "avif")

FORMATS: Final = (JPEG, PNG, WEBP, GIF, HEIC, AVIF)
"""All that we take."""


def format_of(head: bytes) -> Format | None:
    """Return the format of a file that starts with `head`; None if we do not take it."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    return None


def _iso_media(head: bytes) -> Format | None:
    # ISO/IEC 14496-12: box size, `ftyp`, major brand, version, compatible brands.
    size = int.from_bytes(head[:4], "big")
    box = head[: min(size, SIGNATURE_BYTES)]
    brands = {box[8:12], *(box[i : i + 4] for i in range(16, len(box) - 3, 4))}
    if brands & _AVIF_BRANDS:
        return AVIF
    if brands & _HEIC_BRANDS:
        return HEIC
    return None
