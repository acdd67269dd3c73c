"""Headers of images: what they say however they come; none keeps its reader busy."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from services.gateway.headers import Size, header_of
from services.gateway.images import format_of
from tests.support.clients import PHOTOS

LATE_BYTES = 3 * 2**20


def made(name: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, name, **options)
    return out.getvalue()


def turned(quarters: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = {1: 6, 3: 8}[quarters]
    return exif


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def heif(associations: bytes, *, before: bytes = b"", brand: bytes = b"heic") -> bytes:
    """A thumbnail's and a photo's size, the photo's turned; item 2 is the photo."""
    sizes = [
        box(b"ispe", bytes(4) + width.to_bytes(4, "big") + height.to_bytes(4, "big"))
        for width, height in ((8, 6), (40, 30))
    ]
    properties = box(b"ipco", b"".join(sizes) + box(b"irot", b"\x01"))
    meta = box(b"pitm", bytes(4) + b"\0\2") + box(b"iprp", properties + associations)
    return box(b"ftyp", brand + bytes(4) + b"mif1") + before + box(b"meta", bytes(4) + meta)


ASSOCIATED = box(b"ipma", bytes(4) + b"\0\0\0\2" + b"\0\1\1\1" + b"\0\2\2\x82\x83")


def size_of(content: bytes, *, pieces_of: int = 2**20) -> Size | None:
    """Read a header as it comes in pieces."""
    image_format = format_of(content[:64])
    assert image_format is not None
    header = header_of(image_format)
    head = bytearray()
    for start in range(0, len(content), pieces_of):
        head += content[start : start + pieces_of]
        if len(head) >= min(64, len(content)) and (size := header.size(head)):
            return size
    return None


@pytest.mark.parametrize("pieces_of", [64, 97, 2**20])
@pytest.mark.parametrize(
    ("content", "size"),
    [
        pytest.param(made("PNG"), (40, 30), id="PNG"),
        pytest.param(made("GIF"), (40, 30), id="GIF"),
        pytest.param(made("GIF")[:43], (40, 30), id="a GIF of a few bytes"),
        pytest.param(made("WEBP"), (40, 30), id="WebP"),
        pytest.param(made("JPEG"), (40, 30), id="JPEG"),
        pytest.param(made("JPEG", progressive=True), (40, 30), id="progressive JPEG"),
        pytest.param(made("JPEG", exif=turned(1)), (30, 40), id="turned JPEG"),
        pytest.param((PHOTOS / "cat.jpg").read_bytes(), (451, 300), id="a photo"),
        pytest.param(made("AVIF"), (40, 30), id="AVIF"),
        pytest.param(made("AVIF", exif=turned(3)), (30, 40), id="turned AVIF"),
        pytest.param(heif(ASSOCIATED), (30, 40), id="turned HEIC"),
        pytest.param(heif(ASSOCIATED, before=box(b"free", bytes(9000))), (30, 40), id="late HEIC"),
    ],
)
def test_the_size_is_known_however_the_header_comes(
    content: bytes, size: Size, pieces_of: int
) -> None:
    assert size_of(content, pieces_of=pieces_of) == size


def test_a_jpeg_may_say_it_late() -> None:
    plain = made("JPEG")
    comment = b"\xff\xfe\xff\xff" + bytes(65533)
    content = plain[:2] + comment * (LATE_BYTES // len(comment)) + b"\xff\xff" + plain[2:]

    assert size_of(content, pieces_of=4096) == (40, 30)


HOSTILE = {
    "empty segments": b"\xff\xd8" + b"\xff\xe0\x00\x02" * 2_000_000,
    "fill bytes": b"\xff\xd8" + b"\xff" * 8_000_000,
    "markers without segments": b"\xff\xd8" + b"\xff\xd0" * 4_000_000,
    "no segment length": b"\xff\xd8\xff\xe0\0\0" + bytes(100),
    "no frame": b"\xff\xd8\xff\xda\0\2" + bytes(100),
    "boxes": heif(b"", before=box(b"free", b"") * 1_000_000),
    "properties": heif(box(b"ipco", box(b"free", b"") * 1_000_000)),
    "a box without an end": heif(b"", before=bytes(4) + b"free"),
    "endless associations": heif(box(b"ipma", bytes(4) + b"\xff" * 4 + b"\0\1\0" * 20_000)),
    "associations beyond the box": heif(box(b"ipma", bytes(4) + b"\xff" * 4 + b"\0\1\xff")),
    "a box too long": heif(box(b"ipma", bytes(100_000))),
    "no width": b"GIF89a" + bytes(100),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_header_that_never_says_it_is_given_up(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        size_of(content, pieces_of=256 * 1024)
