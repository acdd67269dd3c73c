"""Makes thumbnails in decoding children, each once, and keeps them in the blob store."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

import structlog

from services.gateway.errors import bad_image, busy, not_found
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
"""The same where it may have been the machine's doing: it stood still, or was short of memory."""

MOST_BAD: Final = 1000

EXTENSIONS: Final = {Form.WEBP: "webp", Form.JPEG: "jpg"}

logger = structlog.stdlib.get_logger()


class Thumbnailer:
    """The thumbnails of all photos.

    `at_a_time`: how many are made in parallel; so many originals are in memory at most.
    """

    def __init__(self, blobs: BlobStore, decoder: Decoder, *, at_a_time: int) -> None:
        self._blobs = blobs
        self._decoder = decoder
        self._turns = asyncio.Semaphore(at_a_time)
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self._bad: dict[str, tuple[float, str]] = {}

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
        until, why = self._bad.get(filename, (0.0, ""))
        if time.monotonic() < until:
            raise bad_image(why)
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
        except BadImageError as error:
            raise bad_image(_sentence(error)) from None
        except BlobMissingError:
            raise not_found("file any more") from None

    async def _make(self, name: str, filename: str, *, side_px: int, form: Form) -> bytes:
        async with self._turns:
            with contextlib.suppress(BlobMissingError):
                return await self._blobs.get(name)  # made since it was looked for
            started = time.perf_counter()
            data = await self._blobs.get(original(filename))
            try:
                content = await self._decoder.thumbnail(data, form=form, longest_side_px=side_px)
            except BadImageError as error:
                self._remember_bad(filename, error)
                raise
            try:
                await self._blobs.put(name, content)
            except UnavailableError as error:  # full, say: it can be shown nevertheless
                logger.warning("thumbnail_not_kept", why=str(error.__cause__ or error))
            THUMBNAIL_SECONDS.observe(time.perf_counter() - started)
        return content

    def _forget(self, name: str, done: asyncio.Task[bytes]) -> None:
        del self._making[name]
        looked_at(done)  # though everybody who waited may have gone

    def _remember_bad(self, filename: str, error: BadImageError) -> None:
        while len(self._bad) >= MOST_BAD:
            del self._bad[next(iter(self._bad))]  # the oldest
        kept_s = UNSURE_KEPT_S if error.may_pass else BAD_KEPT_S
        self._bad[filename] = time.monotonic() + kept_s, _sentence(error)


def _sentence(error: BadImageError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
