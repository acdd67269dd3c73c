"""`/ws`: each frame one JSON text, `connected` first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web

from services.notifier import frames
from services.notifier.admission import Admission
from services.notifier.callers import caller_of
from services.notifier.closing import Close
from services.notifier.hub import BadResumeError, Hub
from services.notifier.limits import Timing
from services.notifier.pings import Pings
from services.notifier.session import Session
from services.notifier.textsocket import TextSocket
from shared.errors import UnavailableError
from shared.progress import LaneEntry
from shared.tasks import end

logger = structlog.stdlib.get_logger()


class WebSocketTransport:
    """Carries frames over one WebSocket."""

    __slots__ = ("_socket",)
    name = "websocket"

    def __init__(self, socket: TextSocket) -> None:
        self._socket = socket

    def offer(self, *entries: LaneEntry) -> bool:
        return self._socket.send_all([frames.as_json(each) for each in entries])

    async def room(self) -> None:
        await self._socket.room()

    def watch(self, on_stall: Callable[[], None]) -> None:
        self._socket.watch(on_stall)

    def close(self, code: Close) -> None:
        self._socket.close(code)


class WebSocketRoute:
    """Serves `/ws`."""

    def __init__(self, hub: Hub, admission: Admission, timing: Timing) -> None:
        self._hub = hub
        self._admission = admission
        self._timing = timing
        self._pings = Pings(timing)

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        slot = self._admission.enter(caller_of(request))
        try:
            socket = await TextSocket.accept(request, timing=self._timing)
            self._pings.add(socket)
            # It is heard meanwhile: to be brought up to date can take longer than an answer to a
            # ping may.
            beginning = asyncio.create_task(self._begin(request, socket))
            try:
                while await socket.receive() is not None:
                    pass  # clients have nothing to say
            finally:
                self._pings.remove(socket)
                # Not after it was waited for: a client that goes meanwhile has that cancelled.
                beginning.add_done_callback(self._leave)
                await end(beginning)
        finally:
            slot.leave()
        return socket.socket

    def _leave(self, beginning: asyncio.Task[Session | None]) -> None:
        if not beginning.cancelled() and (session := beginning.result()) is not None:
            self._hub.leave(session)

    async def _begin(self, request: web.Request, socket: TextSocket) -> Session | None:
        """Return the session that the request asks for; None, and the socket closes, if none."""
        socket_id = request.query.get("socketId")
        last_event_id = request.query.get("lastEventId")
        transport = WebSocketTransport(socket)
        try:
            self._hub.check(socket_id, last_event_id)
            return await self._hub.begin(socket_id, last_event_id, transport)
        except BadResumeError:
            socket.close(Close.BAD_RESUME)
        except UnavailableError:
            socket.close(Close.TRY_AGAIN)
        except Exception:
            logger.exception("session_not_begun")
            socket.close(Close.TRY_AGAIN)
        return None
