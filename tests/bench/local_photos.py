"""Photographs that differ in every byte, for what must not be found in a cache."""

from __future__ import annotations

import io
from itertools import cycle, islice

from PIL import Image

from tests.support.clients import PHOTOS

SIDE_PX = 1024
QUALITIES = tuple(range(60, 96, 5))
SIZE_BYTES = 100_000
LARGE_PX = (4000, 3000)
LARGE_QUALITY = 85
NOISE = 0.15


def distinct_photos(count: int) -> list[bytes]:
    """Return so many JPEGs of about `SIZE_BYTES`, 1024 px, each with bytes of its own."""
    bases = [_jpeg(path.name) for path in sorted(PHOTOS.glob("*.jpg"))[:count]]
    return [_marked(base, number) for number, base in enumerate(islice(cycle(bases), count))]


def large_photo(size_bytes: int) -> bytes:
    """Return a JPEG of 12 megapixels, as cameras make them, filled up to that size."""
    base = min(PHOTOS.glob("*.jpg"))
    with Image.open(base) as photo:
        picture = photo.convert("RGB").resize(LARGE_PX, Image.Resampling.BICUBIC)
    noise = Image.effect_noise(LARGE_PX, 50).convert("RGB")
    picture = Image.blend(picture, noise, NOISE)
    jpeg = _saved(picture, LARGE_QUALITY)
    return jpeg + bytes(max(0, size_bytes - len(jpeg)))


def _jpeg(name: str) -> bytes:
    """Return a photo in the quality that comes nearest to the size."""
    with Image.open(PHOTOS / name) as photo:
        scale = SIDE_PX / max(photo.size)
        size = (round(photo.width * scale), round(photo.height * scale))
        picture = photo.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    return min(
        (_saved(picture, quality) for quality in QUALITIES),
        key=lambda data: abs(len(data) - SIZE_BYTES),
    )


def _saved(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _marked(jpeg: bytes, number: int) -> bytes:
    """Return the JPEG with its number in a comment: it is another file, and as much work."""
    text = str(number).encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]
