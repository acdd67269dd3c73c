"""The backup of docs/operations.md, made while photos come in, and restored elsewhere."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

import redis

from tests.e2e.stack import running_stack
from tests.support.clients import PHOTOS, get, upload
from tests.support.openai_stack import until_complete
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

BEFORE = 10


async def test_what_was_accepted_before_a_backup_is_tagged_where_it_is_restored(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "copy"
    photo_ids: list[int] = []

    with (
        temporary_server() as server,
        running_stack(server.url, tmp_path / "here", tmp_path / "cache") as stack,
    ):

        async def uploads() -> None:
            while True:
                status, answer = await upload(stack.gateway.url, PHOTOS / "cat.jpg")
                assert status == 202, answer
                photo_ids.append(answer["id"])

        stack.tagger.terminate()
        sending = asyncio.create_task(uploads())
        await wait_until(lambda: len(photo_ids) >= BEFORE, timeout_s=60)
        accepted = list(photo_ids)
        # Redis first: a photo's file is there before its record is.
        with redis.Redis.from_url(server.url) as client:
            client.config_set("auto-aof-rewrite-percentage", "0")
            await asyncio.to_thread(shutil.copytree, server.data / "appendonlydir", copy / "aof")
            client.config_set("auto-aof-rewrite-percentage", "100")
        # Without what is half written, and may be gone before it is copied.
        half = shutil.ignore_patterns("*#*")
        await asyncio.to_thread(shutil.copytree, stack.blobs, copy / "blobs", ignore=half)
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending

    with temporary_server() as elsewhere:
        elsewhere.stop()
        shutil.rmtree(elsewhere.data / "appendonlydir")
        shutil.copytree(copy / "aof", elsewhere.data / "appendonlydir")
        elsewhere.start()
        settings = {"TAGLINE_BLOB_URL": (copy / "blobs").as_uri()}
        with running_stack(
            elsewhere.url, tmp_path / "there", tmp_path / "cache", settings
        ) as stack:
            await until_complete(stack.gateway, accepted, timeout_s=90)
            _, listed = await get(f"{stack.gateway.url}/api/photos?limit=200")
            restored = {photo["id"]: photo["status"] for photo in listed["items"]}
            assert set(accepted) <= set(restored) <= set(photo_ids) | {max(photo_ids) + 1}
            assert {restored[photo_id] for photo_id in accepted} == {"complete"}
