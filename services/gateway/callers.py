"""Who may come in: API keys and, for browsers, origins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from services.gateway.errors import forbidden_origin, unauthorized
from shared.callers import ApiKeys
from shared.origins import is_allowed

OWNER: Final = web.RequestKey("owner", str)

OPEN: Final = frozenset({"/", "/healthz", "/readyz", "/metrics"})
"""Routes that ask for no key; so do the documentation, and the page's own files."""

_DOCS: Final = ("/api/docs", "/api/openapi.json")
_PAGE: Final = ("/photos/", "/queue", "/page-config.json", "/assets/", "/favicon.svg")

_READING: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-None-Match, "
    "If-Range, Range, Traceparent, X-Socket-Id",
    "Access-Control-Max-Age": "600",
}

_EXPOSED: Final = "Accept-Ranges, Content-Disposition, Content-Range, ETag, Location, Retry-After"


def owner_of(request: web.Request) -> str:
    """Return the name of the caller's key: who owns what the caller uploads."""
    return request[OWNER]


def keyed(api_keys: ApiKeys) -> Middleware:
    """Make the middleware that asks for an API key, where keys are configured."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in OPEN and not request.path.startswith(_DOCS + _PAGE):
            caller = api_keys.caller(request.headers.get(hdrs.AUTHORIZATION))
            if caller is None:
                raise unauthorized()
            request[OWNER] = caller
        return await handler(request)

    return middleware


def same_origin(allowed: Sequence[str]) -> Middleware:
    """Make the middleware that answers 403 to pages of other origins that would change something.

    A browser sends a form without asking first: without keys, any page that somebody looks at
    could upload or pause a queue. What it only reads, the browser keeps from the page.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        foreign = hdrs.ORIGIN in request.headers and not _allowed_origin(request, allowed)
        if foreign and request.method not in _READING:
            raise forbidden_origin()
        return await handler(request)

    return middleware


def preflight(allowed: Sequence[str]) -> Middleware:
    """Make the middleware that answers the question a browser asks before a request (CORS)."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if request.method == hdrs.METH_OPTIONS and asked and _allowed_origin(request, allowed):
            return web.Response(status=204, headers=_PREFLIGHT)
        return await handler(request)

    return middleware


def cross_origin(
    allowed: Sequence[str],
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Make the signal handler that lets pages of allowed origins read every answer (CORS)."""

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        if origin := _allowed_origin(request, allowed):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED

    return add_headers


def _allowed_origin(request: web.Request, allowed: Sequence[str]) -> str | None:
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or not is_allowed(origin, host=request.host, allowed=allowed):
        return None
    return origin
