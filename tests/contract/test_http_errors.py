"""Every error of the HTTP contract: its status, its code, and the shape they share (RFC 9457)."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import redis
from PIL import Image

from deploy.local.server import EmbeddedServer
from tests.support.clients import upload_batch
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server

ANNA = {"Authorization": "Bearer s3cret-a"}
BEN = {"Authorization": "Bearer s3cret-b"}
NOWHERE = "00000000-0000-4000-8000-000000000000"
LIMITS = {
    "TAGLINE_MAX_UPLOAD_BYTES": "2000",
    "TAGLINE_MAX_PIXELS": "10000",
    "TAGLINE_MAX_BATCH": "2",
}


def picture(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


PHOTO = picture(40, 30)


@dataclass(frozen=True)
class Refused:
    status: int
    headers: dict[str, str]
    problem: dict[str, Any]


async def refused(
    gateway: ServiceProcess,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    photos: Sequence[bytes] | None = None,
    **fields: str,
) -> Refused:
    """Send a request that is answered with a problem, and look at the problem's shape."""
    form = aiohttp.FormData(fields, default_to_multipart=True)
    for photo in photos or ():
        form.add_field("photo", photo, filename="photo.png")
    body = None if photos is None else form
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, gateway.url + path, data=body) as response,
    ):
        problem = orjson.loads(await response.read())
        assert response.content_type == "application/problem+json"
        assert problem["status"] == response.status
        assert problem["title"] == HTTPStatus(response.status).phrase
        assert problem["type"] == f"urn:tagline:problem:{problem['code']}"
        assert problem["detail"]
        answered = {name.lower(): value for name, value in response.headers.items()}
        return Refused(response.status, answered, problem)


@pytest.fixture(scope="module")
def gateway(
    redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    environment = {
        "REDIS_URL": redis_server.url,
        "TAGLINE_BLOB_URL": tmp_path_factory.mktemp("errors").as_uri(),
        "TAGLINE_API_KEYS": "anna:s3cret-a,ben:s3cret-b",
        **LIMITS,
    }
    with ServiceProcess("gateway", environment) as process:
        yield process.wait_ready()


@pytest.fixture(scope="module")
def batch(gateway: ServiceProcess) -> dict[str, Any]:
    """Two photos of Anna's."""
    status, batch = asyncio.run(upload_batch(gateway.url, [PHOTO, PHOTO], headers=ANNA))
    assert status == 202
    return batch


@pytest.mark.parametrize(
    ("photos", "fields", "status", "code"),
    [
        pytest.param([], {}, 400, "bad_request", id="no photo"),
        pytest.param([PHOTO], {"priority": "urgent"}, 400, "bad_request", id="no priority"),
        pytest.param([PHOTO], {"locale": "de"}, 400, "bad_request", id="no locale"),
        pytest.param([PHOTO], {"socketId": "mine"}, 400, "bad_request", id="no socket"),
        pytest.param([PHOTO + bytes(2000)], {}, 413, "too_large", id="too many bytes"),
        pytest.param([PHOTO] * 3, {}, 413, "too_large", id="too many photos"),
        pytest.param([b"%PDF-1.7" * 20], {}, 415, "unsupported_image", id="no image"),
        pytest.param([b""], {}, 422, "bad_image", id="zero bytes"),
        pytest.param([PHOTO[:20]], {}, 422, "bad_image", id="half a header"),
        pytest.param([picture(101, 100)], {}, 422, "bad_image", id="too many pixels"),
        pytest.param([PHOTO, b""], {}, 422, "bad_image", id="one bad photo of two"),
    ],
)
async def test_an_upload_that_cannot_be_taken_says_why(
    gateway: ServiceProcess, photos: list[bytes], fields: dict[str, str], status: int, code: str
) -> None:
    answer = await refused(
        gateway, "POST", "/api/photos/upload", headers=ANNA, photos=photos, **fields
    )

    assert (answer.status, answer.problem["code"]) == (status, code)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "x"}])
@pytest.mark.parametrize("path", ["/api/photos", "/api/photos/1", "/api/queues", "/nope"])
async def test_without_a_key_there_is_nothing_to_see(
    gateway: ServiceProcess, path: str, headers: dict[str, str]
) -> None:
    answer = await refused(gateway, "GET", path, headers=headers)

    assert (answer.status, answer.problem["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/photos/{photo}"),
        ("GET", "/api/photos/{photo}/file"),
        ("GET", "/api/photos/{photo}/thumbnail"),
        ("PUT", "/api/photos/{photo}/tags"),
        ("POST", "/api/photos/{photo}/retag"),
        ("DELETE", "/api/photos/{photo}"),
        ("GET", "/api/jobs/{job}"),
        ("POST", "/api/jobs/{job}/cancel"),
        ("POST", "/api/jobs/{job}/retry"),
        ("DELETE", "/api/jobs/{job}"),
        ("GET", "/api/batches/{batch}"),
        ("POST", "/api/batches/{batch}/cancel"),
    ],
)
async def test_what_is_not_there_and_what_is_another_keys_are_the_same(
    gateway: ServiceProcess, batch: dict[str, Any], method: str, path: str
) -> None:
    photo = batch["photos"][0]
    hers = path.format(photo=photo["id"], job=photo["jobId"], batch=batch["batchId"])
    nobodys = path.format(photo=987_654, job=NOWHERE, batch=NOWHERE)

    another = await refused(gateway, method, hers, headers=BEN)
    missing = await refused(gateway, method, nobodys, headers=BEN)

    assert (another.status, another.problem["code"]) == (404, "not_found")
    assert another.problem == missing.problem


async def test_a_caller_over_the_rate_hears_when_to_come_again(
    redis_url: str, tmp_path: Path
) -> None:
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
        "TAGLINE_RATE_LIMIT": "1",
    }
    with ServiceProcess("gateway", environment) as gateway:
        gateway.wait_ready()
        first, _ = await upload_batch(gateway.url, [PHOTO])
        second = await refused(gateway, "POST", "/api/photos/upload", photos=[PHOTO])

    assert first == 202
    assert (second.status, second.problem["code"]) == (429, "rate_limited")
    assert int(second.headers["retry-after"]) >= 1


async def test_without_database_or_photo_store_it_is_unavailable_and_nothing_is_half_saved(
    tmp_path: Path,
) -> None:
    blobs = tmp_path / "blobs"
    with temporary_server() as server:
        environment = {"REDIS_URL": server.url, "TAGLINE_BLOB_URL": blobs.as_uri()}
        with ServiceProcess("gateway", environment) as gateway:
            gateway.wait_ready()
            shutil.rmtree(blobs)
            blobs.write_text("where a folder was")
            no_store = await refused(gateway, "POST", "/api/photos/upload", photos=[PHOTO])
            with redis.Redis.from_url(server.url) as client:
                saved = list(client.scan_iter("*:photo:*"))
            server.kill()
            no_database = await refused(gateway, "GET", "/api/photos/1")

    assert saved == []
    for answer in (no_store, no_database):
        assert (answer.status, answer.problem["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
