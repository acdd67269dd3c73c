"""A WebSocket on which we send text, as `/ws` and Socket.IO both do."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable

from aiohttp import WSCloseCode, WSMsgType, web

from services.notifier.closing import Close
from services.notifier.limits import MAX_MESSAGE_BYTES, MESSAGES_A_SECOND, Bucket, Timing
from services.notifier.wire import Wire


class TextSocket:
    """One accepted WebSocket. Made by `accept`.

    Its text goes out through a `Wire`, framed here: that is one write for a frame, and no task
    for a socket. Pings, closes and all that comes in are the library's work.
    """

    def __init__(self, socket: web.WebSocketResponse, wire: Wire) -> None:
        self.socket = socket
        self._wire = wire
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def accept(cls, request: web.Request, *, timing: Timing, pings: bool) -> TextSocket:
        """Answer the handshake. `pings`: whether the WebSocket's own find the dead ones."""
        # Events are small; compression would cost 300 KB a socket.
        socket = web.WebSocketResponse(
            heartbeat=timing.ping_every_s if pings else None,
            compress=False,
            autoping=False,
            max_msg_size=MAX_MESSAGE_BYTES + 1,
            timeout=timing.close_within_s,
        )
        writer = await socket.prepare(request)
        return cls(socket, Wire(request, writer, timing=timing))

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
        async for message in self.socket:
            if not allowed.take():
                self.close(Close.TOO_MANY)
                return
            if message.type is WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                yield message.data

    def close(self, code: Close) -> None:
        """Close the socket soon; who does not answer is cut off."""
        self._wire.stop()
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(code))

    def cut(self) -> None:
        """End the connection without a word."""
        self._wire.cut()

    async def closed(self) -> None:
        """Wait for the close that was begun, if any was."""
        if self._closing is not None:
            await self._closing

    async def _close(self, code: Close) -> None:
        await self.socket.close(code=code, message=code.name.lower().encode(), drain=False)
        if self.socket.close_code == WSCloseCode.ABNORMAL_CLOSURE:
            # What a client that has gone, or does not read, was sent would be kept for minutes.
            self._wire.cut()


def _header(size: int) -> bytes:
    """Return what comes before a text of `size` bytes, sent whole (RFC 6455, 5.2)."""
    if size < 126:  # noqa: PLR2004  # the RFC's numbers
        return struct.pack("!BB", 0x81, size)
    if size < 65536:  # noqa: PLR2004
        return struct.pack("!BBH", 0x81, 126, size)
    return struct.pack("!BBQ", 0x81, 127, size)
