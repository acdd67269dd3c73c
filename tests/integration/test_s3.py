"""Photos in a bucket of a real S3-compatible server: whole, in parts, away, and with wrong keys."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.blobs import open_store
from shared.errors import BlobMissingError, UnavailableError
from tests.e2e.stack import running_stack
from tests.support.clients import PHOTOS, get, upload
from tests.support.openai_stack import until_complete
from tests.support.processes import ServiceProcess, wait_until
from tests.support.s3_server import S3Server, temporary_s3
from tests.support.waiting import wait_until as until


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with temporary_s3() as server:
        yield server


async def pieces(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 256]) * 2**20


async def parts_are_there(s3: S3Server) -> None:
    """Wait for the two parts, of 5 MiB each, that a little more than that makes.

    One that is under way while its upload is given up may come after that, and stay: the bucket's
    rule for what was begun and never ended is for it.
    """
    await until(lambda: s3.parts() == 2)


async def test_what_is_put_is_there_whole_also_in_parts(s3: S3Server) -> None:
    store = open_store(s3.url())
    await store.put("originals/a/one.jpg", b"0123456789")
    await store.put("originals/a/large.jpg", pieces(13))

    assert await store.check() == "ok"
    assert await store.get("originals/a/one.jpg") == b"0123456789"
    assert await store.get("originals/a/large.jpg") == b"".join([c async for c in pieces(13)])
    read = [chunk async for chunk in store.read("originals/a/one.jpg", 3, 7)]
    assert b"".join(read) == b"3456"
    listed = {blob.name: blob.size_bytes async for blob in store.list("originals/a")}
    assert listed == {"originals/a/one.jpg": 10, "originals/a/large.jpg": 13 * 2**20}

    await store.delete(["originals/a/one.jpg", "originals/a/large.jpg", "originals/a/none.jpg"])
    with pytest.raises(BlobMissingError):
        await store.get("originals/a/one.jpg")
    assert [blob async for blob in store.list("originals/a")] == []
    assert s3.unfinished() == 0


async def test_a_source_that_breaks_leaves_no_parts_and_says_why(s3: S3Server) -> None:
    gone = ConnectionResetError("the client hung up")

    async def breaks() -> AsyncIterator[bytes]:
        async for piece in pieces(12):
            yield piece
        await parts_are_there(s3)
        raise gone

    with pytest.raises(ConnectionResetError) as raised:
        await open_store(s3.url()).put("originals/b/one.jpg", breaks())

    assert raised.value is gone
    assert s3.unfinished() == 0


async def test_an_upload_that_is_cancelled_leaves_no_parts(s3: S3Server) -> None:
    begun = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        async for piece in pieces(11):
            yield piece
        await parts_are_there(s3)
        begun.set()
        await asyncio.Event().wait()

    store = open_store(s3.url())
    task = asyncio.create_task(store.put("originals/c/one.jpg", slow()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert s3.unfinished() == 0
    with pytest.raises(BlobMissingError):
        await store.get("originals/c/one.jpg")


async def test_wrong_keys_and_a_bucket_that_is_not_there_are_told(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnavailableError):
        await open_store(s3.url("no-such-bucket")).check()
    # Of a bucket that is away nobody may conclude that the photo is gone.
    with pytest.raises(UnavailableError):
        await open_store(s3.url("no-such-bucket")).get("originals/a/one.jpg")

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    store = open_store(s3.url())
    with pytest.raises(UnavailableError) as raised:
        await store.check()
    with pytest.raises(UnavailableError):
        await store.put("originals/d/one.jpg", b"abc")
    assert "403" in str(raised.value.__cause__)


async def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.blobs.opening._HTTP", {"timeout": timedelta(milliseconds=200)})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    # The kernel takes the connections, and nobody what is said over them.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        store = open_store(f"s3://tagline?endpoint_url=http://127.0.0.1:{port}")
        with pytest.raises(UnavailableError):
            await store.put("originals/e/one.jpg", b"abc")


async def test_photos_are_tagged_from_a_bucket_and_wait_while_it_is_away(
    redis_url: str, tmp_path: Path
) -> None:
    with temporary_s3() as s3:
        settings = {"TAGLINE_BLOB_URL": s3.url()}
        with running_stack(redis_url, tmp_path, tmp_path / "cache", settings) as stack:
            await until_complete(stack.gateway, [await accepted(stack.gateway)], timeout_s=60)

            stack.tagger.terminate()
            waiting = await accepted(stack.gateway, "coffee.jpg")  # no copy: it has to be read
            s3.stop()
            status, answer = await upload(stack.gateway.url, PHOTOS / "cat.jpg")
            assert (status, answer["code"]) == (503, "unavailable")
            assert (await get(f"{stack.gateway.url}/readyz"))[0] == 503

            stack.tagger.start()
            wait_until(lambda: "photo_retried" in stack.tagger.output, "it tries", timeout_s=60)
            s3.start()
            await until_complete(stack.gateway, [waiting], timeout_s=60)
            stack.gateway.wait_ready()
            _, listed = await get(f"{stack.gateway.url}/api/photos")
            assert len(listed["items"]) == 2
            assert s3.unfinished() == 0


async def accepted(gateway: ServiceProcess, name: str = "cat.jpg") -> int:
    status, answer = await upload(gateway.url, PHOTOS / name)
    assert status == 202, answer
    return int(answer["id"])
