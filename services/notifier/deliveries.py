"""What is told of events that were sent to sockets: spans, and lines of the level `debug`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import orjson
import structlog

from shared import tracing
from shared.progress import LaneEntry

logger = structlog.stdlib.get_logger()
_debug = logging.getLogger(__name__)


def tell(entries: Iterable[LaneEntry]) -> None:
    """Tell of each event that has just been sent; looks at nothing where nobody wants to know."""
    if tracing.on() or _debug.isEnabledFor(logging.DEBUG):
        for entry in entries:
            _tell(entry)


def _tell(entry: LaneEntry) -> None:
    event = entry.event.decode("utf-8", "replace")
    data = _object(entry.data)
    photo = data.get("photo")
    job_id = data.get("jobId") or (photo.get("jobId") if isinstance(photo, dict) else None)
    traceparent = tracing.read(str(data.get("traceparent", "")))
    ids = {"photo_id": data.get("photoId"), "job_id": job_id}
    if trace_id := tracing.trace_id(traceparent, str(job_id or "")):
        ids["trace_id"] = trace_id
    logger.debug("event_sent", event_name=event, event_id=entry.id, **ids)
    if traceparent:
        tracing.past(f"deliver {event}", 0, under=traceparent, kind="producer", event_id=entry.id)


def _object(data: bytes) -> dict[str, Any]:
    """Return the JSON object; empty for what somebody else has written into the lane."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
