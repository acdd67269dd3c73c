"""The blob store's contract, over every kind that the tests can have for real: a folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from aiohttp.web import Application, Request, Response

from shared.blobs import BlobStore, folder, open_store, room
from shared.errors import BlobMissingError, UnavailableError

AN_HOUR = timedelta(hours=1)


@pytest.fixture(params=["quick", "slow"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> BlobStore:
    """A folder on a disk that is quick, or that has shown itself slow."""
    monkeypatch.setattr(folder, "QUICK_S", 3600 if request.param == "quick" else 0)
    monkeypatch.setattr(folder, "REST", 1e9)
    store = open_store(tmp_path.as_uri())
    await store.put("first", b"")
    await store.delete(["first"])
    return store


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


async def test_what_is_put_again_is_what_there_is(store: BlobStore, tmp_path: Path) -> None:
    await store.put("thumbs/a/one.jpg", b"abc")
    await store.put("thumbs/a/one.jpg", b"de")

    assert await store.get("thumbs/a/one.jpg") == b"de"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


async def test_a_blob_that_cannot_be_written_leaves_nothing(
    store: BlobStore, tmp_path: Path
) -> None:
    (tmp_path / "originals").write_bytes(b"in its way")
    (tmp_path / "thumbs" / "one.jpg").mkdir(parents=True)
    for name in ("originals/a/one.jpg", "thumbs/one.jpg"):
        with pytest.raises(UnavailableError) as raised:
            await store.put(name, b"abc")
        assert raised.value.what == "blobs"

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "originals"]


@pytest.mark.parametrize("content", [b"abc", pieces(b"abc")], ids=["whole", "in pieces"])
async def test_a_store_whose_place_is_gone_does_not_answer(
    tmp_path: Path, content: bytes | AsyncIterator[bytes]
) -> None:
    folder = tmp_path / "blobs"
    store = open_store(folder.as_uri())
    folder.rmdir()
    folder.symlink_to("/proc")  # where nothing can be made, not even a folder
    with pytest.raises(UnavailableError):
        await store.put("originals/a/one.jpg", content)


async def test_a_link_that_leads_elsewhere_later_does_not_part_what_is_put_from_what_is_read(
    tmp_path: Path,
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    link = tmp_path / "link"
    link.symlink_to("here")
    store = open_store(link.as_uri())
    link.unlink()
    link.symlink_to("there")
    await store.put("originals/a/one.jpg", b"abc")
    await store.put("originals/a/two.jpg", pieces(b"ab", b"cd"))

    assert await store.get("originals/a/one.jpg") == b"abc"
    assert await store.get("originals/a/two.jpg") == b"abcd"


async def test_what_a_write_has_left_unfinished_is_not_listed_and_can_be_removed(
    store: BlobStore, tmp_path: Path
) -> None:
    await store.put("originals/a/one.jpg", b"abc")
    (tmp_path / "originals" / "a" / "two.jpg#4294967295").write_bytes(b"a")
    listed = [blob.name async for blob in store.list("originals")]
    early = await store.remove_unfinished("originals", before=datetime.now(UTC) - AN_HOUR)
    late = await store.remove_unfinished("originals", before=datetime.now(UTC) + AN_HOUR)

    assert listed == ["originals/a/one.jpg"]
    assert (early, late) == (0, 1)
    assert [path.name for path in (tmp_path / "originals" / "a").iterdir()] == ["one.jpg"]


async def test_a_source_that_breaks_leaves_nothing_and_says_why(
    store: BlobStore, tmp_path: Path
) -> None:
    gone = ConnectionResetError("the client hung up")
    with pytest.raises(ConnectionResetError) as raised:
        await store.put("originals/a/one.jpg", pieces(b"x" * 1_000_000, error=gone))

    assert raised.value is gone
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_write_that_is_cancelled_leaves_nothing(store: BlobStore, tmp_path: Path) -> None:
    waits = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 1_000_000
        waits.set()
        await asyncio.Event().wait()

    writing = asyncio.create_task(store.put("originals/a/one.jpg", endless()))
    await waits.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing

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


async def test_a_folder_that_is_gone_is_a_store_that_is_away(tmp_path: Path) -> None:
    store = open_store((tmp_path / "blobs").as_uri())
    folder = store._folder
    assert folder is not None
    await store.put("originals/a/one.jpg", b"abc")
    (tmp_path / "blobs").rename(tmp_path / "elsewhere")

    with pytest.raises(UnavailableError):
        await store.get("originals/a/one.jpg")
    with pytest.raises(UnavailableError):
        await anext(store.read("originals/a/one.jpg", 0, 2))
    with pytest.raises(UnavailableError):
        await store.check()
    for slow in (False, True):
        folder._slow_until_s = float("inf" if slow else "-inf")
        for content in (b"abc", pieces(b"a", b"bc")):
            with pytest.raises(UnavailableError):
                await store.put("originals/b/two.jpg", content)
    # What is written in its place would be hidden by it.
    assert not (tmp_path / "blobs").exists()

    (tmp_path / "elsewhere").rename(tmp_path / "blobs")
    assert await store.get("originals/a/one.jpg") == b"abc"
    assert await store.check() == "ok"


@pytest.mark.parametrize("url", ["http://x", "file://", "var/blobs", "s3://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        open_store(url)


def test_a_bucket_of_the_service_that_gave_s3_its_name_needs_no_address_of_it() -> None:
    with_keys = "s3://photos/tagline?region=eu-west-3&access_key_id=a&secret_access_key=b"

    assert isinstance(open_store(with_keys), BlobStore)


def test_what_is_wrong_with_a_bucket_is_said_in_one_line() -> None:
    with pytest.raises(ValueError, match="AccessKeyId") as raised:
        open_store("s3://photos?region=eu-west-3&secret_access_key=b")

    assert "\n" not in str(raised.value)


async def test_what_is_put_takes_room_before_the_disk_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LOOK_EVERY_S", 3600)
    store = open_store(tmp_path.as_uri(), min_free_bytes=1)
    free_bytes = await store.free_bytes()
    await store.put("originals/a/one.jpg", b"abc")
    await store.put("originals/a/two.jpg", pieces(b"ab", b"cde"))

    assert free_bytes is not None
    assert await store.free_bytes() == free_bytes - 8


async def test_what_is_put_on_a_disk_that_becomes_slow_meanwhile_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "QUICK_S", 0)
    monkeypatch.setattr(folder, "REST", 1e9)
    store = open_store(tmp_path.as_uri())
    await store.put("originals/a/one.jpg", pieces(b"ab", b"cd", b"ef"))

    assert await store.get("originals/a/one.jpg") == b"abcdef"


async def test_a_folder_that_takes_nothing_is_told_before_anything_is_put(tmp_path: Path) -> None:
    store = open_store((tmp_path / "blobs").as_uri())
    assert await store.check_takes() == "ok"

    # Permissions would be no obstacle to root.
    (tmp_path / "blobs").rmdir()

    with pytest.raises(UnavailableError, match="cannot be written to"):
        await store.check_takes()


async def test_the_end_of_a_line_is_no_part_of_a_buckets_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed: list[str] = []

    async def absent(request: Request) -> Response:
        signed.append(request.headers["Authorization"])
        return Response(status=404)

    app = Application()
    app.router.add_route("*", "/{path:.*}", absent)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tagline\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush\n")
    async with TestServer(app) as server:
        store = open_store(f"s3://photos/tagline?region=here&endpoint_url={server.make_url('')}")

        assert await store.check() == "ok"

    assert "Credential=tagline/" in signed[0]


@pytest.mark.parametrize("called", ["access_key_id", "aws_access_key_id"])
async def test_keys_that_an_address_names_come_before_those_of_the_environment(
    called: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not this")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nor this")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "nor this")
    secret = called.replace("access_key_id", "secret_access_key")

    open_store(f"s3://photos?region=here&{called}=tagline&{secret}=hush&token=t")
