"""Socket.IO, protocol 5: the same events, as Socket.IO clients know them.

https://github.com/socketio/socket.io-protocol. `socket.id` is the socket ID. A client that
knows nothing but event names gets each event's data as the only argument. One that sends
`auth: {resume: true}` also gets `connected`, and each event's id as a second argument; with
`socketId` and `lastEventId` beside it, it resumes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import orjson
import structlog

from services.notifier import frames
from services.notifier.closing import Close
from services.notifier.engineio import EngineSocket
from services.notifier.hub import BadResumeError, Hub
from services.notifier.session import Session
from shared.errors import UnavailableError
from shared.progress import LaneEntry

RESERVED: Final = frozenset(
    {
        b"connect",
        b"connect_error",
        b"disconnect",
        b"disconnecting",
        b"newListener",
        b"removeListener",
    }
)
"""Names that no event may have: a client that is sent one takes it for an error in the protocol."""

logger = structlog.stdlib.get_logger()


class SocketIOTransport:
    """Carries frames as events of the main namespace."""

    name = "socketio"

    def __init__(self, engine: EngineSocket, *, ids: bool) -> None:
        self._engine = engine
        self._ids = ids
        self._connected = False

    def offer(self, *entries: LaneEntry) -> bool:
        if not self._connected:
            self._connected = True
            # Only now: what the client causes once it knows its ID must not be missed.
            self._engine.send(b"40" + orjson.dumps({"sid": entries[0].socket_id.decode()}))
            if not self._ids:
                return True
        return self._engine.send_all(
            [
                frames.as_packet(each, ids=self._ids)
                for each in entries
                if each.event not in RESERVED
            ]
        )

    async def room(self) -> None:
        await self._engine.room()

    def watch(self, on_stall: Callable[[], None]) -> None:
        self._engine.watch(on_stall)

    def close(self, code: Close) -> None:
        self._engine.close(code)


class SocketIOClient:
    """What one client says over its Engine.IO session, and the session it has here."""

    def __init__(self, hub: Hub, engine: EngineSocket, *, connect_within_s: float) -> None:
        self._hub = hub
        self._engine = engine
        self._session: Session | None = None
        self._connecting: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        self._impatience = loop.call_later(connect_within_s, engine.end)
        engine.on_message = self.receive

    def receive(self, packet: str) -> None:
        """Take a Socket.IO packet; one that cannot be read ends the connection."""
        namespace, body = "/", packet[1:]
        if body.startswith("/"):
            namespace, _, body = body.partition(",")
        if packet.startswith("0"):
            self._connect(namespace.partition("?")[0], body)
        elif namespace == "/" and packet.startswith("1"):
            self.leave()
        elif not packet.startswith(("1", "2", "3", "5", "6")) or self._connecting is None:
            self._engine.end()
        # Events and acknowledgements have nobody here to hear them.

    def leave(self) -> None:
        """End the client's session, if it has one."""
        self._impatience.cancel()
        connecting, self._connecting = self._connecting, None
        session, self._session = self._session, None
        if connecting is not None:
            connecting.cancel()
        if session is not None:
            self._hub.leave(session)

    def _connect(self, namespace: str, body: str) -> None:
        if namespace != "/":
            self._refuse({"message": "Invalid namespace"}, namespace)
            return
        try:
            auth: Any = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError:
            self._engine.end()
            return
        if self._connecting is not None:
            self._engine.end()
            return
        resume = isinstance(auth, dict) and bool(auth.get("resume"))
        socket_id, last_event_id = None, None
        if resume:
            socket_id, last_event_id = auth.get("socketId"), auth.get("lastEventId")
        try:
            self._hub.check(socket_id, last_event_id)
        except BadResumeError as error:
            self._refuse({"message": str(error), "data": {"code": int(Close.BAD_RESUME)}})
            return
        self._impatience.cancel()
        transport = SocketIOTransport(self._engine, ids=resume)
        self._connecting = asyncio.create_task(self._begin(transport, socket_id, last_event_id))

    def _refuse(self, error: dict[str, Any], namespace: str = "/") -> None:
        prefix = b"" if namespace == "/" else namespace.encode() + b","
        self._engine.send(b"44" + prefix + orjson.dumps(error))

    async def _begin(
        self, transport: SocketIOTransport, socket_id: str | None, last_event_id: str | None
    ) -> None:
        try:
            session = await self._hub.begin(socket_id, last_event_id, transport)
        except UnavailableError:
            self._engine.close(Close.TRY_AGAIN)
            return
        except Exception:
            logger.exception("connect_failed")
            self._engine.close(Close.TRY_AGAIN)
            return
        if self._connecting is asyncio.current_task():
            self._session = session
        else:
            self._hub.leave(session)  # the client has gone meanwhile
