"""Thumbnails, from a real gateway: what they look like, and that they are made once."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from PIL import Image

from shared.blobs.names import thumbnails
from tests.support.api import Answer, Api
from tests.support.clients import PHOTOS, upload
from tests.support.decoding import working
from tests.support.pictures.halves import BLUE, RED, WHITE, halves
from tests.support.pictures.heavy import png_of_zeros
from tests.support.pictures.made import encoded
from tests.support.processes import ServiceProcess, descendants, is_running
from tests.support.waiting import wait_until

CAT = PHOTOS / "cat.jpg"
WEBP = {"Accept": "image/avif,image/webp,*/*;q=0.8"}


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def gateway(redis_url: str, blobs: Path) -> Iterator[ServiceProcess]:
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": blobs.as_uri(),
        "TAGLINE_THUMBNAILERS": "1",
        "TAGLINE_LOG": "console",
    }
    with ServiceProcess("gateway", environment) as process:
        yield process.wait_ready()
        children = descendants(process.pid)
        assert process.terminate() == 0
        assert [child for child in children if is_running(child)] == []


async def uploaded(gateway: ServiceProcess, photo: bytes | Path) -> str:
    """Upload `photo`; returns the URL of its thumbnail."""
    status, answer = await upload(gateway.url, photo)
    assert status == 202
    return f"{gateway.url}/api/photos/{answer['id']}/thumbnail"


async def fetch(url: str, headers: dict[str, str] | None = None) -> Image.Image:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=headers) as response,
    ):
        body = await response.read()
        assert response.status == 200, body
        image = Image.open(io.BytesIO(body))
        assert response.content_type == f"image/{(image.format or '').lower()}"
        return image


async def answer_to(url: str) -> Answer:
    parts = urlsplit(url)
    return await Api(f"{parts.scheme}://{parts.netloc}").get(f"{parts.path}?{parts.query}")


async def refusal(url: str) -> tuple[int, str]:
    return (await answer_to(url)).problem


def made(blobs: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[2] for path in blobs.glob("thumbs/*/*"))


def close_to(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    found = image.convert("RGB").getpixel(at)
    assert isinstance(found, tuple)
    return all(abs(one - other) <= 16 for one, other in zip(found, colour, strict=True))


async def test_a_thumbnail_is_as_small_as_asked_and_of_the_format_that_is_taken(
    gateway: ServiceProcess, blobs: Path
) -> None:
    url = await uploaded(gateway, CAT)  # 451 x 300

    sizes = [
        (image.format, image.size)
        for image in (
            await fetch(f"{url}?size=64"),
            await fetch(f"{url}?size=100", WEBP),
            await fetch(url),
            await fetch(f"{url}?size=1024", {"Accept": "image/webp;q=0, */*"}),
        )
    ]

    assert sizes == [
        ("JPEG", (64, 43)),
        ("WEBP", (96, 64)),
        ("JPEG", (320, 213)),
        ("JPEG", (451, 300)),  # never enlarged
    ]
    # 1024 would be the same as 512.
    assert made(blobs) == ["320.jpg", "512.jpg", "64.jpg", "96.webp"]


async def test_a_turned_photo_is_upright_and_nothing_of_its_metadata_is_left(
    gateway: ServiceProcess,
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    data = encoded(halves((640, 320)), "JPEG", exif=exif, comment=b"at home")
    url = await uploaded(gateway, data)

    for headers in ({}, WEBP):
        thumbnail = await fetch(f"{url}?size=128", headers)
        assert thumbnail.size == (64, 128)
        assert close_to(thumbnail, (32, 16), RED)
        assert close_to(thumbnail, (32, 112), BLUE)
        assert not thumbnail.getexif()
        assert "comment" not in thumbnail.info


async def test_transparency_lies_on_white_and_of_an_animation_the_first_frame_is_shown(
    gateway: ServiceProcess,
) -> None:
    half = Image.new("RGBA", (64, 64), BLUE)
    half.paste((0, 0, 0, 0), (0, 0, 32, 64))
    transparent = await fetch(await uploaded(gateway, encoded(half, "PNG")))
    frames = [Image.new("RGB", (64, 64), RED), Image.new("RGB", (64, 64), BLUE)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    still = await fetch(await uploaded(gateway, moving))

    assert close_to(transparent, (8, 32), WHITE)
    assert close_to(transparent, (56, 32), BLUE)
    assert close_to(still, (32, 32), RED)


async def test_browsers_keep_thumbnails_and_ask_no_more(gateway: ServiceProcess) -> None:
    url = await uploaded(gateway, CAT)
    async with aiohttp.ClientSession() as session:
        async with session.head(url) as head:
            assert head.status == 200
            assert await head.read() == b""
        async with session.get(url) as whole:
            assert whole.headers["Content-Length"] == head.headers["Content-Length"]
            assert "immutable" in whole.headers["Cache-Control"]
            assert whole.headers["X-Content-Type-Options"] == "nosniff"
            assert whole.headers.getall("Vary") == ["Accept", "Origin"]
            etag = whole.headers["ETag"]
        async with session.get(url, headers={"If-None-Match": etag}) as same:
            assert same.status == 304
        for changed in ({"If-None-Match": etag, **WEBP}, {"If-None-Match": '"other"'}):
            async with session.get(url, headers=changed) as other:
                assert other.status == 200


async def test_many_who_ask_at_a_time_get_one_that_is_made_once(
    gateway: ServiceProcess, blobs: Path
) -> None:
    url = await uploaded(gateway, CAT)
    async with aiohttp.ClientSession() as session:

        async def ask() -> bytes:
            async with session.get(url) as response:
                assert response.status == 200
                return await response.read()

        answers = set(await asyncio.gather(*(ask() for _ in range(30))))
        await ask()
        async with session.get(f"{gateway.url}/metrics") as response:
            metrics = await response.text()

    assert len(answers) == 1
    assert made(blobs) == ["320.jpg"]
    assert "tagline_thumbnail_seconds_count 1.0" in metrics
    assert 'tagline_thumbnails_total{result="cached"}' in metrics


async def test_what_cannot_be_shown_is_refused_with_the_reason(
    gateway: ServiceProcess, blobs: Path
) -> None:
    broken = await uploaded(gateway, CAT.read_bytes()[:20_000])
    gone = await uploaded(gateway, CAT)
    for original in blobs.glob("originals/*/*"):
        if original.stat().st_size != 20_000:
            original.unlink()

    assert await refusal(broken) == (422, "bad_image")
    assert await refusal(f"{broken}?size=64") == (422, "bad_image")
    assert await refusal(gone) == (404, "not_found")
    assert await refusal(f"{gateway.url}/api/photos/999/thumbnail") == (404, "not_found")
    for query in ("size=63", "size=1025", "size=big", "width=100"):
        assert await refusal(f"{gone}?{query}") == (400, "bad_request")
    assert made(blobs) == []


async def test_a_decoder_that_is_killed_is_our_fault_at_first(gateway: ServiceProcess) -> None:
    url = await uploaded(gateway, png_of_zeros(6000, 6000))
    await fetch(await uploaded(gateway, CAT))
    (child,) = descendants(gateway.pid)
    asked = asyncio.create_task(answer_to(url))
    await wait_until(lambda: working(child), what="the child decodes")
    os.kill(child, signal.SIGKILL)

    for answer in (await asked, await answer_to(f"{url}?size=64")):
        assert answer.problem == (503, "unavailable")
        assert 1 <= int(answer.headers["Retry-After"]) <= 30


async def test_no_child_is_there_before_the_first_thumbnail_and_a_dead_one_is_replaced(
    gateway: ServiceProcess,
) -> None:
    url = await uploaded(gateway, CAT)
    before = descendants(gateway.pid)
    await fetch(url)
    (child,) = descendants(gateway.pid)
    os.kill(child, signal.SIGKILL)
    # Killed while it decodes, it would cost the photo that it had.
    await wait_until(lambda: not is_running(child), what="the child has ended")

    thumbnail = await fetch(f"{url}?size=64")

    assert before == {}
    assert thumbnail.size == (64, 43)


async def test_a_killed_gateway_leaves_no_child_behind(redis_url: str, blobs: Path) -> None:
    environment = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": blobs.as_uri()}
    with ServiceProcess("gateway", environment) as gateway:
        gateway.wait_ready()
        await fetch(await uploaded(gateway, CAT))
        (child,) = descendants(gateway.pid)
        gateway.kill()

        await wait_until(lambda: not is_running(child), what="the child has ended")


async def test_the_names_a_deletion_removes_are_those_that_are_made(
    gateway: ServiceProcess, blobs: Path
) -> None:
    _, answer = await upload(gateway.url, CAT)
    url = f"{gateway.url}/api/photos/{answer['id']}/thumbnail"
    for size in (64, 200, 1024):
        for headers in ({}, WEBP):
            await fetch(f"{url}?size={size}", headers)

    there = {str(path.relative_to(blobs)) for path in blobs.glob("thumbs/*/*")}

    assert len(there) == 6
    assert there <= set(thumbnails(answer["filename"]))
