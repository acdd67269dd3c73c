"""`/ws`: each frame one JSON text, `connected` first."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import WSMsgType, web

from services.notifier.closing import Close
from services.notifier.frames import Frame
from services.notifier.hub import BadResumeError, Hub
from services.notifier.outbox import Outbox
from services.notifier.session import Session
from shared.errors import UnavailableError

HEARTBEAT_S: Final = 20.0
"""A ping is sent so often; a client that does not answer within half of it is gone."""

MAX_MESSAGE_BYTES: Final = 16 * 1024
CLOSE_TIMEOUT_S: Final = 5.0


class WebSocketTransport:
    """Carries frames over one WebSocket. Its writer takes them from an outbox, in order."""

    name = "websocket"

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._outbox = Outbox()
        self._closing: asyncio.Future[Close] = asyncio.get_running_loop().create_future()

    def offer(self, frame: Frame) -> bool:
        return self._outbox.offer(frame)

    async def put(self, frame: Frame) -> None:
        await self._outbox.put(frame)

    def close(self, code: Close) -> None:
        if not self._closing.done():
            self._closing.set_result(code)

    async def write(self) -> None:
        """Send frames until `close` is called, then close the socket."""
        sending = asyncio.create_task(self._send())
        try:
            either: list[asyncio.Future[Any]] = [sending, self._closing]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        if self._closing.done():
            code = self._closing.result()
            await self._socket.close(code=code, message=code.name.lower().encode())

    async def _send(self) -> None:
        while True:
            frame = await self._outbox.get()
            await self._socket.send_frame(frame.as_json(), WSMsgType.TEXT)


class WebSocketRoute:
    """Serves `/ws`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        # Events are small and already leave in few bytes; compression would cost 300 KB a socket.
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S,
            compress=False,
            max_msg_size=MAX_MESSAGE_BYTES,
            timeout=CLOSE_TIMEOUT_S,
        )
        await socket.prepare(request)
        socket_id = request.query.get("socketId")
        last_event_id = request.query.get("lastEventId")
        try:
            self._hub.check(socket_id, last_event_id)
        except BadResumeError as error:
            await socket.close(code=Close.BAD_RESUME, message=str(error).encode())
            return socket
        transport = WebSocketTransport(socket)
        writing = asyncio.create_task(transport.write())
        session: Session | None = None
        try:
            if socket_id is None or last_event_id is None:
                session = await self._hub.open(self._hub.new_socket_id(), transport)
            else:
                session = await self._hub.resume(socket_id, last_event_id, transport)
            async for _ in socket:
                pass  # clients have nothing to say; pings and closes are answered for us
        except UnavailableError:
            transport.close(Close.TRY_AGAIN)
            await writing
        finally:
            if session is not None:
                await self._hub.leave(session)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return socket
