"""A WebSocket on which we send text, as `/ws` and Socket.IO both do."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable

from aiohttp import WSMsgType, web

from services.notifier.closing import Close
from services.notifier.limits import MAX_MESSAGE_BYTES, MESSAGES_A_SECOND, Bucket, Timing
from services.notifier.wire import Wire

_LAST = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}


class TextSocket:
    """One accepted WebSocket. Made by `accept`.

    Its text goes out through a `Wire`, framed here: that is one write for a frame, and no task
    for a socket. All that comes in is the library's work.
    """

    __slots__ = ("_close_within_s", "_closing", "_wire", "socket")

    def __init__(self, socket: web.WebSocketResponse, wire: Wire, *, close_within_s: float) -> None:
        self.socket = socket
        self._wire = wire
        self._close_within_s = close_within_s
        self._closing: asyncio.TimerHandle | None = None

    @classmethod
    async def accept(cls, request: web.Request, *, timing: Timing, pings: bool) -> TextSocket:
        """Answer the handshake. `pings`: whether the WebSocket's own find the dead ones."""
        # Events are small; compression would cost 300 KB a socket.
        socket = web.WebSocketResponse(
            heartbeat=timing.ping_every_s if pings else None,
            compress=False,
            autoping=False,
            autoclose=False,
            max_msg_size=MAX_MESSAGE_BYTES + 1,
            timeout=timing.close_within_s,
        )
        writer = await socket.prepare(request)
        wire = Wire(request, writer, timing=timing)
        return cls(socket, wire, close_within_s=timing.close_within_s)

    def send(self, text: bytes) -> bool:
        """Send `text`; False, and not sent, if too much waits already."""
        return self._wire.send(_header(len(text)) + text)

    async def room(self) -> None:
        """Wait until nothing waits to be sent."""
        await self._wire.room()

    def watch(self, on_stall: Callable[[], None]) -> None:
        """Have `on_stall` called when the client takes nothing for too long."""
        self._wire.watch(on_stall)

    async def messages(self) -> AsyncIterator[bytes | str]:
        """Yield what the client sends, until the socket closes; too much of it closes it."""
        allowed = Bucket(MESSAGES_A_SECOND)
        while (message := await self.socket.receive()).type not in _LAST:
            if self._closing is not None:
                continue  # all that is waited for is the client's own close
            if not allowed.take():
                self.close(Close.TOO_MANY)
            elif message.type is WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                yield message.data
        if self._closing is not None:
            self._closing.cancel()
            self._wire.end()
        else:
            await self.socket.close()  # the answer to a close of the client's

    def close(self, code: Close) -> None:
        """Close the socket soon; who does not answer is cut off.

        Whoever reads `messages` goes on until the client has answered.
        """
        if self._closing is None:
            reason = struct.pack("!H", code) + code.name.lower().encode()
            self._wire.stop(struct.pack("!BB", 0x88, len(reason)) + reason)
            # What a client that has gone, or does not read, was sent would be kept for minutes.
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(self._close_within_s, self._wire.cut)

    async def closed(self) -> None:
        """Wait until the socket is closed, whatever the client still sends."""
        async for _ in self.messages():
            pass

    def cut(self) -> None:
        """End the connection without a word."""
        self._wire.cut()


def _header(size: int) -> bytes:
    """Return what comes before a text of `size` bytes, sent whole (RFC 6455, 5.2)."""
    if size < 126:  # noqa: PLR2004  # the RFC's numbers
        return struct.pack("!BB", 0x81, size)
    if size < 65536:  # noqa: PLR2004
        return struct.pack("!BBH", 0x81, 126, size)
    return struct.pack("!BBQ", 0x81, 127, size)
