"""`/api/photos`: the photos as they are now, and their original bytes."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from services.gateway.callers import owner_of
from services.gateway.errors import Problem, bad_request, not_found
from services.gateway.requests import json_response, number_in, only_queries, socket_id_in
from shared.blobs import BlobStore
from shared.blobs.names import original
from shared.errors import BlobMissingError
from shared.photos import MAX_WATCHERS, Photos, Watch
from shared.record import Photo, Record

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_ID: Final = 2**53
"""Ids stay below it, so that every client's numbers hold them."""

_FILE_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "private, max-age=31536000, immutable",
    # The bytes are whatever someone uploaded: they may be shown, and do nothing.
    hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
    hdrs.CONTENT_SECURITY_POLICY: "default-src 'none'; sandbox",
    hdrs.ACCEPT_RANGES: "bytes",
}


class PhotoRoutes:
    """Reads photos, for their owners."""

    def __init__(self, photos: Photos, blobs: BlobStore, *, lanes: int) -> None:
        self._photos = photos
        self._blobs = blobs
        self._lanes = lanes

    async def list(self, request: web.Request) -> web.Response:
        only_queries(request, frozenset({"limit", "cursor"}))
        limit = number_in(request, "limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
        before = number_in(request, "cursor", default=0, least=0, most=MAX_ID) or None
        records = await self._photos.newest(owner_of(request), before=before, limit=limit + 1)
        page = records[:limit]
        return json_response(
            {
                "items": [record.photo().view() for record in page],
                "nextCursor": str(page[-1].id) if len(records) > limit else None,
            }
        )

    async def get(self, request: web.Request) -> web.Response:
        record = await self._record(request)
        return json_response(record.photo().view())

    async def watch(self, request: web.Request) -> web.Response:
        socket_id = socket_id_in(request, None, lanes=self._lanes)
        if socket_id is None:
            raise bad_request("X-Socket-Id must say which socket is to watch the photo")
        record = await self._record(request)
        match await self._photos.watch(record.id, socket_id):
            case Watch.MISSING:
                raise not_found("photo")
            case Watch.TOO_MANY:
                raise Problem(
                    409, "too_many_watchers", f"{MAX_WATCHERS} sockets watch this photo already"
                )
            case Watch.WATCHING:
                # Read after it is watched: what happens from here on comes as an event.
                return json_response((await self._record(request)).photo().view())

    async def file(self, request: web.Request) -> web.StreamResponse:
        photo = (await self._record(request)).photo()
        etag = f'"{photo.sha256}"'
        headers = {**_FILE_HEADERS, hdrs.ETAG: etag, hdrs.CONTENT_TYPE: photo.content_type}
        if any(tag.value in {"*", photo.sha256} for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        start, stop, status = _wanted_range(request, photo, etag)
        if status == 206:  # noqa: PLR2004
            headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{photo.size}"
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = stop - start
        if request.method == hdrs.METH_HEAD:
            await response.prepare(request)
            return response
        chunks = self._blobs.read(original(photo.filename), start, stop)
        try:
            first = await anext(chunks, b"")
        except BlobMissingError:
            raise not_found("file any more") from None
        await response.prepare(request)
        await response.write(first)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
        return response

    async def _record(self, request: web.Request) -> Record:
        return await record_of(request, self._photos)


async def record_of(request: web.Request, photos: Photos) -> Record:
    """Return the record of the photo in the request's path, if it is the caller's."""
    photo_id = int(request.match_info["id"])
    record = await photos.get(photo_id) if photo_id <= MAX_ID else None
    if record is None or record.owner != owner_of(request):
        raise not_found("photo")
    return record


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
    if start >= stop:
        raise Problem(
            416,
            "range_not_satisfiable",
            f"The file has {photo.size} bytes",
            headers={hdrs.CONTENT_RANGE: f"bytes */{photo.size}"},
        )
    return start, stop, 206
