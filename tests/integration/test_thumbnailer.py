"""What the maker of thumbnails makes of a decoder that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.gateway import thumbnailer
from services.gateway.errors import Problem
from services.gateway.thumbnailer import Thumbnailer
from shared.blobs import open_store
from shared.blobs.names import original
from shared.decoding.decoder import Decoder
from shared.decoding.protocol import Form
from shared.errors import BadImageError
from tests.support.clients import PHOTOS


class Unlucky(Decoder):
    """A decoder whose child dies, or does not, as it is told for each picture."""

    def __init__(self, *, fails: list[bool]) -> None:
        super().__init__(processes=1, max_pixels=10**6)
        self._fails = fails

    async def thumbnail(self, data: bytes, *, form: Form, longest_side_px: int) -> bytes:
        if self._fails.pop(0):
            raise BadImageError("the image crashed the decoder", may_pass=True)
        return await super().thumbnail(data, form=form, longest_side_px=longest_side_px)


async def test_what_fails_a_second_time_is_the_photos_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnailer, "UNSURE_KEPT_S", 0)
    async with thumbnails_of_a_cat(tmp_path, fails=[True, False, True, True]) as maker:
        assert [await status(maker, 64) for _ in range(2)] == [503, 200]
        assert [await status(maker, 96) for _ in range(3)] == [503, 422, 422]


async def test_a_failure_of_long_ago_is_no_first_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnailer, "UNSURE_KEPT_S", 0)
    monkeypatch.setattr(thumbnailer, "BAD_KEPT_S", 0)
    async with thumbnails_of_a_cat(tmp_path, fails=[True, True]) as maker:
        assert [await status(maker, 96) for _ in range(2)] == [503, 503]


@asynccontextmanager
async def thumbnails_of_a_cat(folder: Path, *, fails: list[bool]) -> AsyncIterator[Thumbnailer]:
    blobs = open_store(folder.as_uri())
    await blobs.put(original("cat.jpg"), (PHOTOS / "cat.jpg").read_bytes())
    maker = Thumbnailer(blobs, Unlucky(fails=fails), at_a_time=1)
    try:
        yield maker
    finally:
        await maker.close()


async def status(maker: Thumbnailer, side_px: int) -> int:
    try:
        await maker.get("cat.jpg", side_px=side_px, form=Form.JPEG)
    except Problem as problem:
        return problem.status
    return 200
