"""The decoder, with real children: what comes out, and what hostile bytes can do."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import os
import signal
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from shared.decoding.decoder import Decoder
from shared.decoding.picture import Picture
from shared.decoding.protocol import Form
from shared.errors import BadImageError, UnavailableError
from tests.support.waiting import wait_until

MIB = 1024 * 1024
RED, BLUE, WHITE = (220, 20, 20), (20, 20, 220), (255, 255, 255)

# 64 x 32, the left half red and the right half blue, to be shown turned by 90 degrees.
TURNED_HEIC = base64.b64decode("""\
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA
AAAAADRpbG9jAAAAAERAAAIAAQAAAAAB7AABAAAAAAAAAGUAAgAAAAACUQABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVp
bmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZo
dmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAA
AwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAA
AAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAIAAAAAEAAAAAAAAAAv///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAAAlpcm90
AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAJFtZGF0AAAAYSgBrxOA+BDh
p//8H6j/+HfPD8t6uYn/+Ms5H9ZVD/8uyQ7u9hMUwPFqsOB7xw5sEmLDYS40YhlYmTuH2qAf+R+GkxTchPAhQKuIFW5AiClT
9PnLcy+AJH9a8qti3A8++/cAAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA=
""")


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    decoder = Decoder(max_pixels=1_000_000)
    await decoder.start()
    yield decoder
    await decoder.close()


def halves(size: tuple[int, int] = (64, 32)) -> Image.Image:
    """Return a picture whose left half is red, and whose right half is blue."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(size: tuple[int, int]) -> Image.Image:
    """Return what no format makes small: it takes its time to read."""
    return Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))


def png_of_zeros(width: int, height: int) -> bytes:
    """Return a PNG that is a thousandth of the size of its pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack("!I", len(body)) + kind + body + struct.pack("!I", checksum)

    header = struct.pack("!IIBBBBB", width, height, 8, 6, 0, 0, 0)
    compressor = zlib.compressobj(9)
    row = bytes(1 + width * 4)
    rows = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def at(picture: Picture, x: int, y: int) -> tuple[int, ...]:
    start = (y * picture.width + x) * 3
    return tuple(picture.rgb[start : start + 3])


def close_to(colour: tuple[int, ...], expected: tuple[int, ...], *, within: int = 12) -> bool:
    return all(abs(one - other) <= within for one, other in zip(colour, expected, strict=True))


def children() -> set[int]:
    """Return our child processes, zombies too."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread of another test that has just ended
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def working(pid: int) -> bool:
    """Return whether a process has a picture in its hands: it is running, and not waiting."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "R"


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


async def test_a_picture_that_needs_too_much_memory_is_an_error_and_the_next_one_is_decoded() -> (
    None
):
    decoder = Decoder(processes=1, memory_bytes=64 * MIB, max_pixels=100_000_000)
    await decoder.start()

    with pytest.raises(BadImageError) as raised:
        await decoder.decode(png_of_zeros(6000, 4000), longest_side_px=512)
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert str(raised.value) == "the image needed more memory than 64 MiB to decode"
    assert picture.width == 64


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "AVIF"])
async def test_every_format_that_runs_out_of_memory_is_an_error_and_no_more(kind: str) -> None:
    decoder = Decoder(processes=1, memory_bytes=12 * MIB, max_pixels=100_000_000)
    await decoder.start()
    options = {"progressive": True} if kind == "JPEG" else {}

    with pytest.raises(BadImageError):
        await decoder.decode(
            encoded(Image.new("RGB", (4000, 3500), RED), kind, **options), longest_side_px=2048
        )
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert picture.width == 64


async def test_a_decode_over_its_time_is_an_error_and_the_next_one_is_decoded() -> None:
    decoder = Decoder(processes=1, timeout_s=0.2, max_pixels=100_000_000)
    await decoder.start()
    slow = png_of_zeros(9000, 9000)

    with pytest.raises(BadImageError) as raised:
        await decoder.decode(slow, longest_side_px=512)
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert str(raised.value) == "the image took longer than 0.2 s to decode"
    assert picture.width == 64


async def test_a_child_killed_while_it_decodes_is_replaced() -> None:
    before = children()
    decoder = Decoder(processes=1, memory_bytes=1024 * MIB, max_pixels=100_000_000)
    await decoder.start()
    (child,) = children() - before

    decoding = asyncio.create_task(decoder.decode(png_of_zeros(9000, 9000), longest_side_px=512))
    await wait_until(lambda: working(child), what="the child decodes")
    os.kill(child, signal.SIGKILL)
    with pytest.raises(BadImageError) as raised:
        await decoding
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert (
        str(raised.value)
        == "the image needed more memory than 1024 MiB to decode, or crashed the decoder"
    )
    assert picture.width == 64


async def test_a_child_that_died_while_idle_costs_no_picture() -> None:
    before = children()
    decoder = Decoder(processes=1, max_pixels=1_000_000)
    await decoder.start()
    (child,) = children() - before

    os.kill(child, signal.SIGKILL)
    await wait_until(lambda: Path(f"/proc/{child}/stat").read_text().split()[2] == "Z")
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert picture.width == 64


async def test_a_cancelled_decode_does_not_answer_the_next_one() -> None:
    before = children()
    decoder = Decoder(processes=1, memory_bytes=1024 * MIB, max_pixels=100_000_000)
    await decoder.start()
    (child,) = children() - before

    decoding = asyncio.create_task(decoder.decode(png_of_zeros(9000, 9000), longest_side_px=512))
    await wait_until(lambda: working(child), what="the child decodes")
    decoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decoding
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert (picture.width, picture.height) == (64, 32)


async def test_a_cancelled_wait_for_a_child_loses_no_child() -> None:
    decoder = Decoder(processes=1, memory_bytes=1024 * MIB, max_pixels=100_000_000)
    await decoder.start()

    decoding = asyncio.create_task(decoder.decode(png_of_zeros(4000, 4000), longest_side_px=512))
    waiting = asyncio.create_task(decoder.decode(b"", longest_side_px=512))
    await asyncio.sleep(0)
    waiting.cancel()
    first = await decoding
    second = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert (first.width, second.width) == (512, 64)


async def test_many_pictures_at_once_each_get_their_own_answer(decoder: Decoder) -> None:
    sizes = range(10, 50)
    pictures = await asyncio.gather(
        *(decoder.decode(encoded(halves((size, 8)), "PNG"), longest_side_px=512) for size in sizes)
    )

    assert [picture.width for picture in pictures] == list(sizes)


async def test_waiting_for_a_free_child_does_not_count_as_decoding() -> None:
    decoder = Decoder(processes=1, timeout_s=2, max_pixels=1_000_000)
    await decoder.start()
    # Given that somebody has the only child for longer than a decode may take
    child = await decoder._free.get()
    waiting = asyncio.create_task(decoder.decode(encoded(halves(), "PNG"), longest_side_px=512))
    await asyncio.sleep(2.5)
    assert not waiting.done()
    decoder._free.put_nowait(child)

    picture = await waiting
    await decoder.close()

    assert picture.width == 64


async def test_ctrl_c_to_the_whole_group_does_not_break_a_decode() -> None:
    before = children()  # the server of other tests among them
    decoder = Decoder(processes=2, max_pixels=1_000_000)
    await decoder.start()
    for child in children() - before:
        os.kill(child, signal.SIGINT)
        os.kill(child, signal.SIGTERM)

    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert picture.width == 64


async def test_the_children_are_limited_and_know_no_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = children()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    decoder = Decoder(processes=1, memory_bytes=64 * MIB, max_pixels=1_000_000)
    await decoder.start()
    (child,) = children() - before
    environment = Path(f"/proc/{child}/environ").read_bytes()
    limits = {
        line[:26].strip(): line[26:].split()[0]
        for line in Path(f"/proc/{child}/limits").read_text().splitlines()
    }
    await decoder.close()

    assert b"sk-secret" not in environment
    assert limits["Max core file size"] == "0"
    assert limits["Max file size"] == "0"
    assert 64 * MIB < int(limits["Max address space"]) < 192 * MIB


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


async def test_closing_leaves_no_process_and_no_open_file() -> None:
    gc.collect()
    processes, files = children(), open_files()
    decoder = Decoder(processes=3, max_pixels=100_000_000)
    await decoder.start()
    with pytest.raises(BadImageError):
        await decoder.decode(b"only words", longest_side_px=512)
    decoding = asyncio.create_task(decoder.decode(png_of_zeros(8000, 8000), longest_side_px=512))
    await asyncio.sleep(0)
    decoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decoding

    await decoder.close()

    assert children() == processes
    assert open_files() == files


async def test_closing_fails_the_decodes_under_way_as_unavailable() -> None:
    before = children()
    decoder = Decoder(processes=1, memory_bytes=1024 * MIB, max_pixels=100_000_000)
    await decoder.start()
    (child,) = children() - before
    data = png_of_zeros(9000, 9000)
    decoding = asyncio.create_task(decoder.decode(data, longest_side_px=512))
    waiting = asyncio.create_task(decoder.decode(data, longest_side_px=512))
    await wait_until(lambda: working(child), what="the child decodes")

    await decoder.close()
    outcomes = await asyncio.gather(decoding, waiting, return_exceptions=True)
    with pytest.raises(UnavailableError):
        await decoder.decode(data, longest_side_px=512)

    assert [(type(outcome), str(outcome)) for outcome in outcomes] == [
        (UnavailableError, "decoder does not answer"),
        (UnavailableError, "decoder does not answer"),
    ]


async def test_a_child_that_cannot_start_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    monkeypatch.setattr("sys.executable", "/bin/false")
    decoder = Decoder(max_pixels=1_000_000)

    with pytest.raises(RuntimeError, match="a decoding process did not start"):
        await decoder.start()

    assert children() == before
