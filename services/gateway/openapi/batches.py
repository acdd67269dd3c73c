"""`/api/batches`."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import UUID_PATTERN, Json, answer, in_path, json_of

_ID: Final = in_path("id", "The batch's id.", {"type": "string", "pattern": UUID_PATTERN})

PATHS: Final[Json] = {
    "/api/batches/{id}": {
        "get": operation(
            "getBatch",
            "A batch and its photos",
            parameters=[_ID],
            answers={"200": answer("The batch as it is now.", json_of("Batch"))},
            errors=["not_found", "unavailable"],
        )
    },
    "/api/batches/{id}/cancel": {
        "post": operation(
            "cancelBatch",
            "Cancel what is left of a batch",
            parameters=[_ID],
            answers={"202": answer("The batch as it is now.", json_of("Batch"))},
            errors=["not_found", "unavailable"],
        )
    },
}
