"""`/socket.io/`: the same events, as Socket.IO clients know them.

`socket.id` is the socket ID. A client that knows nothing but event names gets each event's
data as the only argument. One that sends `auth: {resume: true}` also gets `connected`, and
each event's id as a second argument; with `socketId` and `lastEventId` beside it, it resumes.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any, Final

import orjson
import socketio
import structlog
from aiohttp import web
from engineio.packet import MESSAGE, Packet
from socketio.exceptions import ConnectionRefusedError as RefusedError

from services.notifier.closing import Close
from services.notifier.frames import Frame
from services.notifier.hub import BadResumeError, Hub
from services.notifier.outbox import MAX_FRAMES
from services.notifier.session import Session
from shared.errors import UnavailableError

PING_INTERVAL_S: Final = 20
PING_TIMEOUT_S: Final = 15
MAX_MESSAGE_BYTES: Final = 16 * 1024
DRAIN_POLL_S: Final = 0.02

_wanted_id: ContextVar[str | None] = ContextVar("wanted_id", default=None)

logger = structlog.stdlib.get_logger()


class SocketIOTransport:
    """Carries frames over one Socket.IO connection, through the queue of its Engine.IO socket."""

    name = "socketio"

    def __init__(self, server: _Server, eio_sid: str, sid: str, *, ids: bool) -> None:
        self._server = server
        self._eio_sid = eio_sid
        self._sid = sid
        self._ids = ids
        self._queued_bytes = 0

    def offer(self, frame: Frame) -> bool:
        if frame.event == b"connected" and not self._ids:
            return True
        queue = self._queue()
        if queue is None or queue.qsize() >= MAX_FRAMES:
            return False
        # Data that is JSON already need not be parsed to be sent: 2 is EVENT (protocol 5).
        name = orjson.dumps(frame.event.decode("utf-8", "replace")).decode()
        last = f',"{frame.id}"' if self._ids else ""
        queue.put_nowait(Packet(MESSAGE, f"2[{name},{frame.data.decode()}{last}]"))
        return True

    async def put(self, frame: Frame) -> None:
        while not self.offer(frame):
            if self._queue() is None:
                return
            await asyncio.sleep(DRAIN_POLL_S)

    def close(self, code: Close) -> None:
        self._server.end(self._sid, code)

    def _queue(self) -> asyncio.Queue[Any] | None:
        socket = self._server.eio.sockets.get(self._eio_sid)
        return None if socket is None or socket.closed else socket.queue


class _Server(socketio.AsyncServer):  # type: ignore[misc]  # the package is not typed
    """A Socket.IO server whose socket IDs are ours, and which can give an old one again."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(
            async_mode="aiohttp",
            # Origins are checked before a request gets here.
            cors_allowed_origins="*",
            cors_credentials=False,
            http_compression=False,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            max_http_buffer_size=MAX_MESSAGE_BYTES,
        )
        self._hub = hub
        self._sessions: dict[str, Session] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.eio.generate_id = lambda: _wanted_id.get() or hub.new_socket_id()
        self.on("connect", self._admit)
        self.on("disconnect", self._left)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        """Connect a client; then, when it has been told so, begin its session."""
        auth = data if isinstance(data, dict) else {}
        resume = bool(auth.get("resume"))
        socket_id = auth.get("socketId") if resume else None
        last_event_id = auth.get("lastEventId") if resume else None
        if socket_id in self._sessions:
            # Taken over: the older connection has to leave before its ID is given again.
            self._sessions[socket_id].close(Close.TAKEN_OVER)
            await self._settle_endings()
        token = _wanted_id.set(socket_id if isinstance(socket_id, str) else None)
        try:
            await super()._handle_connect(eio_sid, namespace, data)
        finally:
            _wanted_id.reset(token)
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if sid is None or (namespace or "/") != "/":
            return
        transport = SocketIOTransport(self, eio_sid, sid, ids=resume)
        try:
            if socket_id is None or last_event_id is None:
                session = await self._hub.open(sid, transport)
            else:
                session = await self._hub.resume(socket_id, last_event_id, transport)
        except UnavailableError:
            await self.disconnect(sid)
            return
        self._sessions[sid] = session
        if self.manager.sid_from_eio_sid(eio_sid, "/") != sid:  # gone in the meantime
            await self._left(sid)

    async def _admit(self, _sid: str, _environ: dict[str, Any], auth: Any = None) -> None:
        if not isinstance(auth, dict) or not auth.get("resume"):
            return
        try:
            self._hub.check(auth.get("socketId"), auth.get("lastEventId"))
        except BadResumeError as error:
            raise RefusedError(str(error), {"code": int(Close.BAD_RESUME)}) from None

    async def _left(self, sid: str, *_reason: str) -> None:
        session = self._sessions.pop(sid, None)
        if session is not None:
            await self._hub.leave(session)

    def end(self, sid: str, code: Close) -> None:
        """Disconnect `sid` soon; the protocol has no place for a code, so it is logged."""
        logger.info("socketio_closed", code=int(code), why=code.name.lower())
        task = asyncio.ensure_future(self.disconnect(sid))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _settle_endings(self) -> None:
        await asyncio.gather(*self._ending, return_exceptions=True)


def attach(app: web.Application, hub: Hub) -> None:
    """Serve Socket.IO on `app`."""
    _Server(hub).attach(app)
