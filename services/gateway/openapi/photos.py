"""`/api/photos`."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import (
    CURSOR,
    LOCATION,
    SOCKET_ID,
    TRACEPARENT,
    Json,
    answer,
    in_header,
    in_path,
    in_query,
    json_of,
    limit,
)
from services.gateway.photos import MAX_FILTERS, MAX_ID
from shared.keys import SOCKET_ID_PATTERN
from shared.record import STATUSES
from shared.tags import MOST_MATCHES

ID: Final = in_path(
    "id", "The photo's id.", {"type": "integer", "minimum": 0, "maximum": MAX_ID, "examples": [123]}
)

_FILTERS: Final = [
    in_query(
        "tag",
        "Only photos with this tag, named in any language, accents, case and plural ignored; given "
        "several times: with all of them.",
        {
            "type": "array",
            "maxItems": MAX_FILTERS,
            "items": {"type": "string", "minLength": 1},
        },
    ),
    in_query("status", "Only photos of this status.", {"enum": list(STATUSES)}),
    in_query(
        "q",
        "Only photos with a tag that starts like this, in any language, accents and case ignored; "
        f"{MOST_MATCHES} tags may at most.",
        {"type": "string"},
    ),
]

_NOW: Final[Json] = {"200": answer("The photo as it is now.", json_of("Photo"))}

_LIST: Final = operation(
    "listPhotos",
    "List photos, newest first",
    description="The pages stay stable while photos arrive. Where few photos fit the filters, "
    "a page may be short, and have one after it all the same.",
    parameters=[limit("photos"), CURSOR, *_FILTERS],
    answers={"200": answer("A page.", json_of("PhotoPage"))},
    errors=["bad_request", "search_too_wide", "unavailable"],
)

_GET: Final = operation(
    "getPhoto",
    "A photo as it is now",
    parameters=[ID],
    answers=_NOW,
    errors=["not_found", "unavailable"],
)

_DELETE: Final = operation(
    "deletePhoto",
    "Remove a photo",
    description="Its record, files and references are gone; a running job is cancelled.",
    parameters=[ID],
    answers={"204": answer("It is gone.")},
    errors=["not_found", "unavailable"],
)

_EDIT_TAGS: Final = operation(
    "editTags",
    "Replace the tags by hand",
    description="They stay when the photo is analysed again, before those of the analysis.",
    parameters=[ID],
    body={"required": True, "content": json_of("TagsBody")},
    answers=_NOW,
    errors=["bad_request", "not_found", "timeout", "unavailable"],
)

_RETAG: Final = operation(
    "retagPhoto",
    "Analyse a photo again",
    parameters=[ID, SOCKET_ID, TRACEPARENT],
    body={"required": False, "content": json_of("RetagBody")},
    answers={"202": answer("Accepted, as an upload is.", json_of("Accepted"), Location=LOCATION)},
    errors=[
        "bad_request",
        "not_found",
        "timeout",
        "in_work",
        "too_many_watchers",
        "unavailable",
    ],
)

_WATCHER: Final = in_header(
    "X-Socket-Id",
    "The socket ID that the notifier gave.",
    {"type": "string", "pattern": f"^{SOCKET_ID_PATTERN}$"},
) | {"required": True}

_WATCH: Final = operation(
    "watchPhoto",
    "Send the later events of a photo to one more socket",
    parameters=[ID, _WATCHER],
    answers=_NOW,
    errors=["bad_request", "not_found", "too_many_watchers", "unavailable"],
)

_JOBS: Final = operation(
    "listPhotoJobs",
    "All the work on a photo: its jobs and their attempts",
    description="The first job first; each analysis is one. They are forgotten a week after their "
    "end.",
    parameters=[ID],
    answers={"200": answer("The jobs.", json_of("PhotoJobList"))},
    errors=["bad_request", "not_found", "unavailable"],
)

PATHS: Final[Json] = {
    "/api/photos": {"get": _LIST},
    "/api/photos/{id}": {"get": _GET, "delete": _DELETE},
    "/api/photos/{id}/tags": {"put": _EDIT_TAGS},
    "/api/photos/{id}/retag": {"post": _RETAG},
    "/api/photos/{id}/watch": {"post": _WATCH},
    "/api/photos/{id}/jobs": {"get": _JOBS},
}
