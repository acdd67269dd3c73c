"""`/api/stages`."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import LANGUAGE, Json, answer, json_of, ref

PATHS: Final[Json] = {
    "/api/stages": {
        "get": operation(
            "listStages",
            "The stages a photo goes through",
            parameters=[LANGUAGE],
            answers={
                "200": answer(
                    "The tagger's pipeline as it runs now, in its order.",
                    json_of({"type": "array", "items": ref("Stage")}),
                )
            },
            errors=["bad_request", "unavailable"],
        )
    }
}
