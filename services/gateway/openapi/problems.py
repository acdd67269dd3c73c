"""The error answers: one code for each kind of problem, and the status it comes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from services.gateway.openapi.parts import Json, header, ref

CODES: Final[Mapping[str, tuple[int, str]]] = {
    "bad_request": (400, "a part, field, header, parameter or body is missing or wrong."),
    "search_too_wide": (400, "too many tags start as `q` does: more letters are needed."),
    "unauthorized": (401, "an API key is asked for, and missing or wrong."),
    "forbidden_origin": (403, "the `Origin` is not allowed to change anything here."),
    "not_found": (404, "there is no such thing, or it is another key's."),
    "method_not_allowed": (405, "the route takes other methods: see `Allow`."),
    "timeout": (408, "too little of the body came in time."),
    "in_work": (409, "the photo is being analysed: cancel its job, or wait for it."),
    "job_ended": (409, "the job has ended already."),
    "job_not_dead": (409, "the job is not dead."),
    "too_many_watchers": (409, "too many sockets watch this photo already."),
    "too_large": (413, "too many bytes or photos; the rest of the body is not read."),
    "unsupported_image": (415, "no JPEG, PNG, WebP, GIF, HEIC or AVIF, judged by its bytes."),
    "range_not_satisfiable": (416, "the file does not reach that far."),
    "expectation_failed": (417, "`Expect` says something else than `100-continue`."),
    "bad_image": (422, "zero bytes, no readable header, too large a picture, or none inside."),
    "idempotency_mismatch": (422, "this `Idempotency-Key` was used with other bytes."),
    "rate_limited": (429, "over the caller's uploads a minute, which `limit` says."),
    "internal_error": (500, "a mistake of the service's own."),
    "unavailable": (503, "what the service needs is away, busy or full; nothing is half-saved."),
}
"""Status and meaning of each `code`, a stable word."""

_RETRY_AFTER: Final = header("How many seconds to wait.", {"type": "integer", "minimum": 1})
_HEADERS: Final[Mapping[int, Json]] = {
    401: {"WWW-Authenticate": header("`Bearer`.", {"const": "Bearer"})},
    416: {"Content-Range": header("`bytes */` and the file's size.", {"type": "string"})},
    429: {"Retry-After": _RETRY_AFTER},
    503: {"Retry-After": _RETRY_AFTER},
}

PROBLEM: Final[Json] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "description": "`urn:tagline:problem:` and the code."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, for people to read."},
        "code": {"enum": list(CODES), "description": "A stable word for the kind of problem."},
        "limit": {"type": "integer", "description": "The limit that was passed, if one was."},
        "file": {"type": "string", "description": "The name of the file that was refused."},
        "index": {
            "type": "integer",
            "minimum": 0,
            "description": "Which photo of the request that was, from 0.",
        },
    },
}


def problems(codes: Sequence[str]) -> Json:
    """Return the responses for `codes`: those of one status are one response."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(CODES[code][0], []).append(code)
    return {str(status): _response(status, by_status[status]) for status in sorted(by_status)}


def _response(status: int, codes: Sequence[str]) -> Json:
    schema: Json = {
        "allOf": [ref("Problem")],
        "properties": {
            "status": {"const": status},
            "title": {"const": HTTPStatus(status).phrase},
            "code": {"enum": list(codes)},
        },
    }
    response: Json = {
        "description": "\n".join(f"`{code}`: {CODES[code][1]}" for code in codes),
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response
