"""What a decode finds besides the pixels, with real children: and that no file can make it fail."""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import ExifTags, Image

from shared.decoding.decoder import Decoder
from shared.decoding.facts import Facts, Place
from shared.decoding.picture import Picture
from shared.decoding.protocol import SHOWN_QUALITY
from shared.errors import BadImageError
from tests.support.clients import PHOTOS
from tests.support.photographs import PARIS, PLACE, exif, revealing
from tests.support.pictures.halves import BLUE, RED, TURNED_HEIC, halves
from tests.support.pictures.made import encoded

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAT = PHOTOS / "cat.jpg"
GPS, BASE = ExifTags.GPS, ExifTags.Base


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoder() -> AsyncIterator[Decoder]:
    decoder = Decoder(processes=1, max_pixels=10_000_000, places=True)
    await decoder.start()
    yield decoder
    await decoder.close()


LIAR = """#!/bin/sh
"exec" "{python}" "$0" "$@"
from socket import MSG_WAITALL, socket
from shared.decoding.protocol import REPLY, REQUEST, Status
channel = socket(fileno=0)
channel.sendall(REPLY.pack(Status.READY, 0, 0, 0))
_, _, _, size = REQUEST.unpack(channel.recv(REQUEST.size, MSG_WAITALL))
channel.recv(size, MSG_WAITALL)
body = b"rgb" + b'{{"camera": "<b>"}}'
channel.sendall(REPLY.pack(Status.PICTURE, 1, 1, len(body)) + body)
channel.recv(1)
"""
"""A child that something in an image has taken over.

Its second line is a command to the shell, where the first could not name a path with spaces, and
a text to Python.
"""


async def facts(decoder: Decoder, data: bytes) -> Facts:
    return (await decoder.read(data, longest_side_px=224))[1]


def waves() -> Image.Image:
    """Return a picture with something everywhere, the same at each run."""
    image = Image.new("RGB", (64, 48))
    for x in range(64):
        for y in range(48):
            image.putpixel((x, y), (x * 4, y * 5, (x * y) % 256))
    return image


def distance(one: Facts, other: Facts) -> int:
    return (int(one.phash or "", 16) ^ int(other.phash or "", 16)).bit_count()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
async def test_every_format_tells_when_where_and_with_what(decoder: Decoder, kind: str) -> None:
    picture, found = await decoder.read(
        encoded(halves((640, 320)), kind, exif=exif()), longest_side_px=224
    )

    assert (picture.width, picture.height, len(picture.rgb)) == (224, 112, 224 * 112 * 3)
    assert (found.width, found.height) == (640, 320)
    assert found.taken_at == "2024-05-01T14:30:05+02:00"
    assert found.camera == "Canon EOS 5D"
    assert found.place == Place(**PARIS)


async def test_the_pixels_are_those_that_a_mere_decode_gives(decoder: Decoder) -> None:
    data = CAT.read_bytes()

    assert (await decoder.read(data, longest_side_px=224))[0] == await decoder.decode(
        data, longest_side_px=224
    )


async def test_a_picture_to_show_is_the_same_and_so_are_its_facts(decoder: Decoder) -> None:
    data = revealing(Image.open(CAT).convert("RGB"))
    pixels, found = await decoder.read(data, longest_side_px=224)
    shown, told = await decoder.read(data, longest_side_px=224, as_jpeg=True)
    file = io.BytesIO()
    Image.frombytes("RGB", (pixels.width, pixels.height), pixels.rgb).save(
        file, "JPEG", quality=SHOWN_QUALITY
    )

    assert told == found
    assert shown == Picture(pixels.width, pixels.height, b"", file.getvalue())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
async def test_width_and_height_are_those_of_the_picture_upright(
    decoder: Decoder, kind: str
) -> None:
    told = exif(tags={BASE.Orientation: 6})
    found = await facts(decoder, encoded(halves((640, 320)), kind, exif=told))

    assert (found.width, found.height) == (320, 640)


async def test_a_heic_is_as_high_and_wide_as_its_container_says(decoder: Decoder) -> None:
    found = await facts(decoder, TURNED_HEIC)

    assert (found.width, found.height) == (32, 64)


async def test_a_picture_that_says_nothing_has_its_looks_all_the_same(decoder: Decoder) -> None:
    found = await facts(decoder, encoded(waves(), "PNG"))

    assert (found.taken_at, found.camera, found.place) == (None, None, None)
    # The reference encoder says the same of these pixels.
    assert found.blurhash == "LvHLM52=wuovqkWBjre:f|fhfPfi"
    assert found.phash == "80031f3f3e787971"


async def test_the_place_is_told_by_a_decoder_that_is_to_and_by_no_other() -> None:
    silent = Decoder(processes=1, max_pixels=1_000_000)
    found = await facts(silent, revealing(halves()))
    await silent.close()

    assert found.place is None
    assert found.camera == "Canon EOS 5D"


async def test_the_colours_are_the_main_ones_the_most_common_first(decoder: Decoder) -> None:
    image = Image.new("RGB", (100, 100), RED)
    image.paste(BLUE, (75, 0, 100, 100))
    image.paste("white", (0, 0, 1, 1))

    assert (await facts(decoder, encoded(image, "PNG"))).colors == ("#dc1414", "#1414dc")
    assert 3 <= len((await facts(decoder, CAT.read_bytes())).colors) <= 5


async def test_the_same_photo_scaled_and_compressed_is_near_and_another_far(
    decoder: Decoder,
) -> None:
    cat = Image.open(CAT).convert("RGB")
    first = await facts(decoder, CAT.read_bytes())
    copies = [
        encoded(cat, "JPEG", quality=20),
        encoded(cat.resize((180, 120)), "WEBP", quality=50),
        encoded(cat.crop((6, 4, cat.width - 6, cat.height - 4)), "PNG"),
        encoded(cat.point(lambda level: min(255, level + 20)), "JPEG"),
        (PHOTOS / "cat-rotated.jpg").read_bytes(),
    ]
    for copy in copies:
        assert distance(first, await facts(decoder, copy)) <= 8
    for other in ("china", "coffee", "flower", "person", "rocket"):
        found = await facts(decoder, (PHOTOS / f"{other}.jpg").read_bytes())
        assert distance(first, found) > 16


@pytest.mark.parametrize("colour", ["black", "white", "teal"])
async def test_a_plain_surface_has_no_hash(decoder: Decoder, colour: str) -> None:
    found = await facts(decoder, encoded(Image.new("RGB", (40, 30), colour), "JPEG"))

    assert found.phash is None
    assert len(found.colors) == 1


@pytest.mark.parametrize(
    ("time", "offset", "expected"),
    [
        ("1998:12:31 23:59:59", None, "1998-12-31T23:59:59"),
        ("1998:12:31 23:59:59", "-09:30", "1998-12-31T23:59:59-09:30"),
        ("1998:12:31 23:59:59", "+25:00", "1998-12-31T23:59:59"),
        ("1998:12:31 23:59:59\0\0", "Z", "1998-12-31T23:59:59"),
        ("0000:00:00 00:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("2024:02:30 10:00:00", None, None),
        ("2024:05:01 24:00:00", None, None),
        ("1700:01:01 00:00:00", None, None),
        ("9999:12:31 23:59:59", None, None),
        ("2024-05-01T14:30:05", None, None),
        ("2024:05:01 14:30:05 or so", None, None),
        ("٢٠٢٤:05:01 14:30:05".encode().decode("latin-1"), None, None),
        ("", None, None),
    ],
)
async def test_a_time_is_told_as_the_clock_showed_it_or_not_at_all(
    decoder: Decoder, time: str, offset: str | None, expected: str | None
) -> None:
    times: dict[int, str] = {BASE.DateTimeOriginal: time}
    if offset:
        times[BASE.OffsetTimeOriginal] = offset

    assert (
        await facts(decoder, encoded(halves(), "JPEG", exif=exif(times=times)))
    ).taken_at == expected


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("Apple", "iPhone 15 Pro", "Apple iPhone 15 Pro"),
        ("Apple", "", "Apple"),
        ("", "iPhone", "iPhone"),
        ("  Canon\0rest", "Canon  EOS\n5D ", "Canon EOS 5D"),
        ("<b onclick=x>", "'; DROP", "b onclick x DROP"),
        ("A" * 200, "B", "A" * 64),
        ("\x07\x1b[2J", "\x00", "2J"),
        ("", "", None),
    ],
)
async def test_a_cameras_name_is_short_and_harmless(
    decoder: Decoder, make: str, model: str, expected: str | None
) -> None:
    told = exif(tags={BASE.Make: make, BASE.Model: model})

    assert (await facts(decoder, encoded(halves(), "JPEG", exif=told))).camera == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({GPS.GPSLatitudeRef: "S", GPS.GPSLongitudeRef: "W"}, (-48.85837, -2.29448)),
        ({GPS.GPSLatitude: (90.0, 0.0, 0.0), GPS.GPSLongitude: (180.0, 0.0, 0.0)}, (90.0, 180.0)),
        ({GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLatitudeRef: "S"}, (0.0, 2.29448)),
        ({GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLongitude: (0.0, 0.0, 0.0)}, None),
        ({GPS.GPSLatitude: (90.0, 0.0, 1.0)}, None),
        ({GPS.GPSLongitude: (4e9, 0.0, 0.0)}, None),
        ({GPS.GPSLatitude: (48.0, 51.0)}, None),
        ({GPS.GPSLatitude: 48.8}, None),
        ({GPS.GPSLatitudeRef: "X"}, None),
        ({GPS.GPSLongitudeRef: ""}, None),
    ],
)
async def test_a_place_is_one_on_earth_or_none(
    decoder: Decoder, changes: dict[int, Any], expected: tuple[float, float] | None
) -> None:
    told = exif(place={**PLACE, **changes})
    place = (await facts(decoder, encoded(halves(), "JPEG", exif=told))).place

    assert (place and (place.latitude, place.longitude)) == expected


async def test_one_part_that_is_broken_does_not_cost_the_others(decoder: Decoder) -> None:
    # The denominators of its degrees: of nothing, and no more there.
    whole = exif().tobytes()
    for broken in (whole.replace(b"\x02\x10", b"\0\0"), whole[:-20]):
        found = await facts(decoder, encoded(halves(), "JPEG", exif=broken))
        assert found.camera == "Canon EOS 5D"


async def test_whatever_stands_in_the_exif_the_photo_is_decoded_and_its_facts_hold(
    decoder: Decoder,
) -> None:
    chance = random.Random(5)
    whole = exif().tobytes()
    picture = halves((32, 16))
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(6, len(data))] = chance.choice((0, 1, 5, 0x87, 0xFF, 10, 0x69))
        cut = data[: chance.randrange(6, len(data) + 1)]
        found = await facts(decoder, encoded(picture, "JPEG", exif=bytes(cut)))
        assert {found.width, found.height} == {32, 16}


@pytest.mark.parametrize("as_jpeg", [False, True])
async def test_a_child_that_says_something_else_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    as_jpeg: bool,  # noqa: FBT001
) -> None:
    liar = tmp_path / "python"
    liar.write_text(LIAR.format(python=sys.executable))
    liar.chmod(0o755)
    liars = Decoder(processes=1, max_pixels=1_000_000)
    with monkeypatch.context() as patched:
        patched.setattr("sys.executable", str(liar))
        await liars.start()
    with pytest.raises(BadImageError, match="crashed the decoder"):
        await liars.read(CAT.read_bytes(), longest_side_px=224, as_jpeg=as_jpeg)
    found = await facts(liars, CAT.read_bytes())
    await liars.close()

    assert (found.width, found.height) == (451, 300)


async def test_what_is_not_as_the_child_was_told_is_refused() -> None:
    fine: dict[str, Any] = {
        "width": 1, "height": 1, "colors": ["#000000"], "phash": None, "blurhash": "000000",
    }  # fmt: skip
    assert Facts.model_validate_json(json.dumps(fine)).place is None
    for wrong in (
        {"width": 0}, {"camera": "<b>"}, {"camera": "a" * 65}, {"taken_at": "yesterday"},
        {"place": {"latitude": 91, "longitude": 0}}, {"colors": ["red"]}, {"phash": "xyz"},
        {"colors": ["#000000"] * 6}, {"blurhash": "<svg>"}, {"more": 1},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="validation error"):
            Facts.model_validate_json(json.dumps({**fine, **wrong}))
