"""Pictures made to do harm, or to be two things at once, or just as large as they may be."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from PIL import Image, ImageCms

from .made import chunk, encoded, png, scene
from .odd import BAD, OTHER, Odd, good, refused, spoilt, taken

SCRIPT = b"<html><script>alert(document.domain)</script></html>"


def hostile() -> Iterator[Odd]:
    """Yield each once."""
    yield from _large()
    yield from _bombs()
    yield from _profiles()
    yield from _two_things()
    yield from _other_formats()


def _large() -> Iterator[Odd]:
    for kind in ("PNG", "GIF", "JPEG"):
        for width, height in ((65_535 if kind != "JPEG" else 65_500, 1), (1, 40_000)):
            side = encoded(Image.new("L", (width, height)), kind)
            yield refused(f"a {kind} of {width} x {height}", side)
        yield good(f"a {kind} of 30000 x 1", encoded(Image.new("L", (30_000, 1)), kind))
        yield good(f"a {kind} of 1 x 30000", encoded(Image.new("L", (1, 30_000)), kind))
        yield good(f"a {kind} of 1 x 1", encoded(Image.new("L", (1, 1)), kind))
    yield good("a WebP of 16383 x 1", encoded(Image.new("RGB", (16_383, 1)), "WEBP"))
    yield refused("a PNG of 8193 x 8192", png(8193, 8192, b""))
    yield spoilt("a PNG of 8192 x 8192, empty", png(8192, 8192, b""))
    yield refused("a PNG of 2147483647 x 1", png(2**31 - 1, 1, b""))
    yield refused("a PNG of 0 x 7", png(0, 7, b""))


def _zeros(row_bytes: int, rows: int, *, level: int = 9) -> bytes:
    compressor = zlib.compressobj(level)
    row = bytes(1 + row_bytes)
    return b"".join(compressor.compress(row) for _ in range(rows)) + compressor.flush()


def _bombs() -> Iterator[Odd]:
    # Within what the header may say: it is the decoder's limits that have to hold.
    yield taken("a PNG of 64 MP in 60 KB", png(32_000, 2000, _zeros(4000, 2000), depth=1, colour=0))
    yield taken(
        "a PNG of 40 MP with alpha", png(8000, 5000, _zeros(32_000, 5000, level=1), colour=6)
    )
    yield taken("a PNG with more rows than it says", png(64, 48, _zeros(192, 200_000, level=1)))
    flat = encoded(_flat(4000, 3000), "JPEG", progressive=True, quality=1)
    yield taken("a progressive JPEG of 12 MP", flat)
    yield taken("a progressive JPEG of a thousand scans", _with_scans(flat, 1000))
    yield taken("a lossless WebP of 20 MP", encoded(_flat(5000, 4000), "WEBP", lossless=True))
    yield taken("an AVIF of 12 MP", encoded(_flat(4000, 3000), "AVIF", speed=10))
    palette = Image.new("P", (8000, 8000))
    palette.putpalette([0, 0, 0] * 256)
    yield taken("a GIF of 64 MP", encoded(palette, "GIF"))
    yield taken("a GIF of 5000 frames", _gif(64, 48, [(0, 0, 1, 1)] * 5000))
    yield taken("a GIF whose frame is larger than it", _gif(10, 10, [(0, 0, 60_000, 60_000)]))
    yield taken("a GIF whose frame is far out", _gif(10, 10, [(65_000, 65_000, 10, 10)]))
    yield taken("a GIF without a frame", _gif(10, 10, []))


def _flat(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), (10, 120, 200))


def _with_scans(jpeg: bytes, count: int) -> bytes:
    """Repeat the last scan of a progressive JPEG: each goes over all its coefficients again."""
    start = jpeg.rfind(b"\xff\xda")
    return jpeg[:start] + jpeg[start:-2] * count + b"\xff\xd9"


def _gif(width: int, height: int, frames: list[tuple[int, int, int, int]]) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return (
        screen
        + b"".join(
            b"," + struct.pack("<HHHHB", *frame, 0) + b"\x02\x02\x44\x01\x00" for frame in frames
        )
        + b";"
    )


def _profiles() -> Iterator[Odd]:
    plain = encoded(scene(), "JPEG")
    picture = encoded(scene(), "PNG")
    loop = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08"
    yield taken("EXIF that points at itself", _after_start(plain, 0xE1, loop))
    deep = b"Exif\0\0II\x2a\0\x08\0\0\0" + b"\xff\xff" + b"\x69\x87\x04\0\xff\xff\xff\xff" * 7000
    yield taken("EXIF of 65535 entries", _after_start(plain, 0xE1, deep))
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + b"<a>" * 20_000
    yield taken("XMP of 20000 levels", _after_start(plain, 0xE1, xmp))
    entities = b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'
    yield taken("XMP with entities", _after_start(plain, 0xE1, xmp[:29] + entities))
    icc = b"ICC_PROFILE\0"
    many = b"".join(_segment(0xE2, icc + bytes((n, 255)) + bytes(60_000)) for n in range(1, 100))
    yield taken("an ICC profile of 6 MB", plain[:2] + many + plain[2:])
    yield taken("an ICC profile of lies", _icc_of(plain, b"\xff" * 4 + bytes(124) + b"\xff" * 400))
    real = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(128, len(real), 3):
        real[at] ^= 0x55
    yield taken("an ICC profile, broken", _icc_of(plain, bytes(real)))
    bomb = zlib.compress(bytes(100_000_000), 1)
    for kind, before in ((b"iCCP", b"a\0\0"), (b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0")):
        swollen = picture[:33] + chunk(kind, before + bomb) + picture[33:]
        yield taken(f"a PNG with {kind.decode()} of 100 MB", swollen)
    texts = chunk(b"tEXt", b"a\0b") * 100_000
    yield taken("a PNG of 100000 texts", picture[:33] + texts + picture[33:])
    late = plain[:2] + _segment(0xFE, bytes(65_000)) * 140 + plain[2:]
    yield refused("a JPEG that says it after 9 MB", late)
    yield refused("a JPEG of 3000 comments", plain[:2] + _segment(0xFE, b"") * 3000 + plain[2:])


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(body)) + body


def _after_start(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + _segment(marker, body) + jpeg[2:]


def _icc_of(jpeg: bytes, profile: bytes) -> bytes:
    return _after_start(jpeg, 0xE2, b"ICC_PROFILE\0\1\1" + profile)


def _two_things() -> Iterator[Odd]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Main-Class: Evil\n")
    for kind in ("GIF", "JPEG", "PNG", "WEBP"):
        yield good(f"a {kind} and a zip", encoded(scene(), kind) + archive.getvalue())
        yield good(f"a {kind} and a page", encoded(scene(), kind) + SCRIPT)
    yield good("a JPEG with a page inside", encoded(scene(), "JPEG", comment=SCRIPT))
    # Width and height of a GIF that is a script, too: `GIF89a/*`
    script = b"GIF89a/*\x01\x00" + bytes(3) + b"*/=1;alert(1)//"
    yield taken("a GIF that is a script", script)
    yield refused("a page and a JPEG", SCRIPT + encoded(scene(), "JPEG"), OTHER)
    yield refused("a zip and a PNG", archive.getvalue() + encoded(scene(), "PNG"), OTHER)


def _other_formats() -> Iterator[Odd]:
    for kind in ("BMP", "TIFF", "PPM", "ICO", "TGA", "PCX", "SGI", "DDS", "PDF", "EPS", "JPEG2000"):
        size = (64, 64) if kind == "ICO" else (64, 48)
        yield refused(f"a {kind}", encoded(scene(size=size), kind), OTHER)
    yield refused("an SVG", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', OTHER)
    yield refused("an MP4", b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + bytes(99), OTHER)
    yield refused("a PSD", b"8BPS\0\1" + bytes(200), OTHER)
    yield refused("text", b"just some words\n" * 30, OTHER)
    yield refused("zeros", bytes(5000), OTHER)
    yield refused("nothing", b"", BAD)
    yield refused("an ELF", b"\x7fELF\2\1\1" + bytes(500), OTHER)
    for name, start in (
        ("JPEG", b"\xff\xd8\xff"),
        ("GIF", b"GIF89a"),
        ("PNG", b"\x89PNG\r\n\x1a\n"),
    ):
        yield refused(f"the beginning of a {name}", start, BAD)
