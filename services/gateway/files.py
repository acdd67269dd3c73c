"""`GET /api/photos/{id}/file`: the original bytes of a photo, whole or in part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from services.gateway.disposition import disposition
from services.gateway.errors import Problem, not_found
from services.gateway.photos import PHOTO, record_of
from shared.blobs import BlobStore
from shared.blobs.names import original
from shared.errors import BlobMissingError
from shared.photos import Photos
from shared.record import Photo

_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "private, max-age=31536000, immutable",
    # The bytes are whatever someone uploaded: they may be shown, and do nothing.
    hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
    hdrs.CONTENT_SECURITY_POLICY: "default-src 'none'; sandbox",
    hdrs.ACCEPT_RANGES: "bytes",
}

_LAST_NONE: Final = re.compile(r"bytes=-0+", re.IGNORECASE)


class FileRoute:
    """Gives photos back to their owners."""

    def __init__(self, photos: Photos, blobs: BlobStore) -> None:
        self._photos = photos
        self._blobs = blobs

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get(f"{PHOTO}/file", self.get)]

    async def get(self, request: web.Request) -> web.StreamResponse:
        photo = (await record_of(request, self._photos)).photo()
        etag = f'"{photo.sha256}"'
        headers = {
            **_HEADERS,
            hdrs.ETAG: etag,
            hdrs.CONTENT_TYPE: photo.content_type,
            hdrs.CONTENT_DISPOSITION: disposition(photo.original_name, photo.filename),
        }
        if any(tag.value in {"*", photo.sha256} for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        start, stop, status = _wanted_range(request, photo, etag)
        if status == 206:  # noqa: PLR2004
            headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{photo.size}"
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = stop - start
        asked_of = request.method == hdrs.METH_HEAD  # a byte tells whether the file is there
        last = start + 1 if asked_of else stop
        chunks = self._blobs.read(original(photo.filename), start, last)
        try:
            first = await anext(chunks, b"")
        except BlobMissingError:
            raise not_found("file any more") from None
        await response.prepare(request)
        if not asked_of:
            await response.write(first)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
        return response


def _wanted_range(request: web.Request, photo: Photo, etag: str) -> tuple[int, int, int]:
    """Return start, stop and status of the answer to a `Range` header (RFC 9110, 14.2)."""
    whole = 0, photo.size, 200
    if request.headers.get(hdrs.IF_RANGE, etag) != etag:
        return whole
    try:
        wanted = request.http_range
    except ValueError:
        return whole  # not understood: as if it were not there
    if wanted.start is None and wanted.stop is None:
        return whole
    start, stop, _ = wanted.indices(photo.size)
    if _LAST_NONE.fullmatch(request.headers[hdrs.RANGE]):
        start = stop  # aiohttp takes the last 0 bytes for all of them
    if start >= stop:
        raise Problem(
            416,
            "range_not_satisfiable",
            f"The file has {photo.size} bytes",
            headers={hdrs.CONTENT_RANGE: f"bytes */{photo.size}"},
        )
    return start, stop, 206
