"""Photos as they come off the wire: what is held of them in memory, and for how many."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.gateway import receiving
from services.gateway.errors import Problem
from services.gateway.parts import Parts
from services.gateway.receiving import LongHeaders, Received
from shared.blobs import BlobStore, open_store
from tests.support.clients import PHOTOS
from tests.support.pictures.judged import HEAD, LIMITS, TAIL

CAT = (PHOTOS / "cat.jpg").read_bytes()
SEGMENT = b"\xff\xe2\xff\xff" + bytes(65533)
LONG = CAT[:2] + SEGMENT * 3 + CAT[2:]
"""A photo whose dimensions come after 192 KB."""


class Body:
    """A body that comes at once but for its end, which comes when it is let."""

    def __init__(self, content: bytes, held_bytes: int = 0) -> None:
        body = HEAD + content + TAIL
        self._pieces = [body[: len(body) - held_bytes], body[len(body) - held_bytes :], b""]
        self.waits = asyncio.Event()
        self.goes_on = asyncio.Event()
        if not held_bytes:
            self.goes_on.set()

    async def readany(self) -> bytes:
        if len(self._pieces) == 2:
            self.waits.set()
            await self.goes_on.wait()
        return self._pieces.pop(0)


async def received(body: Body, blobs: BlobStore, long: LongHeaders) -> Received:
    part = await Parts(body, "b", of="photo").next()
    assert part is not None
    return await receiving.receive(part, blobs, LIMITS, long)


async def test_of_headers_that_are_long_and_do_not_come_only_some_are_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "LONG_AT_A_TIME", 1)
    blobs, long = open_store(tmp_path.as_uri()), LongHeaders()
    slow = Body(LONG, held_bytes=len(CAT))
    awaited = asyncio.create_task(received(slow, blobs, long))
    await slow.waits.wait()
    with pytest.raises(Problem) as refused:
        await received(Body(LONG, held_bytes=len(CAT)), blobs, long)
    short = await received(Body(CAT), blobs, long)
    slow.goes_on.set()
    first = await awaited
    another = await received(Body(LONG), blobs, long)

    assert (refused.value.status, refused.value.reason) == (503, "busy")
    assert {(photo.width, photo.height) for photo in (short, first, another)} == {(451, 300)}
    assert first.size_bytes == len(LONG)
