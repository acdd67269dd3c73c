"""Bodies that do not come: who stops sending, or sends next to nothing, is not waited for."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from aiohttp import HttpVersion11, StreamReader, hdrs, web
from aiohttp.typedefs import Handler, Middleware

from services.gateway.errors import timed_out

LEAST_BYTES_PER_S: Final = 500
"""What a body has to come with on average, as in Apache's `mod_reqtimeout`: a byte now and then
would hold a connection for ever."""

WHOLE_BODY_S: Final = 1800.0
"""How long a body may take altogether: well below the age at which the sweep takes the first
photos of a batch for orphans, while the last still come."""

ENVELOPE_BYTES: Final = 64 * 1024
"""What a form may hold besides the photos' parts: boundaries, headers, fields."""

READ_BYTES: Final = 128 * 1024
"""Most bytes that are taken of a body at once: what comes is copied on its way a few times."""

_AWAITED: Final = web.RequestKey("awaited", bool)

_PASSED_ON: Final = frozenset(
    {"at_eof", "exception", "is_eof", "set_exception", "set_read_chunk_size", "total_raw_bytes"}
)
"""What aiohttp asks of a body besides its bytes. Other ways to read it would go around the time."""


async def continue_when_read(request: web.Request) -> None:
    """Handle `Expect: 100-continue`: the client hears it once somebody reads the body.

    Who is refused before that need not send it, and who speaks HTTP/1.0 does not know what it is
    (RFC 9110, 10.1.1).
    """
    if request.version < HttpVersion11:
        return
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise web.HTTPExpectationFailed
    request[_AWAITED] = True


def timed(timeout_s: float, *, whole_s: float = WHOLE_BODY_S) -> Middleware:
    """Make the middleware that answers 408 to bodies that do not come.

    `timeout_s`: how long nothing may come of one; `whole_s`: how long the whole may take.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.body_exists:
            body = _TimedBody(request, timeout_s, whole_s)
            # aiohttp has no such limit for servers. Here it holds for every way to read a body.
            request._payload = cast("StreamReader", body)  # noqa: SLF001
        return await handler(request)

    return middleware


class _TimedBody:
    """A request's body that raises `Problem` when it does not come.

    What counts is the time that somebody waits for it: a store that takes its time is not the
    client's fault. Of the whole, all time counts.
    """

    def __init__(self, request: web.Request, timeout_s: float, whole_s: float) -> None:
        # Not the request, which holds this: only Python's search for cycles would free the two.
        self._content = request._payload  # noqa: SLF001  # asked for, `content` would be kept
        self._writer = request.writer
        self._awaited = request.get(_AWAITED, False)
        self._timeout_s = timeout_s
        self._waited_s = 0.0
        self._whole_s = whole_s
        self._packed = hdrs.CONTENT_ENCODING in request.headers
        self._clock = asyncio.get_running_loop().time
        self._ends_at = self._clock() + whole_s

    async def readany(self) -> bytes:
        """Return what has come, at least a byte; nothing at the end."""
        content = self._content.read_nowait(READ_BYTES)
        if not content and not self._content.at_eof():
            content = await self._in_time()
        if self._packed:  # aiohttp unpacks more at once, in the place of what was taken
            await asyncio.sleep(0)  # others have their turn
        if self._clock() >= self._ends_at:  # also where nobody had to wait
            raise timed_out(self._whole_s)
        return content

    def __getattr__(self, name: str) -> Any:
        if name not in _PASSED_ON:
            raise AttributeError(name)
        return getattr(self._content, name)

    async def _in_time(self) -> bytes:
        # Who has been answered already, and whose body is passed over, is not told to go on.
        if self._awaited and not self._writer.output_size:
            self._awaited = False
            await self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._writer.output_size = 0  # the answer has not begun
        earned_s = self._content.total_raw_bytes / LEAST_BYTES_PER_S
        started = self._clock()
        ends_at = started + self._timeout_s + min(0.0, earned_s - self._waited_s)
        try:
            async with asyncio.timeout_at(min(ends_at, self._ends_at)):
                return await self._content.read(READ_BYTES)
        except TimeoutError:
            late = self._clock() >= self._ends_at
            raise timed_out(self._whole_s if late else self._timeout_s) from None
        finally:
            self._waited_s += self._clock() - started
