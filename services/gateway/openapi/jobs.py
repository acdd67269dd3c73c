"""`/api/jobs`."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import (
    CURSOR,
    UUID_PATTERN,
    Json,
    answer,
    in_path,
    in_query,
    json_of,
    limit,
)
from shared.jobs import LISTED

_ID: Final = in_path("id", "The job's id.", {"type": "string", "pattern": UUID_PATTERN})
_NOW: Final[Json] = {"202": answer("The job as it is now.", json_of("JobDetails"))}

_LIST: Final = operation(
    "listJobs",
    "List jobs that wait, run, are delayed or dead, newest first",
    parameters=[
        in_query("state", "Only jobs of this state.", {"enum": list(LISTED)}),
        limit("jobs"),
        CURSOR,
    ],
    answers={"200": answer("A page.", json_of("JobPage"))},
    errors=["bad_request", "unavailable"],
)

_GET: Final = operation(
    "getJob",
    "A job and its attempts",
    parameters=[_ID],
    answers={"200": answer("The job as it is now.", json_of("JobDetails"))},
    errors=["not_found", "unavailable"],
)

_DROP: Final = operation(
    "dropJob",
    "Forget a dead job",
    description="Its photo stays, as `error`.",
    parameters=[_ID],
    answers={"204": answer("It is gone.")},
    errors=["not_found", "job_not_dead", "unavailable"],
)

_CANCEL: Final = operation(
    "cancelJob",
    "Cancel a job",
    description="A job that waits or is delayed never starts; a running one stops.",
    parameters=[_ID],
    answers=_NOW,
    errors=["not_found", "job_ended", "unavailable"],
)

_RETRY: Final = operation(
    "retryJob",
    "Put a dead job back",
    parameters=[_ID],
    answers=_NOW,
    errors=["not_found", "job_not_dead", "unavailable"],
)

PATHS: Final[Json] = {
    "/api/jobs": {"get": _LIST},
    "/api/jobs/{id}": {"get": _GET, "delete": _DROP},
    "/api/jobs/{id}/cancel": {"post": _CANCEL},
    "/api/jobs/{id}/retry": {"post": _RETRY},
}
