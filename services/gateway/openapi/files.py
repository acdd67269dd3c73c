"""`/api/photos/{id}/file` and `/api/photos/{id}/thumbnail`: the pictures themselves."""

from __future__ import annotations

from typing import Final

from services.gateway.images import FORMATS
from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import (
    ETAG,
    IF_NONE_MATCH,
    Json,
    answer,
    header,
    in_header,
    in_query,
)
from services.gateway.openapi.photos import ID
from services.gateway.thumbnails import DEFAULT_SIZE_PX
from shared.blobs.names import SIDES_PX

_BINARY: Final[Json] = {"schema": {"type": "string", "format": "binary"}}
_ORIGINAL: Final[Json] = {each.content_type: _BINARY for each in FORMATS}
_THUMBNAIL: Final[Json] = {"image/webp": _BINARY, "image/jpeg": _BINARY}

_KEPT: Final = header(
    "For a year, by the caller alone.", {"const": "private, max-age=31536000, immutable"}
)
_BY_ACCEPT: Final = header("`Accept`; and `Origin`, on every answer.", {"type": "string"})
_RANGES: Final = header("`bytes`.", {"const": "bytes"})
_DISPOSITION: Final = header("`inline`, and the name to save it under.", {"type": "string"})

_WITH_FILE: Final[Json] = {
    "ETag": ETAG,
    "Cache-Control": _KEPT,
    "Accept-Ranges": _RANGES,
    "Content-Disposition": _DISPOSITION,
}
_WITH_THUMBNAIL: Final[Json] = {"ETag": ETAG, "Cache-Control": _KEPT, "Vary": _BY_ACCEPT}

_FILE: Final = operation(
    "getFile",
    "The original bytes of a photo",
    parameters=[
        ID,
        in_header(
            "Range", "A range of bytes; what is no such range is ignored.", {"type": "string"}
        ),
        in_header("If-Range", "The ETag for which the range is meant.", {"type": "string"}),
        IF_NONE_MATCH,
    ],
    answers={
        "200": answer("The file.", _ORIGINAL, **_WITH_FILE),
        "206": answer(
            "The range asked for.",
            _ORIGINAL,
            **_WITH_FILE,
            Content_Range=header("Which bytes of how many.", {"type": "string"}),
        ),
        "304": answer("The file is the one at hand.", **_WITH_FILE),
    },
    errors=["not_found", "range_not_satisfiable", "unavailable"],
)

_SMALL: Final = operation(
    "getThumbnail",
    "A photo small and upright",
    description="WebP where `Accept` names it, else JPEG. Nothing is enlarged.",
    parameters=[
        ID,
        in_query(
            "size",
            "The longest side in pixels, at most; rounded down to one of a dozen sizes.",
            {
                "type": "integer",
                "minimum": SIDES_PX[0],
                "maximum": SIDES_PX[-1],
                "default": DEFAULT_SIZE_PX,
            },
        ),
        IF_NONE_MATCH,
    ],
    answers={
        "200": answer("The thumbnail.", _THUMBNAIL, **_WITH_THUMBNAIL),
        "304": answer("The thumbnail is the one at hand.", **_WITH_THUMBNAIL),
    },
    errors=["bad_request", "not_found", "bad_image", "unavailable"],
)

PATHS: Final[Json] = {
    "/api/photos/{id}/file": {"get": _FILE},
    "/api/photos/{id}/thumbnail": {"get": _SMALL},
}
