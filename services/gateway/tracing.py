"""The trace that a request belongs to: the caller's, by its `traceparent`, or one of ours."""

from __future__ import annotations

from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from shared import tracing

TRACEPARENT: Final = web.RequestKey("traceparent", str)

_LOOKING: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
"""What leaves no span: health checks, pages, pictures."""


def traceparent_of(request: web.Request) -> str:
    """Return what the messages of a request carry; `` where each has the trace of its own job."""
    return tracing.passed_on(request.get(TRACEPARENT, ""))


@web.middleware
async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put the trace's id into what is logged of a request; record one that changes something."""
    given = tracing.read(request.headers.get("traceparent", ""))
    if not given and not tracing.on():
        return await handler(request)
    request[TRACEPARENT] = given
    if request.method in _LOOKING:
        return await _logged(request, handler)
    route = request.match_info.route.resource
    name = f"{request.method} {route.canonical if route else 'unknown'}"
    with tracing.span(name, under=given, kind="server"):
        response = await _logged(request, handler)
        tracing.note(status=response.status)
        return response


async def _logged(request: web.Request, handler: Handler) -> web.StreamResponse:
    traceparent = traceparent_of(request)
    if not traceparent:
        return await handler(request)
    with structlog.contextvars.bound_contextvars(trace_id=tracing.trace_id(traceparent, "")):
        return await handler(request)
