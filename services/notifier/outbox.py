"""Writes to one connection while it drains; what it does not take waits, bounded."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from services.notifier.limits import MAX_BYTES, MAX_FRAMES, Timing
from services.notifier.metrics import BACKLOGGED, CUT_OFF

SEND_BUFFER_BYTES: Final = 64 * 1024
"""The kernel's buffer for a connection (it doubles the number): left to itself it takes
megabytes for a client that does not read, before anybody notices."""

HIGH_WATER_BYTES: Final = 16 * 1024
"""Above so many bytes that the kernel did not take, a write has not drained."""


class Outbox:
    """The sending side of one connection, below whatever protocol is spoken over it.

    Bytes go to the kernel at once, in the order they come. When the other side has taken
    nothing for `timing.stalled_after_s`, whoever has asked by `watch` is told; without one
    the connection is cut.
    """

    __slots__ = (
        "_draining", "_on_stall", "_protocol", "_size_bytes", "_stopped", "_timing", "_transport",
        "_waiting", "_writer",
    )  # fmt: skip

    def __init__(
        self, request: web.Request, writer: AbstractStreamWriter, *, timing: Timing
    ) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        self._transport = transport
        self._protocol = request.protocol
        self._writer = writer
        self._timing = timing
        self._on_stall: Callable[[], None] | None = None
        # None as long as nothing has ever waited: an empty one takes more than half a kilobyte.
        self._waiting: deque[bytes] | None = None
        self._size_bytes = 0
        self._draining: asyncio.Task[None] | None = None
        self._stopped = False
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        _bound(transport, timing)

    def send(self, data: bytes) -> bool:
        """Send `data`; False, and not sent, if too much waits already."""
        if self._stopped or self.lost:  # uvloop raises where asyncio forgets what is written
            return True
        if self._draining is None:
            self._transport.write(data)
            if self._protocol.writing_paused:
                BACKLOGGED.inc()
                self._draining = asyncio.create_task(self._drain())
            return True
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= MAX_FRAMES or self._size_bytes > MAX_BYTES:
            return False
        self._waiting.append(data)
        self._size_bytes += len(data)
        return True

    def send_all(self, parts: Sequence[bytes]) -> bool:
        """Send `parts`, many with one write; False if too much waits, and some were not sent.

        A write costs the kernel more than an event costs us.
        """
        if len(parts) == 1:
            return self.send(parts[0])
        bundle: list[bytes] = []
        size_bytes = 0
        for part in parts:
            bundle.append(part)
            size_bytes += len(part)
            if size_bytes >= HIGH_WATER_BYTES:
                if not self.send(b"".join(bundle)):
                    return False
                bundle, size_bytes = [], 0
        return not bundle or self.send(b"".join(bundle))

    async def room(self) -> None:
        """Wait until nothing waits to be sent."""
        if self._draining is not None:
            await asyncio.wait([self._draining])

    @property
    def waits(self) -> bool:
        """Whether something waits to be sent."""
        return self._draining is not None

    @property
    def lost(self) -> bool:
        """Whether the connection has gone."""
        return self._transport.is_closing()

    def watch(self, on_stall: Callable[[], None]) -> None:
        """Have `on_stall` called when the other side takes nothing for too long."""
        self._on_stall = on_stall

    def stop(self, last: bytes = b"") -> None:
        """Forget what waits, send `last`, and nothing more."""
        if not self._stopped:
            self._stopped = True
            self._waiting = None
            self._size_bytes = 0
            if not self.lost:
                self._transport.write(last)

    def end(self) -> None:
        """End the connection once all has been sent."""
        self._transport.close()

    def cut(self) -> None:
        """End the connection without waiting for the other side."""
        if not self.lost:
            CUT_OFF.inc()
        self._transport.abort()

    async def _drain(self) -> None:
        stalled = self._watch()
        try:
            while not self._transport.is_closing():
                await self._writer.drain()
                stalled.cancel()
                while self._waiting and not self._protocol.writing_paused:
                    data = self._waiting.popleft()
                    self._size_bytes -= len(data)
                    self._transport.write(data)
                if not self._protocol.writing_paused:
                    return
                stalled = self._watch()
        except ConnectionError:
            pass  # whoever reads from the connection notices, too
        finally:
            stalled.cancel()
            self._draining = None

    def _stall(self) -> None:
        (self._on_stall or self.cut)()

    def _watch(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._timing.stalled_after_s, self._stall)


def _bound(transport: asyncio.Transport, timing: Timing) -> None:
    """Bound the kernel's buffer, and how long it tries to reach a machine that has gone."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family == socket.AF_UNIX:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        milliseconds = round(timing.unreachable_after_s * 1000)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
