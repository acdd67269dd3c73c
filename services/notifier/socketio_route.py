"""`/socket.io/`: the requests of Engine.IO clients."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Final

import orjson
from aiohttp import hdrs, web

from services.notifier.admission import Admission
from services.notifier.callers import caller_of
from services.notifier.closing import Close
from services.notifier.engineio import EngineSocket
from services.notifier.hub import Hub
from services.notifier.limits import Timing
from services.notifier.socketio import SocketIOClient
from services.notifier.textsocket import TextSocket

SEPARATOR: Final = "\x1e"
"""Between the packets of one polling request or answer."""


class SocketIORoute:
    """Serves `/socket.io/`: handshakes, polls, upgrades."""

    def __init__(self, hub: Hub, admission: Admission, timing: Timing) -> None:
        self._hub = hub
        self._admission = admission
        self._timing = timing
        self._engines: dict[bytes, EngineSocket] = {}

    def close_all(self, code: Close) -> None:
        """Close all Engine.IO sessions, those too over which nobody is connected."""
        for engine in list(self._engines.values()):
            engine.close(code)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/socket.io/", self.get, allow_head=False),
            web.post("/socket.io/", self.post),
        ]

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Answer a handshake, a poll, or a WebSocket."""
        transport = request.query.get("transport")
        if transport not in {"polling", "websocket"}:
            raise _bad_request(0, "Transport unknown")
        upgrades = transport == "websocket"
        if upgrades != (request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"):
            raise _bad_request(3, "Bad request")
        if "sid" not in request.query:
            if request.query.get("EIO") != "4":
                raise _bad_request(5, "Unsupported protocol version")
            return await self._open_websocket(request) if upgrades else self._open(request)
        engine = self._polled(request)
        return await (self._upgrade if upgrades else self._poll)(request, engine)

    async def post(self, request: web.Request) -> web.Response:
        """Take packets from a client that polls."""
        engine = self._polled(request)
        try:
            async with asyncio.timeout(self._timing.connect_within_s):
                text = (await request.read()).decode()
        except (UnicodeDecodeError, TimeoutError):
            engine.end()
            raise _bad_request(3, "Bad request") from None
        except web.HTTPRequestEntityTooLarge:
            engine.end()
            raise
        for packet in text.split(SEPARATOR):
            if not engine.ended:
                engine.receive(packet)
        return web.Response(text="ok")

    def _polled(self, request: web.Request) -> EngineSocket:
        """Return the Engine.IO session that the request names, which must be polling still."""
        engine = self._engines.get(_digest(request.query.get("sid", "")))
        if engine is None or engine.caller != caller_of(request):
            raise _bad_request(1, "Session ID unknown")
        if engine.socket:
            raise _bad_request(3, "Bad request")
        return engine

    def _new(self, request: web.Request) -> EngineSocket:
        caller = caller_of(request)
        slot = self._admission.enter(caller)
        # As hard to guess as a socket ID: who knows it is sent events.
        sid = secrets.token_urlsafe(18)

        def ended() -> None:
            self._engines.pop(_digest(sid), None)
            client.leave()

        engine = EngineSocket(sid, caller, slot, self._timing, on_end=ended)
        client = SocketIOClient(self._hub, engine, connect_within_s=self._timing.connect_within_s)
        self._engines[_digest(sid)] = engine
        return engine

    def _open(self, request: web.Request) -> web.Response:
        return _packets([self._new(request).handshake(upgrades=True)])

    async def _poll(self, request: web.Request, engine: EngineSocket) -> web.Response:
        if engine.polling.fetching:  # two at once: it would not be known which gets what
            engine.end()
            raise _bad_request(3, "Bad request")
        if not engine.polling.begin(request.query.get("t", "")):
            engine.end()
            raise _bad_request(3, "Bad request")
        return _packets(await engine.poll())

    async def _open_websocket(self, request: web.Request) -> web.WebSocketResponse:
        engine = self._new(request)
        try:
            socket = await TextSocket.accept(request, timing=self._timing)
            socket.send(engine.handshake(upgrades=False))
            await engine.listen(socket)
            await socket.closed()
        finally:
            engine.end()
        return socket.socket

    async def _upgrade(self, request: web.Request, engine: EngineSocket) -> web.WebSocketResponse:
        if engine.upgrading:
            raise _bad_request(3, "Bad request")
        engine.upgrading = True
        try:
            socket = await TextSocket.accept(request, timing=self._timing)
        except BaseException:
            engine.upgrading = False  # no WebSocket has come: the next one may
            raise
        try:
            await engine.upgrade(socket)
            await socket.closed()
        finally:
            if engine.socket is socket:
                engine.end()
        return socket.socket


def _packets(packets: list[bytes]) -> web.Response:
    return web.Response(
        body=SEPARATOR.encode().join(packets),
        headers={hdrs.CONTENT_TYPE: "text/plain; charset=UTF-8", hdrs.CACHE_CONTROL: "no-store"},
    )


def _bad_request(code: int, message: str) -> web.HTTPBadRequest:
    text = orjson.dumps({"code": code, "message": message}).decode()
    return web.HTTPBadRequest(text=text, content_type="application/json")


def _digest(sid: str) -> bytes:
    # How long a look-up takes says nothing of the IDs there are.
    return hashlib.sha256(sid.encode("utf-8", "surrogatepass")).digest()
