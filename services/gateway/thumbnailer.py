"""Makes thumbnails in decoding children, each once, and keeps them in the blob store."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from dataclasses import dataclass
from typing import Final

import structlog

from services.gateway.errors import Problem, bad_image, busy, decoder_failed, not_found
from services.gateway.metrics import THUMBNAIL_SECONDS, THUMBNAILS
from shared.blobs import BlobStore
from shared.blobs.names import original, thumbnail
from shared.decoding.decoder import Decoder
from shared.decoding.protocol import Form
from shared.errors import BadImageError, BlobMissingError, UnavailableError
from shared.tasks import looked_at

MOST_WAITING: Final = 256
"""Thumbnails that are being made or wait for it; a page of a gallery has 200 at most."""

PATIENCE_S: Final = 20.0
"""How long a request waits for its thumbnail, which goes on being made after that."""

BAD_KEPT_S: Final = 600.0
"""How long it is remembered that a photo cannot be decoded: finding out may take ten seconds
of a child, each time somebody asks."""

UNSURE_KEPT_S: Final = 30.0
"""The same of the first time that may be the machine's doing: it stood still, or was short of
memory. The second is the photo's."""

MOST_FAILED: Final = 1000

EXTENSIONS: Final = {Form.WEBP: "webp", Form.JPEG: "jpg"}

logger = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a photo could not be decoded, and until when nobody tries again."""

    why: str
    may_pass: bool
    until_s: float

    def problem(self) -> Problem:
        if not self.may_pass:
            return bad_image(self.why)
        left_s = math.ceil(self.until_s - time.monotonic())
        return decoder_failed(self.why, retry_after_s=max(1, left_s))


class Thumbnailer:
    """The thumbnails of all photos.

    `at_a_time`: how many are made in parallel; so many originals are in memory at most.
    """

    def __init__(self, blobs: BlobStore, decoder: Decoder, *, at_a_time: int) -> None:
        self._blobs = blobs
        self._decoder = decoder
        self._turns = asyncio.Semaphore(at_a_time)
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self._failed: dict[str, _Failure] = {}

    async def get(self, filename: str, *, side_px: int, form: Form) -> bytes:
        """Return the thumbnail of a photo as a file. Raises `Problem` and `UnavailableError`."""
        name = thumbnail(filename, side_px, EXTENSIONS[form])
        try:
            content = await self._blobs.get(name)
        except BlobMissingError:
            content = await self._made(name, filename, side_px=side_px, form=form)
            THUMBNAILS.labels(result="made").inc()
        else:
            THUMBNAILS.labels(result="cached").inc()
        return content

    async def close(self) -> None:
        """Stop what is being made, and leave no child behind."""
        for task in self._making.values():
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        await self._decoder.close()

    async def _made(self, name: str, filename: str, *, side_px: int, form: Form) -> bytes:
        self._failure_of(filename)
        making = self._making.get(name)
        if making is None:
            if len(self._making) >= MOST_WAITING:
                raise busy("thumbnails")
            making = asyncio.create_task(self._make(name, filename, side_px=side_px, form=form))
            self._making[name] = making
            making.add_done_callback(lambda done: self._forget(name, done))
        try:
            async with asyncio.timeout(PATIENCE_S):
                # Shielded: others may wait for the same one.
                return await asyncio.shield(making)
        except TimeoutError:
            raise busy("thumbnails") from None
        except BlobMissingError:
            raise not_found("file any more") from None

    async def _make(self, name: str, filename: str, *, side_px: int, form: Form) -> bytes:
        async with self._turns:
            with contextlib.suppress(BlobMissingError):
                return await self._blobs.get(name)  # made since it was looked for
            before = self._failure_of(filename)  # it may have failed in another size since
            started = time.perf_counter()
            data = await self._blobs.get(original(filename))
            try:
                content = await self._decoder.thumbnail(data, form=form, longest_side_px=side_px)
            except BadImageError as error:
                raise self._noted(filename, error, before).problem() from None
            self._failed.pop(filename, None)
            try:
                await self._blobs.put(name, content)
            except UnavailableError as error:  # full, say: it can be shown nevertheless
                logger.warning("thumbnail_not_kept", why=str(error.__cause__ or error))
            THUMBNAIL_SECONDS.observe(time.perf_counter() - started)
        return content

    def _forget(self, name: str, done: asyncio.Task[bytes]) -> None:
        del self._making[name]
        looked_at(done)  # though everybody who waited may have gone

    def _failure_of(self, filename: str) -> _Failure | None:
        """Return how a photo failed a while ago. Raises `Problem` if it is not to be tried."""
        failure = self._failed.get(filename)
        if failure is None:
            return None
        over_s = time.monotonic() - failure.until_s
        if over_s < 0:
            raise failure.problem()
        return failure if over_s < BAD_KEPT_S else None

    def _noted(self, filename: str, error: BadImageError, before: _Failure | None) -> _Failure:
        """Remember that a photo failed, and had failed like `before` when it was begun."""
        while len(self._failed) >= MOST_FAILED:
            del self._failed[next(iter(self._failed))]  # the oldest
        first = error.may_pass and not (before is not None and before.may_pass)
        kept_s = UNSURE_KEPT_S if first else BAD_KEPT_S
        failure = _Failure(_sentence(error), first, time.monotonic() + kept_s)
        self._failed[filename] = failure
        return failure


def _sentence(error: BadImageError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
