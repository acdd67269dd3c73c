"""`/api/photos/{id}/similar`."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import Json, answer, in_query, json_of, limit
from services.gateway.openapi.photos import ID
from services.gateway.similar import DEFAULT_DISTANCE, DEFAULT_LIMIT, MAX_LIMIT
from shared.similar import MOST_DISTANCE, MOST_READ

_DISTANCE: Final[Json] = {
    "type": "integer",
    "minimum": 0,
    "maximum": MOST_DISTANCE,
    "default": DEFAULT_DISTANCE,
}

PATHS: Final[Json] = {
    "/api/photos/{id}/similar": {
        "get": operation(
            "listSimilarPhotos",
            "List photos that look like one, the nearest first",
            description="Near-duplicates: the same picture scaled, compressed anew or a little "
            "changed. They are found by a perceptual hash of 64 bits, which a photo has once it "
            f"is analysed. About {MOST_READ} candidates are compared at most.",
            parameters=[
                ID,
                limit("photos", most=MAX_LIMIT, default=DEFAULT_LIMIT),
                in_query("distance", "How many bits of the hash may differ.", _DISTANCE),
            ],
            answers={"200": answer("The photos.", json_of("SimilarList"))},
            errors=["bad_request", "not_found", "unavailable"],
        )
    }
}
