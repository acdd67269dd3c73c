"""The OpenAPI 3.1 description of the gateway. A test holds it against the routes there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from shared.record import Photo

Json = dict[str, Any]

_PROBLEM: Final[Json] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "A stable word for the kind of problem."},
        "limit": {"type": "integer", "description": "The limit that was passed, if one was."},
    },
}

_ACCEPTED: Final[Json] = {
    "type": "object",
    "required": ["id", "filename", "tags", "processing", "jobId", "message"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer"},
        "filename": {"type": "string"},
        "tags": {"type": "array", "maxItems": 0, "items": {}},
        "processing": {"const": True},
        "jobId": {"type": "string"},
        "message": {"type": "string"},
    },
}

_UPLOAD: Final[Json] = {
    "type": "object",
    "required": ["photo"],
    "properties": {
        "photo": {"type": "string", "format": "binary", "description": "The image file."},
        "socketId": {"type": "string", "description": "As the header X-Socket-Id, which wins."},
        "priority": {"enum": ["high", "normal", "low"], "default": "normal"},
        "locale": {"enum": ["fr", "en"], "description": "Language of messages and tags."},
    },
}

_STAGE: Final[Json] = {
    "type": "object",
    "required": ["id", "progress", "label", "icon"],
    "properties": {
        "id": {"type": "string"},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "label": {"type": "string"},
        "icon": {"type": "string", "description": "A name of the Lucide icon set."},
    },
}

_PAGE: Final[Json] = {
    "type": "object",
    "required": ["items", "nextCursor"],
    "properties": {
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Photo"}},
        "nextCursor": {"type": ["string", "null"]},
    },
}

_PROBLEMS: Final[Mapping[int, str]] = {
    400: "`bad_request`: a part, field, header or parameter is missing or wrong.",
    401: "`unauthorized`: an API key is asked for, and missing or wrong.",
    404: "`not_found`: there is no such thing, or it is another key's.",
    408: "`timeout`: too little of the body came in time.",
    409: "`too_many_watchers`",
    413: "`too_large`: answered before the rest of the body is read.",
    415: "`unsupported_image`: no JPEG, PNG, WebP, GIF, HEIC or AVIF, by its bytes.",
    416: "`range_not_satisfiable`",
    422: "`bad_image`: no bytes, no readable header, too many pixels, not to be decoded; "
    "or `idempotency_mismatch`: the key was used with other bytes.",
    429: "`rate_limited`: over the caller's uploads a minute, which `limit` says.",
    503: "`unavailable`: the database, the photo store or the decoder is away, or there is no "
    "room; nothing is half-saved.",
}

_LATER: Final = frozenset({429, 503})
"""Problems that pass, and say when."""


def _json(schema: Json | str) -> Json:
    if isinstance(schema, str):
        schema = {"$ref": f"#/components/schemas/{schema}"}
    return {"application/json": {"schema": schema}}


def _problems(*statuses: int) -> Json:
    return {
        str(status): {
            "description": _PROBLEMS[status],
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
            **({"headers": {"Retry-After": _header("Seconds.")}} if status in _LATER else {}),
        }
        for status in statuses
    }


def _header(description: str) -> Json:
    return {"description": description, "schema": {"type": "string"}}


def _parameter(name: str, where: str, description: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": where, "description": description, "schema": schema, **more}


_PHOTO_ID: Final = _parameter("id", "path", "The photo's id.", {"type": "integer"}, required=True)
_LANGUAGE: Final = _parameter(
    "Accept-Language", "header", "`fr` or `en`, where no field says it.", {"type": "string"}
)


def _upload() -> Json:
    return {
        "summary": "Upload a photo",
        "description": "Answers before anyone has looked at the photo; its progress comes as "
        "events to the socket that is named. An accepted photo is never lost.",
        "parameters": [
            _parameter("X-Socket-Id", "header", "Where events go.", {"type": "string"}),
            _parameter(
                "Idempotency-Key",
                "header",
                "The same key with the same bytes within 24 hours gives the first answer again.",
                {"type": "string", "minLength": 1, "maxLength": 255},
            ),
            _LANGUAGE,
        ],
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": _UPLOAD}},
        },
        "responses": {
            "202": {
                "description": "Accepted: file, record and queue entry exist.",
                "headers": {"Location": _header("The photo.")},
                "content": _json("Accepted"),
            },
            **_problems(400, 401, 408, 413, 415, 422, 429, 503),
        },
    }


def _photos() -> Json:
    return {
        "summary": "List photos, newest first",
        "parameters": [
            _parameter(
                "limit",
                "query",
                "Photos on a page.",
                {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
            ),
            _parameter("cursor", "query", "`nextCursor` of the page before.", {"type": "string"}),
        ],
        "responses": {
            "200": {"description": "A page.", "content": _json("PhotoPage")},
            **_problems(400, 401, 503),
        },
    }


def _photo() -> Json:
    return {
        "summary": "A photo as it is now",
        "parameters": [_PHOTO_ID],
        "responses": {
            "200": {"description": "The photo.", "content": _json("Photo")},
            **_problems(401, 404, 503),
        },
    }


def _file() -> Json:
    binary = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
    headers = {"ETag": _header("The bytes' SHA-256, quoted.")}
    return {
        "summary": "The original bytes of a photo",
        "parameters": [
            _PHOTO_ID,
            _parameter("Range", "header", "A range of bytes.", {"type": "string"}),
            _parameter("If-None-Match", "header", "ETags at hand.", {"type": "string"}),
        ],
        "responses": {
            "200": {"description": "The file.", "headers": headers, "content": binary},
            "206": {"description": "The range asked for.", "headers": headers, "content": binary},
            "304": {"description": "The file is the one at hand."},
            **_problems(401, 404, 416, 503),
        },
    }


def _thumbnail() -> Json:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        "summary": "A photo small and upright",
        "description": "WebP where `Accept` names it, else JPEG. The longest side is at most "
        "`size`; nothing is enlarged.",
        "parameters": [
            _PHOTO_ID,
            _parameter(
                "size",
                "query",
                "The longest side, pixels; rounded down to one of a dozen sizes.",
                {"type": "integer", "minimum": 64, "maximum": 1024, "default": 320},
            ),
            _parameter("If-None-Match", "header", "ETags at hand.", {"type": "string"}),
        ],
        "responses": {
            "200": {
                "description": "The thumbnail.",
                "headers": {"ETag": _header("Of this size and format.")},
                "content": {"image/webp": binary, "image/jpeg": binary},
            },
            "304": {"description": "The thumbnail is the one at hand."},
            **_problems(400, 401, 404, 422, 503),
        },
    }


def _watch() -> Json:
    return {
        "summary": "Send the later events of a photo to one more socket",
        "parameters": [
            _PHOTO_ID,
            _parameter("X-Socket-Id", "header", "The socket.", {"type": "string"}, required=True),
        ],
        "responses": {
            "200": {"description": "The photo as it is now.", "content": _json("Photo")},
            **_problems(400, 401, 404, 409, 503),
        },
    }


def _stages() -> Json:
    return {
        "summary": "The stages a photo goes through",
        "parameters": [_LANGUAGE],
        "responses": {
            "200": {
                "description": "The tagger's pipeline as it runs now.",
                "content": _json({"type": "array", "items": _STAGE}),
            },
            **_problems(401, 503),
        },
    }


@cache
def document() -> Json:
    """Return the description, as JSON."""
    _, photo = models_json_schema(
        [(Photo, "serialization")], ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tagline",
            "version": "0.1.0",
            "description": "Upload photos; a vision model tags them while you watch.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"key": []}],
        "paths": {
            "/api/photos/upload": {"post": _upload()},
            "/api/photos": {"get": _photos()},
            "/api/photos/{id}": {"get": _photo()},
            "/api/photos/{id}/file": {"get": _file()},
            "/api/photos/{id}/thumbnail": {"get": _thumbnail()},
            "/api/photos/{id}/watch": {"post": _watch()},
            "/api/stages": {"get": _stages()},
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                **photo["$defs"],
                "Problem": _PROBLEM,
                "Accepted": _ACCEPTED,
                "PhotoPage": _PAGE,
            },
        },
    }
