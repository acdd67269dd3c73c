"""Who may connect: API keys and origins, asked before anything is upgraded."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from shared.callers import ApiKeys
from shared.origins import is_allowed

logger = structlog.stdlib.get_logger()


def admitted(
    api_keys: ApiKeys, allowed_origins: Sequence[str], *, open_to_all: frozenset[str]
) -> Middleware:
    """Make the middleware that answers 403 to a foreign origin and 401 to a missing key.

    Browsers cannot set headers on a WebSocket: the key may be the query parameter `key`.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in open_to_all:
            origin = request.headers.get(hdrs.ORIGIN)
            if origin and not is_allowed(origin, host=request.host, allowed=allowed_origins):
                logger.info("origin_refused", origin=origin[:200])
                raise web.HTTPForbidden(text="This origin is not allowed here")
            authorization = request.headers.get(hdrs.AUTHORIZATION)
            if api_keys.caller(authorization, key=request.query.get("key")) is None:
                raise web.HTTPUnauthorized(
                    text="An API key is needed: Authorization: Bearer <secret>, or ?key=",
                    headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
                )
        return await handler(request)

    return middleware
