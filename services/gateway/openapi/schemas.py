"""The shapes of bodies: those of pydantic models, and those of answers put together by routes."""

from __future__ import annotations

from typing import Final, get_args

from pydantic.json_schema import models_json_schema

from services.gateway.openapi.examples import EXAMPLES
from services.gateway.openapi.parts import Json, ref
from services.gateway.openapi.problems import PROBLEM
from services.gateway.photos import RetagBody, TagsBody
from shared.gates import State
from shared.jobs import Job, JobDetails
from shared.record import Photo
from shared.similar import MOST_DISTANCE
from shared.spending import DAYS
from shared.statistics import MINUTES

_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_TEXT: Final[Json] = {"type": "string"}
_WORDS: Final[Json] = {"type": "object", "additionalProperties": _TEXT}
_COUNTS: Final[Json] = {"type": "object", "additionalProperties": _COUNT}
_DURATION: Final[Json] = {"type": ["number", "null"], "minimum": 0}
_TIME: Final[Json] = {"type": "string", "format": "date-time"}


def _object(**properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


def _page(item: str) -> Json:
    return _object(
        items={"type": "array", "items": ref(item)}, nextCursor={"type": ["string", "null"]}
    )


_ACCEPTED: Final[Json] = {
    "id": {"type": "integer"},
    "filename": _TEXT,
    "tags": {"type": "array", "maxItems": 0, "items": {}},
    "processing": {"const": True},
    "jobId": _TEXT,
    "message": _TEXT,
}
_UPLOADS: Final[Json] = {
    "Accepted": _object(**_ACCEPTED),
    "AcceptedBatch": _object(
        batchId=_TEXT,
        photos={"type": "array", "minItems": 2, "items": _object(**_ACCEPTED, batchId=_TEXT)},
        message=_TEXT,
    ),
}

_ENDS: Final[Json] = {
    "accepted": _COUNT,
    "complete": _COUNT,
    "failed": _COUNT,
    "cancelled": _COUNT,
}
_AMOUNT: Final[Json] = {"type": "number", "minimum": 0}
_DAY: Final[Json] = {"type": "string", "format": "date"}
_SPENT: Final[Json] = {
    "usd": {**_AMOUNT, "description": "US dollars."},
    "promptTokens": _COUNT,
    "completionTokens": _COUNT,
    "calls": _COUNT,
    "photos": {**_COUNT, "description": "Photos that calls were made for, each once a job."},
}
_MODELS: Final[Json] = {
    "type": "array",
    "items": _object(provider=_TEXT, model=_TEXT, **_SPENT),
    "description": "The dearest first.",
}
_STATISTICS: Final[Json] = {
    "Percentiles": _object(count=_COUNT, p50Ms=_DURATION, p95Ms=_DURATION, p99Ms=_DURATION),
    "ProviderUse": _object(
        calls={**_COUNTS, "description": "How many calls ended how."},
        promptTokens=_COUNT,
        completionTokens=_COUNT,
        costUsd=_AMOUNT,
        cacheHits=_COUNT,
    ),
    "ProviderState": _object(
        provider=_TEXT,
        state={"enum": list(get_args(State))},
        untilMs={"type": ["integer", "null"], "description": "How long until it is tried again."},
        inFlight=_COUNT,
        limit={"type": ["integer", "null"], "description": "Calls in flight at most."},
        waiting=_COUNT,
    ),
    "Budget": _object(
        usd={**_AMOUNT, "description": "What calls may cost in a day (UTC)."},
        remainingUsd=_AMOUNT,
        spent={"type": "boolean", "description": "What is left pays for no call."},
        endsAt={**_TIME, "description": "When the next day begins."},
        fallback={"type": ["string", "null"], "description": "The provider asked until then."},
    ),
    "Cost": _object(
        today=_object(day=_DAY, **_SPENT, models=_MODELS),
        last30Days={
            "type": "array",
            "minItems": DAYS,
            "maxItems": DAYS,
            "items": _object(day=_DAY, **_SPENT),
            "description": "By UTC, the oldest first; the last is today.",
        },
        total=_object(**_SPENT, models=_MODELS),
        budget={"anyOf": [ref("Budget"), {"type": "null"}]},
    ),
    "Sockets": _object(websocket=_COUNT, socketio=_COUNT, sse=_COUNT),
    "Statistics": _object(
        minutes={
            "type": "array",
            "minItems": MINUTES,
            "maxItems": MINUTES,
            "items": _object(
                minute=_TIME, **_ENDS, pickup=ref("Percentiles"), total=ref("Percentiles")
            ),
            "description": "The oldest first; the last is under way.",
        },
        **_ENDS,
        retries=_COUNT,
        reconciled=_COUNT,
        failures={**_COUNTS, "description": "By code."},
        pickup=ref("Percentiles"),
        stages={"type": "object", "additionalProperties": ref("Percentiles")},
        total=ref("Percentiles"),
        provider=ref("ProviderUse"),
        sockets=ref("Sockets"),
        providers={"type": "array", "items": ref("ProviderState")},
        cost=ref("Cost"),
    ),
}

_OTHERS: Final[Json] = {
    "PhotoPage": _page("Photo"),
    "JobPage": _page("Job"),
    "PhotoJobList": _object(items={"type": "array", "items": ref("JobDetails")}),
    "SimilarList": _object(
        items={
            "type": "array",
            "items": _object(photo=ref("Photo"), distance={**_COUNT, "maximum": MOST_DISTANCE}),
        },
        comparable={
            "type": "boolean",
            "description": "False of a photo that has not been analysed yet, or shows a plain "
            "surface: nothing is similar to it.",
        },
        truncated={
            "type": "boolean",
            "description": "There were too many candidates to compare all of them.",
        },
    ),
    "TagList": _object(
        items={
            "type": "array",
            "items": _object(id={"type": "integer"}, name=_TEXT, count={**_COUNT, "minimum": 1}),
        }
    ),
    "Batch": _object(
        batchId=_TEXT,
        total=_COUNT,
        complete=_COUNT,
        failed=_COUNT,
        cancelled=_COUNT,
        photos={"type": "array", "items": ref("Photo"), "description": "Without removed ones."},
    ),
    "Queue": _object(
        name=_TEXT,
        waiting=_object(front=_COUNT, high=_COUNT, normal=_COUNT, low=_COUNT),
        active=_COUNT,
        delayed=_COUNT,
        dead=_COUNT,
        deadDropped={**_COUNT, "description": "Dead ones that were more than are kept."},
        workers={**_COUNT, "description": "Those alive."},
        paused={"type": "boolean"},
    ),
    "QueueList": _object(items={"type": "array", "items": ref("Queue")}),
    "Stage": _object(
        id=_TEXT,
        progress={"type": "integer", "minimum": 0, "maximum": 100},
        label=_TEXT,
        icon={**_TEXT, "description": "A name of the Lucide icon set."},
    ),
    "Liveness": _object(status={"const": "ok"}),
    "Readiness": _object(status={"enum": ["ready", "not ready", "draining"]}, checks=_WORDS),
}


def schemas() -> Json:
    """Return the schemas of the components, by name."""
    _, models = models_json_schema(
        [
            (Photo, "serialization"),
            (Job, "serialization"),
            (JobDetails, "serialization"),
            (TagsBody, "validation"),
            (RetagBody, "validation"),
        ],
        ref_template="#/components/schemas/{model}",
    )
    shapes = {**models["$defs"], **_UPLOADS, **_STATISTICS, **_OTHERS, "Problem": PROBLEM}
    return {
        name: {**shape, "examples": [EXAMPLES[name]]} if name in EXAMPLES else shape
        for name, shape in shapes.items()
    }
