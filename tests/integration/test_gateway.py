"""The gateway, a real process over a real server: every answer of the contract."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import orjson
import pytest
import redis

from shared import keys
from tests.support.clients import PHOTOS, get, upload
from tests.support.processes import ServiceProcess

CAT = PHOTOS / "cat.jpg"


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def gateway(redis_url: str, blobs: Path) -> Iterator[ServiceProcess]:
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": blobs.as_uri(),
        "TAGLINE_MAX_UPLOAD_BYTES": "200000",
        "TAGLINE_LOG": "console",
    }
    with ServiceProcess("gateway", environment) as process:
        yield process.wait_ready()


def stored(blobs: Path) -> list[Path]:
    return [path for path in blobs.rglob("*") if path.is_file()]


def png_header(width: int, height: int) -> bytes:
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0" * 100


async def test_an_upload_is_a_file_a_record_and_a_queue_entry(
    gateway: ServiceProcess, blobs: Path, client: redis.Redis
) -> None:
    status, answer = await upload(gateway.url, CAT)

    assert status == 202
    assert [path.name for path in stored(blobs)] == [answer["filename"]]
    assert stored(blobs)[0].read_bytes() == CAT.read_bytes()
    assert client.xlen("{tagline:0}:queue:tagging:normal") == 1
    assert client.zscore(keys.unfinished(), answer["id"]) is not None
    _, photo = await get(f"{gateway.url}/api/photos/{answer['id']}")
    assert photo["status"] == "queued"
    assert (photo["width"], photo["height"], photo["size"]) == (451, 300, 34306)
    assert photo["originalName"] == "photo.jpg"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        pytest.param(b"", 422, "bad_image", id="zero bytes"),
        pytest.param(b"Just some text in a .jpg\n" * 9, 415, "unsupported_image", id="text"),
        pytest.param(CAT.read_bytes()[:100], 422, "bad_image", id="truncated in the header"),
        pytest.param(png_header(30_000, 30_000), 422, "bad_image", id="too many pixels"),
        pytest.param(CAT.read_bytes() + b"\0" * 200_000, 413, "too_large", id="too large"),
        pytest.param(b"\xff\xd8" + b"\xff\xe0\0\2" * 40_000, 422, "bad_image", id="no frame"),
        pytest.param(b"GIF89a" + b"\0" * 100, 422, "bad_image", id="no dimensions"),
    ],
)
async def test_what_is_no_photo_of_ours_is_refused_and_nothing_is_kept(
    gateway: ServiceProcess,
    blobs: Path,
    client: redis.Redis,
    content: bytes,
    status: int,
    code: str,
) -> None:
    answered, problem = await upload(gateway.url, content)

    assert answered == status
    assert problem["code"] == code
    assert problem["status"] == status
    assert stored(blobs) == []
    # A stream without entries may be there; nothing else.
    assert [key for key in client.keys() if b"sweep-lock" not in key] == []  # noqa: SIM118


@pytest.mark.parametrize("form", [b"", b"--b\r\nbroken", b"--b--\r\n"])
async def test_a_malformed_body_is_a_bad_request(gateway: ServiceProcess, form: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/api/photos/upload", data=form, headers=headers) as response,
    ):
        assert response.status == 400
        assert response.content_type == "application/problem+json"
        assert (await response.json(content_type=None))["code"] == "bad_request"


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"priority": "urgent"}, {}),
        ({"locale": "de"}, {}),
        ({"socketId": "mine"}, {}),
        ({"socketId": "mine"}, {"X-Socket-Id": ""}),
        ({"socketId": "mine"}, {"X-Socket-Id": "3-AAAAAAAAAAAAAAAAAAAAAAAA"}),
        ({}, {"X-Socket-Id": "99-AAAAAAAAAAAAAAAAAAAAAAAA"}),
        ({}, {"Idempotency-Key": "x" * 256}),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_kept(
    gateway: ServiceProcess, blobs: Path, fields: dict[str, str], headers: dict[str, str]
) -> None:
    status, problem = await upload(gateway.url, CAT, headers=headers, **fields)

    assert status == 400
    assert problem["code"] == "bad_request"
    assert problem["detail"].startswith(f"{[*fields, *headers][0]} must be ")
    assert stored(blobs) == []


async def test_a_photo_under_another_name_and_a_form_without_boundary_are_told_apart(
    gateway: ServiceProcess, blobs: Path
) -> None:
    form = aiohttp.FormData()
    form.add_field("datei", CAT.read_bytes(), filename="cat.jpg")
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{gateway.url}/api/photos/upload", data=form) as response:
            misnamed = orjson.loads(await response.read())
        headers = {"Content-Type": "multipart/form-data"}
        url = f"{gateway.url}/api/photos/upload"
        async with session.post(url, data=CAT.read_bytes(), headers=headers) as response:
            unbounded = orjson.loads(await response.read())

    assert (misnamed["status"], unbounded["status"]) == (400, 400)
    assert "'datei'" in misnamed["detail"]
    assert "named photo" in misnamed["detail"]
    assert "boundary" in unbounded["detail"]
    assert stored(blobs) == []


async def test_a_wrong_content_type_and_a_missing_part_are_bad_requests(
    gateway: ServiceProcess,
) -> None:
    async with aiohttp.ClientSession() as session:
        for data in ({"title": "no photo"}, b"bytes"):
            async with session.post(f"{gateway.url}/api/photos/upload", data=data) as response:
                assert response.status == 400
                problem = orjson.loads(await response.read())
                assert problem["code"] == "bad_request"
                assert "photo" in problem["detail"]


async def test_the_same_idempotency_key_gives_the_same_photo(
    gateway: ServiceProcess, blobs: Path
) -> None:
    headers = {"Idempotency-Key": "holiday-1"}
    answers = await asyncio.gather(*(upload(gateway.url, CAT, headers=headers) for _ in range(5)))
    other, problem = await upload(gateway.url, PHOTOS / "coffee.jpg", headers=headers)

    assert {status for status, _ in answers} == {202}
    assert len({answer["id"] for _, answer in answers}) == 1
    assert len(stored(blobs)) == 1
    assert (other, problem["code"]) == (422, "idempotency_mismatch")


async def test_the_answer_to_an_idempotency_key_is_the_first_to_the_letter(
    gateway: ServiceProcess,
) -> None:
    headers = {"Idempotency-Key": "holiday-2"}
    first = await upload(gateway.url, CAT, headers={**headers, "Accept-Language": "en"})
    again = await upload(gateway.url, CAT, headers={**headers, "Accept-Language": "fr"})

    assert first[1]["message"] == "Photo uploaded, analysis in progress..."
    assert again == first


async def test_photos_are_listed_newest_first_page_by_page(gateway: ServiceProcess) -> None:
    ids = [(await upload(gateway.url, CAT))[1]["id"] for _ in range(5)]
    seen: list[int] = []
    cursor = ""
    while True:
        _, page = await get(f"{gateway.url}/api/photos?limit=2{cursor}")
        seen += [photo["id"] for photo in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"

    assert seen == ids[::-1]


async def test_the_original_bytes_come_back_whole_in_part_or_not_at_all(
    gateway: ServiceProcess,
) -> None:
    _, answer = await upload(gateway.url, CAT)
    url = f"{gateway.url}/api/photos/{answer['id']}/file"
    original = CAT.read_bytes()
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as whole:
            assert await whole.read() == original
            assert whole.headers["Content-Type"] == "image/jpeg"
            assert whole.headers["X-Content-Type-Options"] == "nosniff"
            etag = whole.headers["ETag"]
        async with session.get(url, headers={"Range": "bytes=10-19"}) as part:
            assert part.status == 206
            assert part.headers["Content-Range"] == f"bytes 10-19/{len(original)}"
            assert await part.read() == original[10:20]
        async with session.get(url, headers={"Range": "bytes=-5"}) as tail:
            assert await tail.read() == original[-5:]
        async with session.get(url, headers={"Range": "bytes=99999999-"}) as beyond:
            assert beyond.status == 416
        async with session.get(url, headers={"Range": "bytes=-0"}) as nothing:
            assert nothing.status == 416
            assert nothing.headers["Content-Range"] == f"bytes */{len(original)}"
        async with session.head(url, headers={"Range": "bytes=10-19"}) as alone:
            assert (alone.status, alone.content_length) == (206, 10)
        async with session.get(url, headers={"If-None-Match": etag}) as same:
            assert same.status == 304


async def test_a_server_that_is_away_is_a_503_and_comes_back(tmp_path: Path, blobs: Path) -> None:
    from tests.support.redis_server import temporary_server

    with temporary_server() as server:
        environment = {"REDIS_URL": server.url, "TAGLINE_BLOB_URL": blobs.as_uri()}
        with ServiceProcess("gateway", environment) as gateway:
            gateway.wait_ready()
            _, before = await upload(gateway.url, CAT)
            server.kill()
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{gateway.url}/api/photos/{before['id']}") as away:
                    assert away.status == 503
                    assert away.headers["Retry-After"] == "2"
                async with session.get(f"{gateway.url}/readyz") as ready:
                    assert ready.status == 503
                    assert "redis" in await ready.text()
            server.start()
            gateway.wait_ready()
            status, _ = await get(f"{gateway.url}/api/photos/{before['id']}")
            assert status == 200


def test_a_bad_setting_is_one_line_and_exit_code_2(redis_url: str) -> None:
    with ServiceProcess("gateway", {"TAGLINE_MAX_PIXELS": "many"}) as gateway:
        assert gateway._started().wait(20) == 2
        assert gateway.output.count("\n") == 1
        assert "TAGLINE_MAX_PIXELS" in gateway.output


@pytest.mark.parametrize("bind", ["192.0.2.1", "no..host"])
def test_an_address_that_is_not_this_machines_is_a_bad_setting(
    redis_url: str, blobs: Path, bind: str
) -> None:
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": blobs.as_uri(),
        "TAGLINE_BIND": bind,
    }
    with ServiceProcess("gateway", environment) as gateway:
        assert gateway._started().wait(20) == 2
        assert gateway.output.splitlines()[-1].startswith(
            f"gateway: TAGLINE_BIND cannot be '{bind}': "
        )
