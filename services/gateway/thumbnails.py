"""`GET /api/photos/{id}/thumbnail`: a photo small and upright, as WebP or JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from services.gateway.errors import Problem
from services.gateway.metrics import THUMBNAILS
from services.gateway.photos import PHOTO, record_of
from services.gateway.requests import number_in, only_queries
from services.gateway.thumbnailer import EXTENSIONS, Thumbnailer
from shared.blobs.names import SIDES_PX
from shared.decoding.protocol import Form
from shared.errors import UnavailableError
from shared.photos import Photos

DEFAULT_SIZE_PX: Final = 320

_CONTENT_TYPES: Final = {Form.WEBP: "image/webp", Form.JPEG: "image/jpeg"}


class ThumbnailRoute:
    """Shows thumbnails of photos to their owners."""

    def __init__(self, photos: Photos, thumbnailer: Thumbnailer) -> None:
        self._photos = photos
        self._thumbnailer = thumbnailer

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get(f"{PHOTO}/thumbnail", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        only_queries(request, frozenset({"size"}))
        size_px = number_in(
            request, "size", default=DEFAULT_SIZE_PX, least=SIDES_PX[0], most=SIDES_PX[-1]
        )
        photo = (await record_of(request, self._photos)).photo()
        side_px = side_for(size_px, longest_side_px=max(photo.width, photo.height))
        form = Form.WEBP if takes_webp(request.headers.get(hdrs.ACCEPT, "")) else Form.JPEG
        etag = f"{photo.sha256}-{side_px}-{EXTENSIONS[form]}"
        headers = {
            hdrs.ETAG: f'"{etag}"',
            hdrs.CONTENT_TYPE: _CONTENT_TYPES[form],
            hdrs.CACHE_CONTROL: "private, max-age=31536000, immutable",
            hdrs.VARY: hdrs.ACCEPT,
            # Written by a child that has read whatever someone uploaded.
            hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
            hdrs.CONTENT_SECURITY_POLICY: "default-src 'none'; sandbox",
        }
        if any(tag.value in {"*", etag} for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        try:
            content = await self._thumbnailer.get(photo.filename, side_px=side_px, form=form)
        except Problem as problem:
            THUMBNAILS.labels(result=problem.code).inc()
            raise
        except UnavailableError:
            THUMBNAILS.labels(result="unavailable").inc()
            raise
        return web.Response(body=content, headers=headers)


def side_for(size_px: int, *, longest_side_px: int) -> int:
    """Return which of the sizes to make: the largest that is not over `size_px`.

    Of a photo that is smaller than that, the first that holds it as it is: larger ones would
    be the same file again.
    """
    fits = max(side for side in SIDES_PX if side <= size_px)
    whole = min((side for side in SIDES_PX if side >= longest_side_px), default=fits)
    return min(fits, whole)


def takes_webp(accept: str) -> bool:
    """Say whether an `Accept` header names WebP; `*/*` does not: who says it may not know WebP."""
    for part in accept.lower().split(","):
        media, *parameters = (text.strip() for text in part.split(";"))
        if media == "image/webp":
            return not any(_is_zero(parameter) for parameter in parameters)
    return False


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip() in {"0", "0.0", "0.00", "0.000"}
