"""Originals on their way out: a store that fails in the middle, a reader that stops reading."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from obstore.store import LocalStore
from redis.asyncio import Redis

from services.gateway.admission import Admission
from services.gateway.files import FileRoute
from services.gateway.receiving import Limits
from services.gateway.uploads import Uploads
from shared import keys
from shared.blobs import BlobStore, open_store
from shared.errors import UnavailableError
from shared.photos import Photos
from shared.redis import closing, connect
from tests.support.clients import PHOTOS, upload
from tests.support.gateway_app import serving
from tests.support.waiting import wait_until

CAT = (PHOTOS / "cat.jpg").read_bytes()
LONG_BYTES = 30_000_000


class Failing(BlobStore):
    """A store that stops answering after the first piece of a blob."""

    async def read(self, name: str, start: int, stop: int) -> AsyncIterator[bytes]:
        async for chunk in super().read(name, start, stop):
            yield chunk[:1000]
            raise UnavailableError("blobs")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with closing(connect(redis_url)) as client:
        yield client


async def test_a_store_that_fails_in_the_middle_breaks_the_answer_off(
    client: Redis, tmp_path: Path
) -> None:
    async with serving(routes(client, Failing(LocalStore(tmp_path)))) as url:
        photo = await uploaded(url, CAT)
        reader, writer = await asked(url, f"/api/photos/{photo}/file")
        answer = await reader.read()
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        status, _ = await upload(url, CAT)

    assert answer.count(b"HTTP/1.1") == 1
    assert b"problem" not in answer
    assert answer.endswith(CAT[:1000])
    assert status == 202


async def test_a_reader_that_stops_reading_is_let_go(client: Redis, tmp_path: Path) -> None:
    blobs = BlobStore(LocalStore(tmp_path))
    async with serving(routes(client, blobs), unread_s=0.5) as url:
        photo = await uploaded(url, CAT)
        (original,) = [path for path in tmp_path.rglob("*") if path.is_file()]
        os.truncate(original, LONG_BYTES)
        await client.hset(keys.photo(photo), "size_bytes", str(LONG_BYTES))
        reader, writer = await asked(url, f"/api/photos/{photo}/file")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"

        def is_let_go() -> bool:
            writer.write(b"x")
            return writer.transport.is_closing()

        await wait_until(is_let_go, what="the gateway has closed the connection")
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_a_file_that_is_gone_is_not_found_unless_all_are(
    client: Redis, tmp_path: Path
) -> None:
    blobs = tmp_path / "blobs"
    async with (
        serving(routes(client, open_store(blobs.as_uri()))) as url,
        aiohttp.ClientSession() as session,
    ):
        file = f"{url}/api/photos/{await uploaded(url, CAT)}/file"
        async with session.head(file) as before:
            assert (before.status, before.content_length) == (200, len(CAT))
        [kept] = [each for each in blobs.rglob("photo-*") if each.is_file()]
        kept.unlink()
        for method in ("HEAD", "GET"):
            async with session.request(method, file) as answer:
                assert answer.status == 404
        blobs.rename(tmp_path / "elsewhere")
        for method in ("HEAD", "GET"):
            async with session.request(method, file) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "2")


def routes(client: Redis, blobs: BlobStore) -> list[web.RouteDef]:
    photos = Photos(client, retention_s=600)
    limits = Limits(max_bytes=1_000_000, max_pixels=1_000_000, max_side=10_000)
    uploads = Uploads(photos, blobs, limits=limits, max_batch=1, lanes=16, locale="fr")
    admission = Admission(client, per_minute=0, at_a_time=9, proxies=())
    files = FileRoute(photos, blobs)
    return [*uploads.routes(admission), *files.routes()]


async def uploaded(url: str, content: bytes) -> int:
    status, answer = await upload(url, content)
    assert status == 202
    return int(answer["id"])


async def asked(url: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for `path`, and read nothing of the answer yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port, limit=1000)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    await writer.drain()
    return reader, writer
