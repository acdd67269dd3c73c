"""`/api/tags`."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import LANGUAGE, Json, answer, in_query, json_of, limit
from shared import messages

PATHS: Final[Json] = {
    "/api/tags": {
        "get": operation(
            "listTags",
            "List tags, most used first",
            parameters=[
                in_query(
                    "prefix",
                    "Only tags with a name, in any language, that starts like this, accents and "
                    "case ignored.",
                    {"type": "string"},
                ),
                limit("tags"),
                in_query(
                    "locale",
                    "The language of the names, where a tag has one in it; without it, what "
                    "`Accept-Language` likes best.",
                    {"enum": list(messages.LOCALES)},
                ),
                LANGUAGE,
            ],
            answers={"200": answer("The tags.", json_of("TagList"))},
            errors=["bad_request", "unavailable"],
        )
    }
}
