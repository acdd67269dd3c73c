"""Which of the photos that do not become pictures are looked at again."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.tagger.errors import PermanentError, RetryableError
from services.tagger.stages.decoded import decoded
from services.tagger.stages.stage import Work
from shared.decoding.decoder import Decoder
from shared.record import Record
from tests.support.clients import PHOTOS
from tests.support.processes import descendants
from tests.support.stages import NO_TOOLS
from tests.support.waiting import wait_until

CAT = (PHOTOS / "cat.jpg").read_bytes()


class Blobs:
    """Holds one photo, by whatever name."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.read = 0

    async def get(self, _: str) -> bytes:
        self.read += 1
        return self._data


@asynccontextmanager
async def work_on(data: bytes, *, timeout_s: float = 30.0) -> AsyncIterator[Work]:
    decoder = Decoder(processes=1, timeout_s=timeout_s, max_pixels=1_000_000)
    await decoder.start()
    provider = SimpleNamespace(picture_side_px=64, takes_jpeg=False)
    tools = dataclasses.replace(
        NO_TOOLS,
        blobs=cast("Any", Blobs(data)),
        decoder=decoder,
        provider=cast("Any", provider),
    )
    try:
        yield Work(Record({"filename": "photo-1.jpg"}), tools)
    finally:
        await decoder.close()


def child() -> int:
    (pid,) = (pid for pid, what in descendants(os.getpid()).items() if "decoding" in what)
    return pid


async def test_one_whose_decoder_stands_still_is_looked_at_again() -> None:
    async with work_on(CAT, timeout_s=0.1) as work:
        os.kill(child(), signal.SIGSTOP)
        with pytest.raises(RetryableError) as raised:
            await decoded(work)

    assert (raised.value.code, raised.value.counts) == ("bad_image", True)
    assert raised.value.text == "the image took longer than 0.1 s to decode"


async def test_one_whose_decoder_is_killed_is_looked_at_again() -> None:
    async with work_on(CAT) as work:
        os.kill(child(), signal.SIGSTOP)
        decoding = asyncio.create_task(decoded(work))
        blobs = cast("Blobs", work.tools.blobs)
        await wait_until(lambda: blobs.read, what="the photo is with its decoder")
        os.kill(child(), signal.SIGKILL)
        with pytest.raises(RetryableError) as raised:
            await decoding

    assert (raised.value.code, raised.value.counts) == ("bad_image", True)


async def test_the_wait_for_a_decoder_is_no_time_of_the_photos_and_holds_no_files() -> None:
    async with work_on(CAT) as first:
        works = [Work(first.record, first.tools) for _ in range(7)]
        blobs = cast("Blobs", first.tools.blobs)
        os.kill(child(), signal.SIGSTOP)
        decoding = [asyncio.create_task(decoded(work)) for work in works]
        await wait_until(lambda: [work.clock.stands for work in works] == [False] + [True] * 6)
        read = blobs.read
        os.kill(child(), signal.SIGCONT)
        await asyncio.gather(*decoding)

    assert read == 4
    assert blobs.read == 7
    assert not any(work.clock.stands for work in works)
    assert all(work.clock.stood_s > 0 for work in works[1:])


async def test_one_that_is_damaged_is_not() -> None:
    async with work_on(CAT[: len(CAT) // 2]) as work:
        with pytest.raises(PermanentError) as raised:
            await decoded(work)

    assert raised.value.code == "bad_image"
