"""Forms of uploads: what is kept of them, how much they may bring, and whose fault a fault is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from obstore.store import LocalStore
from redis.asyncio import Redis

from services.gateway.admission import Admission
from services.gateway.bodies import ENVELOPE_BYTES, timed
from services.gateway.receiving import Limits
from services.gateway.uploads import Uploads
from shared.blobs import BlobStore
from shared.photos import Photos
from shared.redis import closing, connect
from tests.support.clients import PHOTOS, upload, upload_batch
from tests.support.gateway_app import serving

CAT = (PHOTOS / "cat.jpg").read_bytes()
MAX_BYTES = 100_000


class Broken(BlobStore):
    """A store with a fault of ours."""

    async def put(self, name: str, content: bytes | AsyncIterator[bytes]) -> None:
        raise ValueError(f"cannot put {type(content)} as {name}")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with closing(connect(redis_url)) as client:
        yield client


@pytest.fixture
async def url(client: Redis, tmp_path: Path) -> AsyncIterator[str]:
    uploads = routes(client, BlobStore(LocalStore(tmp_path)))
    async with serving(uploads, timed(20)) as url:
        yield url


def routes(client: Redis, blobs: BlobStore) -> Any:
    limits = Limits(max_bytes=MAX_BYTES, max_pixels=1_000_000, max_side=10_000)
    photos = Photos(client, retention_s=600)
    uploads = Uploads(photos, blobs, limits=limits, max_batch=100, lanes=16, locale="fr")
    return uploads.routes(Admission(client, per_minute=0, at_a_time=9, proxies=()))


def field(name: str, value: bytes = b"", *headers: str) -> bytes:
    lines = ["--b", f'Content-Disposition: form-data; name="{name}"', *headers, "", ""]
    return "\r\n".join(lines).encode() + value + b"\r\n"


async def sent(url: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Send a form of no declared length; returns status and JSON."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    writer.write(
        b"POST /api/photos/upload HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    )
    async with asyncio.timeout(20):
        head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    return int(head.split(b" ")[1]), orjson.loads(answer)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(b"".join(field(f"f{i}", bytes(900)) for i in range(99)), id="fields"),
        pytest.param(field("f", b"", *(f"X-{i}: {'x' * 5000}" for i in range(20))), id="headers"),
        pytest.param(b"x" * 1000 + b"\r\n" + (b"x" * 1000 + b"\r\n") * 80, id="a preamble"),
    ],
)
async def test_what_comes_besides_the_photos_is_limited(url: str, form: bytes) -> None:
    body = form + field("photo", CAT) + b"--b--\r\n"
    status, problem = await sent(url, body)

    assert (status, problem["code"], problem["limit"]) == (413, "too_large", ENVELOPE_BYTES)
    assert "besides its photos" in problem["detail"]


async def test_so_many_fields_are_no_form_of_ours(url: str) -> None:
    status, problem = await sent(url, field("f") * 101 + field("photo", CAT) + b"--b--\r\n")

    assert (status, problem["code"]) == (400, "bad_request")


async def test_a_file_name_with_an_apostrophe_and_no_encoding_is_no_fault_of_ours(url: str) -> None:
    # RFC 2231's form in pieces, in which an apostrophe may end the name of an encoding
    head = "Content-Disposition: form-data; name=photo; filename*0=it's.jpg"
    body = f"--b\r\n{head}\r\n\r\n".encode() + CAT + b"\r\n--b--\r\n"
    status, answer = await sent(url, body)

    assert (status, answer["processing"]) == (202, True)


async def test_unknown_fields_and_a_batch_of_many_are_taken(url: str) -> None:
    unknown = {f"field-{number}": "x" for number in range(50)}
    status, batch = await upload_batch(url, [CAT] * 100, headers=None, **unknown)

    assert status == 202
    assert len(batch["photos"]) == 100


async def test_a_request_that_declares_too_much_hears_its_own_limit(url: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    writer.write(
        b"POST /api/photos/upload HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 999999999\r\n\r\n"
    )
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    problem = orjson.loads(answer.partition(b"\r\n\r\n")[2])
    assert (problem["status"], problem["code"]) == (413, "too_large")
    assert problem["limit"] > 100 * MAX_BYTES
    assert problem["detail"].startswith("The request ")


async def test_a_fault_of_ours_is_not_the_clients(client: Redis, tmp_path: Path) -> None:
    async with serving(routes(client, Broken(LocalStore(tmp_path)))) as url:
        status, problem = await upload(url, CAT)

    assert (status, problem["code"]) == (500, "internal_error")
