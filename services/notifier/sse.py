"""`GET /sse`: the same events for `EventSource` and `curl -N`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

import orjson
import structlog
from aiohttp import HttpVersion11, hdrs, web

from services.notifier import frames
from services.notifier.admission import Admission
from services.notifier.callers import caller_of
from services.notifier.closing import Close
from services.notifier.hub import BadResumeError, Hub
from services.notifier.limits import Timing
from services.notifier.outbox import Outbox
from services.notifier.session import Session
from shared.errors import UnavailableError
from shared.progress import LaneEntry

RETRY_MS: Final = (1000, 4000)
"""After what time an `EventSource` comes back; each is told another one."""

COMMENT: Final = b":\n\n"

EVENT_STREAM: Final = "text/event-stream"

logger = structlog.stdlib.get_logger()


class SseTransport:
    """Carries frames as server-sent events; the last one says why it closes."""

    name = "sse"

    def __init__(self, request: web.Request, outbox: Outbox) -> None:
        self._chunked = request.version >= HttpVersion11
        self._outbox = outbox
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def lost(self) -> bool:
        """Whether the connection has gone."""
        return self._outbox.lost

    def offer(self, *entries: LaneEntry) -> bool:
        return self._outbox.send_all([self._chunk(frames.as_server_sent(each)) for each in entries])

    async def room(self) -> None:
        await self._outbox.room()

    def watch(self, on_stall: Callable[[], None]) -> None:
        self._outbox.watch(on_stall)

    def write(self, text: bytes) -> bool:
        """Send text of the stream; False, and not sent, if too much waits already."""
        return self._outbox.send(self._chunk(text))

    def close(self, code: Close) -> None:
        if not self.ended.done():
            self._outbox.stop(self._chunk(_close(code)))
            self.ended.set_result(None)

    def _chunk(self, text: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(text), text) if self._chunked else text


class SseRoute:
    """Serves `/sse`."""

    def __init__(self, hub: Hub, admission: Admission, timing: Timing) -> None:
        self._hub = hub
        self._admission = admission
        self._timing = timing

    async def connect(self, request: web.Request) -> web.StreamResponse:
        socket_id = request.query.get("socketId")
        last_event_id = request.headers.get("Last-Event-ID") or request.query.get("lastEventId")
        if socket_id is None:
            # An EventSource that was never given its socket ID says where it was all the same.
            last_event_id = request.query.get("lastEventId")
        try:
            self._hub.check(socket_id, last_event_id)
        except BadResumeError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        try:
            slot = self._admission.enter(caller_of(request))
        except (web.HTTPServiceUnavailable, web.HTTPTooManyRequests) as refusal:
            if EVENT_STREAM not in request.headers.get(hdrs.ACCEPT, ""):
                raise
            return _later(refusal)
        try:
            return await self._serve(request, socket_id, last_event_id)
        finally:
            slot.leave()

    async def _serve(
        self, request: web.Request, socket_id: str | None, last_event_id: str | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: EVENT_STREAM,
                hdrs.CACHE_CONTROL: "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        response.force_close()
        writer = await response.prepare(request)
        assert writer is not None  # noqa: S101  # it is prepared for the first time
        session: Session | None = None
        outbox = Outbox(request, writer, timing=self._timing)
        transport = SseTransport(request, outbox)
        transport.write(b"retry: %d\n\n" % random.randint(*RETRY_MS))  # noqa: S311
        try:
            session = await self._hub.begin(socket_id, last_event_id, transport)
            await self._beat(transport)
        except UnavailableError:
            transport.close(Close.TRY_AGAIN)
        except Exception:
            logger.exception("session_not_begun")
            transport.close(Close.TRY_AGAIN)
        finally:
            if session is not None:
                self._hub.leave(session)
        await self._finish(response, outbox)
        return response

    async def _beat(self, transport: SseTransport) -> None:
        """Send a comment now and then, so that a dead connection is noticed, until it ends."""
        while not transport.lost:
            done, _ = await asyncio.wait([transport.ended], timeout=self._timing.ping_every_s)
            if done:
                return
            transport.write(COMMENT)

    async def _finish(self, response: web.StreamResponse, outbox: Outbox) -> None:
        """Send the end of the stream; who does not take it is cut off."""
        try:
            async with asyncio.timeout(self._timing.close_within_s):
                await response.write_eof()
        except (TimeoutError, ConnectionError):
            outbox.cut()


def _close(code: Close) -> bytes:
    data = orjson.dumps({"code": int(code), "comeBack": code.comes_back})
    return b"event: close\ndata: %b\n\n" % data


def _later(refusal: web.HTTPException) -> web.Response:
    """Return `refusal` as a stream that ends at once: by an error an `EventSource` is lost."""
    after_s = refusal.headers[hdrs.RETRY_AFTER]
    return web.Response(
        body=b"retry: %d\n\n%b" % (int(after_s) * 1000, _close(Close.TRY_AGAIN)),
        headers={
            hdrs.CONTENT_TYPE: EVENT_STREAM,
            hdrs.CACHE_CONTROL: "no-store",
            hdrs.RETRY_AFTER: after_s,
        },
    )
