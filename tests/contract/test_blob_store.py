"""The blob store's contract, over every kind that the tests can have for real: a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.blobs import BlobStore, open_store
from shared.errors import BlobMissingError


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return open_store(tmp_path.as_uri())


async def pieces(*parts: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if error is not None:
        raise error


async def test_what_is_put_is_there_whole(store: BlobStore) -> None:
    await store.put("originals/a/one.jpg", b"abc")
    await store.put("originals/b/two.jpg", pieces(b"ab" * 500_000, b"cd"))

    assert await store.get("originals/a/one.jpg") == b"abc"
    assert await store.get("originals/b/two.jpg") == b"ab" * 500_000 + b"cd"
    assert sorted([blob.name async for blob in store.list("originals")]) == [
        "originals/a/one.jpg",
        "originals/b/two.jpg",
    ]


async def test_a_source_that_breaks_leaves_nothing_and_says_why(
    store: BlobStore, tmp_path: Path
) -> None:
    gone = ConnectionResetError("the client hung up")
    with pytest.raises(ConnectionResetError) as raised:
        await store.put("originals/a/one.jpg", pieces(b"x" * 1_000_000, error=gone))

    assert raised.value is gone
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_part_of_a_blob_can_be_read(store: BlobStore) -> None:
    await store.put("originals/a/one.jpg", b"0123456789")

    assert b"".join([chunk async for chunk in store.read("originals/a/one.jpg", 3, 7)]) == b"3456"
    assert [chunk async for chunk in store.read("originals/a/one.jpg", 3, 3)] == []


async def test_a_missing_blob_is_named_and_deleting_it_is_fine(store: BlobStore) -> None:
    with pytest.raises(BlobMissingError):
        await store.get("originals/a/none.jpg")
    await store.delete(["originals/a/none.jpg"])

    assert await store.check() == "ok"


@pytest.mark.parametrize("url", ["http://x", "file://", "var/blobs", "s3://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        open_store(url)
