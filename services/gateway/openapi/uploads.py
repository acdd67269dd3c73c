"""`POST /api/photos/upload`."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import (
    LANGUAGE,
    LOCATION,
    SOCKET_ID,
    TRACEPARENT,
    Json,
    answer,
    in_header,
    json_of,
    ref,
)
from services.gateway.requests import IDEMPOTENCY_KEY_CHARS
from shared import messages
from shared.broker import DEFAULT_PRIORITY, PRIORITIES
from shared.keys import SOCKET_ID_PATTERN

_FORM: Final[Json] = {
    "type": "object",
    "required": ["photo"],
    "properties": {
        "photo": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "format": "binary"},
            "description": "The image file. Several parts of this name are a batch.",
        },
        "socketId": {
            "type": "string",
            "pattern": f"^({SOCKET_ID_PATTERN})?$",
            "description": "As the header X-Socket-Id, which wins.",
        },
        "priority": {"enum": list(PRIORITIES), "default": DEFAULT_PRIORITY},
        "locale": {
            "enum": list(messages.LOCALES),
            "description": "Language of messages and tags; else as Accept-Language says.",
        },
    },
}

_IDEMPOTENCY_KEY: Final = in_header(
    "Idempotency-Key",
    "The same key with the same bytes within 24 hours gives the first answer again.",
    {"type": "string", "pattern": f"^[!-~]{{1,{IDEMPOTENCY_KEY_CHARS}}}$"},
)

PATHS: Final[Json] = {
    "/api/photos/upload": {
        "post": operation(
            "uploadPhotos",
            "Upload a photo, or several as a batch",
            description="Answers before anyone has looked at the photo; its progress comes as "
            "events to the socket that is named. An accepted photo is never lost. A batch is all "
            "or nothing: one bad file refuses the whole request, and the problem names it.",
            parameters=[SOCKET_ID, _IDEMPOTENCY_KEY, LANGUAGE, TRACEPARENT],
            body={
                "required": True,
                "content": {
                    "multipart/form-data": {
                        "schema": _FORM,
                        "encoding": {"photo": {"contentType": "image/*, application/octet-stream"}},
                    }
                },
            },
            answers={
                "202": answer(
                    "Accepted: file, record and queue entry exist. The batch where the request "
                    "brought several photos, else the photo.",
                    json_of({"oneOf": [ref("Accepted"), ref("AcceptedBatch")]}),
                    Location=LOCATION,
                ),
            },
            errors=[
                "bad_request",
                "timeout",
                "too_large",
                "unsupported_image",
                "bad_image",
                "idempotency_mismatch",
                "rate_limited",
                "unavailable",
            ],
        )
    }
}
