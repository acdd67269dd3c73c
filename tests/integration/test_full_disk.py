"""A disk without room: photos are refused, nothing of them stays, and it is noticed by itself."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.api import Api
from tests.support.clients import PHOTOS
from tests.support.pictures.made import encoded, scene
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until

CAT = PHOTOS / "cat.jpg"
FILE_BYTES = 1_000_000
LARGE = encoded(scene(), "PNG") + bytes(3 * FILE_BYTES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def gateway(redis_url: str, folder: Path) -> Iterator[ServiceProcess]:
    # So little that any file system of a test has it.
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": folder.as_uri(),
        "TAGLINE_MIN_FREE_BYTES": "1",
    }
    with ServiceProcess("gateway", environment) as gateway:
        yield gateway.wait_ready()
        assert "Traceback" not in gateway.output


def stored(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def ready(gateway: ServiceProcess) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.url}/readyz") as response,
    ):
        return response.status, await response.text()


async def test_below_the_mark_photos_are_refused_until_there_is_room_again(
    gateway: ServiceProcess, folder: Path
) -> None:
    api = Api(gateway.url)
    assert (await api.upload(CAT)).status == 202
    aside = folder.with_name("aside")
    # I move the folder, and put a file system in its place on which nothing is free, ever
    folder.rename(aside)
    folder.symlink_to("/proc")

    async def is_ready(status: int) -> bool:
        return (await ready(gateway))[0] == status

    await wait_until(lambda: is_ready(503), what="it is noticed")
    _, why = await ready(gateway)
    refused = await api.upload(CAT)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        b"POST /api/photos/upload HTTP/1.1\r\nHost: here\r\nContent-Length: 9000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nExpect: 100-continue\r\n\r\n"
    )
    before_the_body = await reader.readline()
    writer.close()
    await writer.wait_closed()
    shown = await api.get("/api/photos")
    # I put it back
    folder.unlink()
    aside.rename(folder)
    await wait_until(lambda: is_ready(200), what="there is room again")
    again = await api.upload(CAT)

    assert "less than 1 bytes are free" in why
    assert refused.problem == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert "no room" in refused.json["detail"]
    assert before_the_body.startswith(b"HTTP/1.1 503 ")
    assert (shown.status, len(shown.json["items"])) == (200, 1)
    assert again.status == 202
    assert len(stored(folder)) == 2


async def test_a_write_that_finds_no_room_leaves_nothing(
    gateway: ServiceProcess, folder: Path
) -> None:
    api = Api(gateway.url)
    # The kernel lets this process write no more than so much of a file
    _, most = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (FILE_BYTES, most))
    alone = await api.upload(LARGE)
    batch = await api.upload(CAT, CAT, LARGE)
    small = await api.upload(CAT)
    kept = stored(folder)
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (most, most))
    large = await api.upload(LARGE)

    for answer in (alone, batch):
        assert answer.problem == (503, "unavailable")
        assert "no room" in answer.json["detail"]
    assert small.status == 202
    assert kept == [small.json["filename"]]
    assert large.status == 202


async def test_a_batch_whose_client_hangs_up_leaves_nothing(
    gateway: ServiceProcess, folder: Path
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    part = b'--b\r\nContent-Disposition: form-data; name="photo"\r\n\r\n' + CAT.read_bytes()
    more = bytes(500_000)  # aiohttp reads ahead
    writer.write(
        b"POST /api/photos/upload HTTP/1.1\r\nHost: here\r\nContent-Length: 900000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + part + b"\r\n" + part + more
    )
    await wait_until(lambda: stored(folder), what="the first photo of the batch lies there")
    writer.close()
    await writer.wait_closed()

    await wait_until(lambda: not stored(folder), what="it is removed")
    assert (await Api(gateway.url).upload(CAT)).status == 202
