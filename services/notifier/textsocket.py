"""A WebSocket on which we send text, as `/ws` and Socket.IO both do."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import WSMsgType, web

from services.notifier.closing import Close
from services.notifier.limits import MAX_MESSAGE_BYTES, MESSAGES_A_SECOND, Bucket, Timing
from services.notifier.outbox import Outbox

_PING: Final = b"\x89\x00"
_LAST: Final = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}


class TextSocket:
    """One accepted WebSocket. Made by `accept`.

    Its text goes out through an `Outbox`, framed here: that is one write for a frame, and no task
    for a socket. All that comes in is the library's work.
    """

    __slots__ = ("_allowed", "_close_within_s", "_closing", "_outbox", "_pinged", "socket")

    def __init__(
        self, socket: web.WebSocketResponse, outbox: Outbox, *, close_within_s: float
    ) -> None:
        self.socket = socket
        self._outbox = outbox
        self._close_within_s = close_within_s
        self._closing: asyncio.TimerHandle | None = None
        self._pinged = False
        self._allowed = Bucket(MESSAGES_A_SECOND)

    @classmethod
    async def accept(cls, request: web.Request, *, timing: Timing) -> TextSocket:
        """Answer the handshake."""
        # Events are small; compression would cost 300 KB a socket.
        socket = web.WebSocketResponse(
            compress=False,
            autoping=False,
            autoclose=False,
            max_msg_size=MAX_MESSAGE_BYTES + 1,
            timeout=timing.close_within_s,
        )
        writer = await socket.prepare(request)
        socket.headers.clear()  # sent; they would be kept as long as the socket
        outbox = Outbox(request, writer, timing=timing)
        return cls(socket, outbox, close_within_s=timing.close_within_s)

    def send(self, text: bytes) -> bool:
        """Send `text`; False, and not sent, if too much waits already."""
        return self._outbox.send(_header(len(text)) + text)

    def send_all(self, texts: Sequence[bytes]) -> bool:
        """Send `texts`; False if too much waits, and some were not sent."""
        return self._outbox.send_all([_header(len(text)) + text for text in texts])

    async def room(self) -> None:
        """Wait until nothing waits to be sent."""
        await self._outbox.room()

    def watch(self, on_stall: Callable[[], None]) -> None:
        """Have `on_stall` called when the client takes nothing for too long."""
        self._outbox.watch(on_stall)

    def ping(self) -> None:
        """Ask the client for a sign of life."""
        self._pinged = True
        self._outbox.send(_PING)

    @property
    def silent(self) -> bool:
        """Whether the client has not been heard since the last ping, though it may have come.

        A ping that waits behind other things tells nothing; that they are taken is watched.
        """
        return self._pinged and not self._outbox.waits

    async def receive(self) -> bytes | str | None:
        """Wait for what the client says next; None once the socket is closed.

        One that says too much is closed.
        """
        while (message := await self.socket.receive()).type not in _LAST:
            self._pinged = False
            if self._closing is not None:
                continue  # all that is waited for is the client's own close
            if not self._allowed.take():
                self.close(Close.TOO_MANY)
            elif message.type is WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                said: bytes | str = message.data
                return said
        if self._closing is not None:
            self._closing.cancel()
            self._outbox.end()
        else:
            await self.socket.close()  # the answer to a close of the client's
        return None

    def close(self, code: Close) -> None:
        """Close the socket soon; who does not answer is cut off.

        Whoever calls `receive` goes on until the client has answered.
        """
        if self._closing is None:
            reason = struct.pack("!H", code) + code.name.lower().encode()
            self._outbox.stop(struct.pack("!BB", 0x88, len(reason)) + reason)
            # What a client that has gone, or does not read, was sent would be kept for minutes.
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(self._close_within_s, self._outbox.cut)

    async def closed(self) -> None:
        """Wait until the socket is closed, whatever the client still sends."""
        while await self.receive() is not None:
            pass

    def cut(self) -> None:
        """End the connection without a word."""
        self._outbox.cut()


def _header(size: int) -> bytes:
    """Return what comes before a text of `size` bytes, sent whole (RFC 6455, 5.2)."""
    if size < 126:  # noqa: PLR2004  # the RFC's numbers
        return struct.pack("!BB", 0x81, size)
    if size < 65536:  # noqa: PLR2004
        return struct.pack("!BBH", 0x81, 126, size)
    return struct.pack("!BBQ", 0x81, 127, size)
