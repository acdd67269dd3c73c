"""Bodies that do not come: who stops sending, or sends next to nothing, is not waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, cast

from aiohttp import StreamReader, hdrs, web
from aiohttp.typedefs import Handler, Middleware

from services.gateway.errors import timed_out

LEAST_BYTES_PER_S: Final = 500
"""What a body has to come with on average, as in Apache's `mod_reqtimeout`: a byte now and then
would hold a connection for ever."""

_AWAITED: Final = web.RequestKey("awaited", bool)


async def continue_when_read(request: web.Request) -> None:
    """Handle `Expect: 100-continue`: the client hears it once somebody reads the body.

    Who is refused before that need not send it (RFC 9110, 10.1.1).
    """
    request[_AWAITED] = request.headers[hdrs.EXPECT].lower() == "100-continue"


def timed(timeout_s: float) -> Middleware:
    """Make the middleware that answers 408 to a body of which nothing comes for `timeout_s`."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.body_exists:
            body = _TimedBody(request, timeout_s)
            # aiohttp has no such limit for servers. Here it holds for every way to read a body.
            request._payload = cast("StreamReader", body)  # noqa: SLF001
        return await handler(request)

    return middleware


class _TimedBody:
    """A request's body that raises `Problem` when it does not come.

    What counts is the time that somebody waits for it: a store that takes its time is not the
    client's fault.
    """

    def __init__(self, request: web.Request, timeout_s: float) -> None:
        self._request = request
        self._content = request.content
        self._timeout_s = timeout_s
        self._waited_s = 0.0

    async def read(self, n: int = -1) -> bytes:
        return await self._in_time(self._content.read(n))

    async def readany(self) -> bytes:
        return await self._in_time(self._content.readany())

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        return await self._in_time(self._content.readline(max_line_length=max_line_length))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def _in_time(self, reading: Awaitable[bytes]) -> bytes:
        if self._request.get(_AWAITED):
            self._request[_AWAITED] = False
            await self._request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._request.writer.output_size = 0  # the answer has not begun
        earned_s = self._content.total_raw_bytes / LEAST_BYTES_PER_S
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(self._timeout_s + min(0.0, earned_s - self._waited_s)):
                return await reading
        except TimeoutError:
            raise timed_out(self._timeout_s) from None
        finally:
            self._waited_s += clock() - started
