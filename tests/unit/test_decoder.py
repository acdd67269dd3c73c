"""The decoder, with real children: what comes out."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator

import pytest
from PIL import Image, ImageCms

from shared.decoding.decoder import Decoder
from shared.decoding.picture import Picture
from shared.decoding.protocol import Form
from shared.errors import BadImageError
from tests.support.pictures.halves import BLUE, RED, TURNED_HEIC, WHITE, halves
from tests.support.pictures.heavy import noise, png_of_zeros
from tests.support.pictures.made import encoded


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    decoder = Decoder(max_pixels=1_000_000)
    await decoder.start()
    yield decoder
    await decoder.close()


def at(picture: Picture, x: int, y: int) -> tuple[int, ...]:
    start = (y * picture.width + x) * 3
    return tuple(picture.rgb[start : start + 3])


def close_to(colour: tuple[int, ...], expected: tuple[int, ...], *, within: int = 12) -> bool:
    return all(abs(one - other) <= within for one, other in zip(colour, expected, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
async def test_a_picture_of_every_format_is_decoded(decoder: Decoder, kind: str) -> None:
    picture = await decoder.decode(encoded(halves(), kind), longest_side_px=512)

    assert (picture.width, picture.height, len(picture.rgb)) == (64, 32, 64 * 32 * 3)
    assert close_to(at(picture, 8, 16), RED)
    assert close_to(at(picture, 56, 16), BLUE)


async def test_a_heic_picture_is_decoded_and_turned_as_its_container_says(
    decoder: Decoder,
) -> None:
    picture = await decoder.decode(TURNED_HEIC, longest_side_px=512)

    assert (picture.width, picture.height) == (32, 64)
    assert close_to(at(picture, 16, 8), RED)
    assert close_to(at(picture, 16, 56), BLUE)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize(
    ("orientation", "size", "red_at", "blue_at"),
    [
        (1, (64, 32), (8, 16), (56, 16)),
        (2, (64, 32), (56, 16), (8, 16)),
        (3, (64, 32), (56, 16), (8, 16)),
        (6, (32, 64), (16, 8), (16, 56)),
        (8, (32, 64), (16, 56), (16, 8)),
    ],
)
async def test_a_picture_stands_upright_as_its_exif_says(
    decoder: Decoder,
    kind: str,
    orientation: int,
    size: tuple[int, int],
    red_at: tuple[int, int],
    blue_at: tuple[int, int],
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    picture = await decoder.decode(encoded(halves(), kind, exif=exif), longest_side_px=512)

    assert (picture.width, picture.height) == size
    assert close_to(at(picture, *red_at), RED)
    assert close_to(at(picture, *blue_at), BLUE)


async def test_broken_exif_does_not_cost_the_picture(decoder: Decoder) -> None:
    data = encoded(halves(), "JPEG", exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff")

    picture = await decoder.decode(data, longest_side_px=512)

    assert (picture.width, picture.height) == (64, 32)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("original", "asked", "expected"),
    [
        ((1000, 750), 512, (512, 384)),
        ((750, 1000), 512, (384, 512)),
        ((1000, 750), 100, (100, 75)),
        ((999, 3), 100, (100, 1)),
        ((100, 75), 512, (100, 75)),
    ],
)
async def test_the_longest_side_is_at_most_what_is_asked_and_nothing_is_enlarged(
    decoder: Decoder,
    kind: str,
    original: tuple[int, int],
    asked: int,
    expected: tuple[int, int],
) -> None:
    picture = await decoder.decode(encoded(halves(original), kind), longest_side_px=asked)

    assert (picture.width, picture.height) == expected
    assert len(picture.rgb) == expected[0] * expected[1] * 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
async def test_transparency_lies_on_white(decoder: Decoder, kind: str) -> None:
    image = halves().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 32))

    picture = await decoder.decode(encoded(image, kind), longest_side_px=512)

    assert close_to(at(picture, 8, 16), WHITE)
    assert close_to(at(picture, 56, 16), BLUE)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
async def test_a_transparent_colour_of_a_palette_lies_on_white(decoder: Decoder, kind: str) -> None:
    image = Image.new("P", (64, 32), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (32, 0, 64, 32))

    picture = await decoder.decode(encoded(image, kind, transparency=0), longest_side_px=32)

    assert close_to(at(picture, 4, 8), WHITE)
    assert close_to(at(picture, 28, 8), BLUE)


async def test_sixteen_bits_of_grey_are_scaled_to_eight(decoder: Decoder) -> None:
    image = Image.new("I;16", (64, 32), 0x8000)

    picture = await decoder.decode(encoded(image, "PNG"), longest_side_px=512)

    assert at(picture, 8, 16) == (128, 128, 128)


async def test_a_cmyk_jpeg_becomes_rgb(decoder: Decoder) -> None:
    image = Image.new("CMYK", (64, 32), (0, 255, 255, 0))

    picture = await decoder.decode(encoded(image, "JPEG"), longest_side_px=512)

    assert close_to(at(picture, 8, 16), (255, 0, 0))


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
async def test_grey_pictures_become_rgb(decoder: Decoder, mode: str) -> None:
    picture = await decoder.decode(
        encoded(Image.new("L", (64, 32), 255).convert(mode), "PNG"), longest_side_px=512
    )

    assert at(picture, 8, 16) == (255, 255, 255)


async def test_colours_of_another_space_become_srgb(decoder: Decoder) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A space whose red is sRGB's blue: the names of the two primaries, exchanged.
    exchanged = srgb.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")

    picture = await decoder.decode(
        encoded(halves(), "PNG", icc_profile=exchanged), longest_side_px=512
    )

    assert close_to(at(picture, 8, 16), BLUE)
    assert close_to(at(picture, 56, 16), RED)


async def test_a_broken_colour_profile_does_not_cost_the_picture(decoder: Decoder) -> None:
    data = encoded(halves(), "PNG", icc_profile=b"not a profile")

    picture = await decoder.decode(data, longest_side_px=512)

    assert close_to(at(picture, 8, 16), RED)


async def test_of_an_animation_the_first_frame_is_taken(decoder: Decoder) -> None:
    data = encoded(
        Image.new("RGB", (64, 32), RED),
        "GIF",
        save_all=True,
        append_images=[Image.new("RGB", (64, 32), BLUE)],
    )

    picture = await decoder.decode(data, longest_side_px=512)

    assert close_to(at(picture, 8, 16), RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
async def test_a_truncated_picture_is_an_error(decoder: Decoder, kind: str) -> None:
    data = encoded(noise((300, 200)), kind)

    with pytest.raises(BadImageError) as raised:
        await decoder.decode(data[: len(data) // 2], longest_side_px=512)

    assert str(raised.value) == "the image data ends too early"


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "AVIF", "HEIC"])
async def test_half_a_picture_of_any_format_is_an_error(decoder: Decoder, kind: str) -> None:
    data = TURNED_HEIC if kind == "HEIC" else encoded(noise((300, 200)), kind)

    with pytest.raises(BadImageError):
        await decoder.decode(data[: len(data) // 2], longest_side_px=512)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"only words",
        b"%PDF-1.7\n",
        b"BM" + bytes(100),
        b"\x89PNG\r\n\x1a\n",
        encoded(Image.new("RGB", (8, 8)), "TIFF"),
        encoded(Image.new("RGB", (8, 8)), "PPM"),
    ],
    ids=["nothing", "text", "pdf", "bmp", "a signature only", "tiff", "ppm"],
)
async def test_what_is_no_picture_of_an_allowed_format_is_an_error(
    decoder: Decoder, data: bytes
) -> None:
    with pytest.raises(BadImageError) as raised:
        await decoder.decode(data, longest_side_px=512)

    assert str(raised.value) == "the file is not an image that can be read"


@pytest.mark.parametrize(("width", "height"), [(1001, 1000), (20_000, 20_000)])
async def test_a_picture_over_the_pixel_limit_is_refused_by_its_header(
    decoder: Decoder, width: int, height: int
) -> None:
    data = png_of_zeros(width, 10)
    data = data.replace(struct.pack("!II", width, 10), struct.pack("!II", width, height), 1)
    header = data[12:29]
    data = data[:29] + struct.pack("!I", zlib.crc32(header)) + data[33:]

    with pytest.raises(BadImageError) as raised:
        await decoder.decode(data, longest_side_px=512)

    assert str(raised.value) == "the image has more than 1000000 pixels"


async def test_many_pictures_at_once_each_get_their_own_answer(decoder: Decoder) -> None:
    sizes = range(10, 50)
    pictures = await asyncio.gather(
        *(decoder.decode(encoded(halves((size, 8)), "PNG"), longest_side_px=512) for size in sizes)
    )

    assert [picture.width for picture in pictures] == list(sizes)


@pytest.mark.parametrize("form", [Form.JPEG, Form.WEBP])
async def test_a_thumbnail_is_a_small_file_without_the_metadata_of_the_original(
    decoder: Decoder, form: Form
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    data = encoded(halves((640, 320)), "JPEG", exif=exif, comment=b"at home")

    file = await decoder.thumbnail(data, form=form, longest_side_px=128)

    image = Image.open(io.BytesIO(file))
    assert (image.format, image.size) == (form.name, (64, 128))
    assert b"at home" not in file


@pytest.mark.parametrize("form", [Form.JPEG, Form.WEBP])
async def test_a_picture_of_one_pixel_makes_a_thumbnail(decoder: Decoder, form: Form) -> None:
    data = encoded(halves((1, 1)), "PNG")  # its file is larger than its pixels

    file = await decoder.thumbnail(data, form=form, longest_side_px=64)

    assert Image.open(io.BytesIO(file)).size == (1, 1)
