"""`/api/stats`."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import Json, answer, json_of

PATHS: Final[Json] = {
    "/api/stats": {
        "get": operation(
            "getStatistics",
            "How it has gone in the last hour, and what it has cost",
            description="Percentiles are right to about 4 %.",
            answers={"200": answer("The last hour, and the cost.", json_of("Statistics"))},
            errors=["bad_request", "unavailable"],
        )
    }
}
