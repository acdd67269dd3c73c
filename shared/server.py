"""The HTTP server: aiohttp's, with answers of ours where no handler can give any.

aiohttp answers in plain text when it cannot read a request, and logs each as an error with its
stack; anyone who knocks with something else than HTTP would fill the log. Nor does it mind how
long a client takes to read.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

import structlog
from aiohttp import StreamReader, hdrs, web
from aiohttp.web_protocol import RequestHandler

from shared.unread import Unread

UNREAD_S: Final = 30.0
"""How often it is looked whether a client takes what it is sent."""

Unanswered = Callable[[int], web.Response]
"""Makes the answer to a request that reached no handler, from the status that aiohttp gives it."""

UNSENT_BYTES: Final = 128 * 1024
"""What the kernel keeps for a connection beyond what is on its way: left to itself it takes
megabytes for a client that does not read."""

CANCELLED_S: Final = 1.0
"""How long a request that has had its time to end may take to be given up."""

logger = structlog.stdlib.get_logger()


def bare(status: int) -> web.Response:
    """Answer with the status alone."""
    return web.Response(status=status)


class Runner(web.AppRunner):
    """Runs an application; what reaches none of its handlers is answered by `unanswered`.

    `unread_s`: after how long a client that takes too little of an answer is let go.
    """

    def __init__(
        self,
        app: web.Application,
        unanswered: Unanswered = bare,
        *,
        unread_s: float = UNREAD_S,
        **settings: Any,
    ) -> None:
        super().__init__(app, **settings)
        self._unanswered = unanswered
        self._unread_s = unread_s

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._unanswered, self._unread_s)


class _Server(web.Server):
    def __init__(self, plain: web.Server, unanswered: Unanswered, unread_s: float) -> None:
        super().__init__(
            plain.request_handler,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            **plain._kwargs,  # noqa: SLF001  # aiohttp has no other way to name the handler
        )
        self._unanswered = unanswered
        self._unread_s = unread_s

    def __call__(self) -> RequestHandler:
        return _Handler(self, self._unanswered, self._unread_s, loop=self._loop, **self._kwargs)


def _bound(transport: asyncio.BaseTransport) -> None:
    connection = transport.get_extra_info("socket")
    if connection.family != socket.AF_UNIX and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


class _Handler(RequestHandler):
    __slots__ = ("_closing", "_ended", "_unanswered", "_unread", "_unread_s")

    def __init__(
        self, server: web.Server, unanswered: Unanswered, unread_s: float, **settings: Any
    ) -> None:
        super().__init__(server, **settings)
        self._unanswered = unanswered
        self._unread_s = unread_s
        self._unread: Unread | None = None
        self._ended = False
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        _bound(transport)
        self._unread = Unread(cast("asyncio.Transport", transport), every_s=self._unread_s)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._unread is not None:
            self._unread.leave()
            self._unread = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is not None:
            self._unread.watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None and not self._ended:
            self._unread.leave()

    def close(self) -> None:
        # aiohttp takes nothing more from a connection that it closes, nor the rest of a body
        # that a stopping service has promised to wait for.
        if self._messages or self._current_request is not None:
            self._closing = True
        else:
            super().close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109  # aiohttp's
        if self._closing and self._task_handler is not None:
            await asyncio.wait([self._task_handler], timeout=timeout)
            timeout = CANCELLED_S
        await super().shutdown(timeout)

    async def start(self) -> None:
        try:
            await super().start()
        finally:
            # Closed once all that was sent has been taken: if it ever is.
            self._ended = True
            if self._unread is not None:
                self._unread.watch()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, ConnectionError):
            raise exc  # nobody is there to answer
        expected = request.headers.get(hdrs.EXPECT, "100-continue").lower()
        if isinstance(exc, UnicodeEncodeError) and expected != "100-continue":
            status = 417  # aiohttp repeats what was expected, and cannot if it is no text
        if status >= 500 or request.writer.output_size > 0:  # noqa: PLR2004
            # Logs what happened; raises if an answer has begun.
            super().handle_error(request, status, exc, message)
        else:
            logger.info("request_unreadable", status=status, why=type(exc).__name__)
        answer = self._unanswered(status)
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        if isinstance(error, web.RequestPayloadError):
            # Of a body that nobody wanted any more, and that cannot be decoded: no fault of ours.
            logger.info("request_unreadable", status=0, why=type(error).__name__)
        else:
            super().log_exception(*args, **kw)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPExpectationFailed):  # before any middleware
            resp = self._unanswered(resp.status)
        if self._closing:
            super().close()
        finished = await super().finish_response(request, resp, start_time)
        if not request.content.is_eof() and hdrs.CONTENT_ENCODING in request.headers:
            await self._pass_over(request.content)
        return finished

    async def _pass_over(self, packed: StreamReader) -> None:
        # aiohttp, which does so with every body that nobody wanted, would unpack this one without
        # a pause: of some megabytes that are gigabytes, and nobody else has an answer meanwhile.
        with suppress(Exception):  # whatever it is that cannot be read: it is wanted by nobody
            async with asyncio.timeout(self._lingering_time):
                while not packed.is_eof():
                    await packed.readany()
                    await asyncio.sleep(0)
        if not packed.is_eof():
            self._lingering_time = 0.0
