"""Who may connect: API keys and origins, asked before anything is upgraded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from services.notifier.metrics import REFUSED
from shared.callers import ApiKeys
from shared.origins import is_allowed

CALLER: Final = web.RequestKey("caller", str)

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}

logger = structlog.stdlib.get_logger()


def caller_of(request: web.Request) -> str:
    """Return the name of the caller's key."""
    return request[CALLER]


def admitted(
    api_keys: ApiKeys, allowed_origins: Sequence[str], *, open_to_all: frozenset[str]
) -> Middleware:
    """Make the middleware that answers 403 to a foreign origin and 401 to a missing key.

    Browsers cannot set headers on a WebSocket: the key may be the query parameter `key`.
    """

    def admit(request: web.Request) -> web.Response | None:
        origin = request.headers.get(hdrs.ORIGIN)
        if origin and not is_allowed(origin, host=request.host, allowed=allowed_origins):
            logger.info("origin_refused", origin=origin[:200])
            REFUSED.labels(reason="origin").inc()
            raise web.HTTPForbidden(text="This origin is not allowed here")
        if _is_preflight(request):
            return web.Response(status=204, headers=_PREFLIGHT)
        authorization = request.headers.get(hdrs.AUTHORIZATION)
        caller = api_keys.caller(authorization, key=request.query.get("key"))
        if caller is None:
            REFUSED.labels(reason="key").inc()
            raise web.HTTPUnauthorized(
                text="An API key is needed: Authorization: Bearer <secret>, or ?key=",
                headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
            )
        request[CALLER] = caller
        return None

    # It lives as long as a socket: what is looked at once is in a function of its own, and of
    # the URL no part is asked for that it would keep from then on.
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = None if request.rel_url.raw_path in open_to_all else admit(request)
        return await handler(request) if answer is None else answer

    return middleware


def cross_origin(
    allowed: Sequence[str],
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Make the signal handler that lets pages of allowed origins read every answer (CORS)."""

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin and is_allowed(origin, host=request.host, allowed=allowed):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.RETRY_AFTER

    return add_headers


def _is_preflight(request: web.Request) -> bool:
    asked = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    return request.method == hdrs.METH_OPTIONS and asked
