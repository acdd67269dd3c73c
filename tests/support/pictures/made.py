"""Good pictures in every format and mode, small: what the others are made from."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

from PIL import Image, ImageCms

from tests.support.pictures.halves import TURNED_HEIC

SIZE = (64, 48)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))


def png(width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG of rows that are compressed already."""
    header = struct.pack("!IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def scene(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture with some of everything: a ramp, an edge, and noise."""
    chance = random.Random(5)
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.paste((200, 40, 40), (0, 0, size[0] // 2, size[1] // 2))
    for _ in range(200):
        at = chance.randrange(size[0]), chance.randrange(size[1])
        image.putpixel(at, (chance.randrange(256), chance.randrange(256), chance.randrange(256)))
    if mode == "I;16":
        grey = image.convert("L").tobytes()
        return Image.frombytes("I;16", size, bytes(byte for level in grey for byte in (7, level)))
    image = image.convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.radial_gradient("L").resize(size))
    return image


def _interlaced_png() -> bytes:
    """Adam7, which Pillow reads and does not write."""
    width, height = SIZE
    pixels = scene("L").tobytes()
    rows = bytearray()
    passes = (
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
        (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
    )  # fmt: skip
    for left, top, across, down in passes:
        for y in range(top, height, down):
            rows += b"\0" + pixels[y * width + left : (y + 1) * width : across]
    header = struct.pack("!IIBBBBB", width, height, 8, 0, 0, 0, 1)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def made() -> dict[str, bytes]:
    """All of them, by name; the word before the first dash is the format."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    more: dict[str, Any] = {"exif": exif, "icc_profile": profile}
    rgb, frames = scene(), [scene(), scene().rotate(90), scene().rotate(180)]
    moving: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 100}
    palette = rgb.quantize(16)
    return {
        "jpeg": encoded(rgb, "JPEG"),
        "jpeg-progressive": encoded(rgb, "JPEG", progressive=True),
        "jpeg-grey": encoded(scene("L"), "JPEG"),
        "jpeg-cmyk": encoded(scene("CMYK"), "JPEG"),
        "jpeg-profiles": encoded(rgb, "JPEG", comment=b"a comment", **more),
        "jpeg-restarts": encoded(rgb, "JPEG", restart_marker_blocks=1),
        "jpeg-444": encoded(rgb, "JPEG", subsampling=0, quality=100),
        "png": encoded(rgb, "PNG"),
        "png-alpha": encoded(scene("RGBA"), "PNG"),
        "png-1bit": encoded(scene("1"), "PNG"),
        "png-grey-alpha": encoded(scene("LA"), "PNG"),
        "png-16bit": encoded(scene("I;16"), "PNG"),
        "png-palette": encoded(palette, "PNG", transparency=3),
        "png-interlaced": _interlaced_png(),
        "png-profiles": encoded(rgb, "PNG", **more),
        "png-moving": encoded(rgb, "PNG", **moving),
        "webp": encoded(rgb, "WEBP"),
        "webp-lossless": encoded(rgb, "WEBP", lossless=True),
        "webp-alpha": encoded(scene("RGBA"), "WEBP"),
        "webp-profiles": encoded(rgb, "WEBP", xmp=b"<x:xmpmeta/>", **more),
        "webp-moving": encoded(rgb, "WEBP", **moving),
        "gif": encoded(palette, "GIF"),
        "gif-interlaced": encoded(palette, "GIF", interlace=1),
        "gif-transparent": encoded(palette, "GIF", transparency=2),
        "gif-moving": encoded(palette, "GIF", **moving),
        "avif": encoded(rgb, "AVIF", speed=10),
        "avif-alpha": encoded(scene("RGBA"), "AVIF", speed=10),
        "avif-profiles": encoded(rgb, "AVIF", speed=10, **more),
        "avif-moving": encoded(rgb, "AVIF", speed=10, **moving),
        "heic": TURNED_HEIC,
    }
