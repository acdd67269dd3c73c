"""`/api/queues`."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import Json, answer, in_path, json_of
from services.gateway.queues import QUEUES

_NAME: Final = in_path("name", "The queue's name.", {"type": "string", "examples": list(QUEUES)})
_NOW: Final[Json] = {"200": answer("The queue as it is now.", json_of("Queue"))}

_LIST: Final = operation(
    "listQueues",
    "The queues: what waits, runs, is delayed or dead",
    answers={"200": answer("The queues.", json_of("QueueList"))},
    errors=["bad_request", "unavailable"],
)

_PAUSE: Final = operation(
    "pauseQueue",
    "Let no work be begun until the queue is resumed",
    description="What is in work goes on.",
    parameters=[_NAME],
    answers=_NOW,
    errors=["not_found", "unavailable"],
)

_RESUME: Final = operation(
    "resumeQueue",
    "Let work be begun again",
    parameters=[_NAME],
    answers=_NOW,
    errors=["not_found", "unavailable"],
)

PATHS: Final[Json] = {
    "/api/queues": {"get": _LIST},
    "/api/queues/{name}/pause": {"post": _PAUSE},
    "/api/queues/{name}/resume": {"post": _RESUME},
}
