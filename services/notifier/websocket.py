"""`/ws`: each frame one JSON text, `connected` first."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from services.notifier import frames
from services.notifier.admission import Admission
from services.notifier.callers import caller_of
from services.notifier.closing import Close
from services.notifier.hub import BadResumeError, Hub
from services.notifier.limits import Timing
from services.notifier.session import Session
from services.notifier.textsocket import TextSocket
from shared.errors import UnavailableError
from shared.progress import LaneEntry


class WebSocketTransport:
    """Carries frames over one WebSocket."""

    __slots__ = ("_socket",)
    name = "websocket"

    def __init__(self, socket: TextSocket) -> None:
        self._socket = socket

    def offer(self, frame: LaneEntry) -> bool:
        return self._socket.send(frames.as_json(frame))

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

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        slot = self._admission.enter(caller_of(request))
        try:
            return await self._serve(request)
        finally:
            slot.leave()

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        session: Session | None = None
        socket = await TextSocket.accept(request, timing=self._timing, pings=True)
        transport = WebSocketTransport(socket)
        socket_id = request.query.get("socketId")
        last_event_id = request.query.get("lastEventId")
        try:
            self._hub.check(socket_id, last_event_id)
            if socket_id is None or last_event_id is None:
                session = await self._hub.open(self._hub.new_socket_id(), transport)
            else:
                session = await self._hub.resume(socket_id, last_event_id, transport)
            async for _ in socket.messages():
                pass  # clients have nothing to say
        except BadResumeError:
            socket.close(Close.BAD_RESUME)
        except UnavailableError:
            socket.close(Close.TRY_AGAIN)
        except Exception:
            socket.close(Close.TRY_AGAIN)  # else its end would be waited for below, for ever
            raise
        finally:
            if session is not None:
                self._hub.leave(session)
            await socket.closed()
        return socket.socket
