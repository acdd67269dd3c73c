"""The OpenAPI 3.1 description of the gateway. A test holds it against the routes there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from services.gateway.openapi import (
    batches,
    files,
    jobs,
    operations,
    photos,
    queues,
    similar,
    stages,
    statistics,
    tags,
    uploads,
)
from services.gateway.openapi.parts import Json
from services.gateway.openapi.problems import problems
from services.gateway.openapi.schemas import schemas

VERSION: Final = "0.1.0"

_DESCRIPTION: Final = """Upload photos; a vision model tags them while you watch.

Every error is `application/problem+json` (RFC 9457) with a stable `code`. A route that is not
there is 404 `not_found`, a method that a route does not take 405 `method_not_allowed` with
`Allow`. Where there is GET, there is HEAD. Query parameters that a list does not know, or knows
once and is given twice, are 400 `bad_request`. Pages of origins that are not allowed may change
nothing: 403 `forbidden_origin`. What is no HTTP, is too long, or is packed in a way that is not
known is 400 `bad_request` on every route, an `Expect` other than `100-continue` 417
`expectation_failed`, a mistake of ours 500 `internal_error`. JSON bodies are UTF-8, whatever their
`Content-Type` says; times are UTC with milliseconds; sizes are bytes.

Progress comes from the notifier, as events over WebSocket, Socket.IO or server-sent events.
"""

_SUBJECTS: Final[Mapping[str, tuple[Json, ...]]] = {
    "Upload": (uploads.PATHS,),
    "Photos": (photos.PATHS, files.PATHS, similar.PATHS, tags.PATHS),
    "Jobs": (jobs.PATHS, batches.PATHS, queues.PATHS),
    "Operations": (stages.PATHS, statistics.PATHS, operations.PATHS),
}


@cache
def document(*, keyed: bool) -> Json:
    """Return the description, as JSON. `keyed`: whether API keys are configured."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tagline",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}] if keyed else [{}, {"key": []}],
        "tags": [{"name": subject} for subject in _SUBJECTS],
        "paths": {
            path: {method: _operation(method, subject, each) for method, each in methods.items()}
            for subject, described in _SUBJECTS.items()
            for paths in described
            for path, methods in paths.items()
        },
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The secret of an API key; whose key it is, owns the photos.",
                }
            },
            "schemas": schemas(),
        },
    }


def _operation(method: str, subject: str, described: Json) -> Json:
    refused = {} if method == "get" else problems(["forbidden_origin"])
    responses = {**described["responses"], **refused}
    return {"tags": [subject], **described, "responses": dict(sorted(responses.items()))}
