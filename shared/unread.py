"""Ends connections whose other side does not take what it is sent.

Neither aiohttp nor the kernel does: a client that stays, and reads nothing, is asked for ever
whether there is room.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from typing import Final

import structlog

from shared.metrics import UNREAD

LEAST_BYTES_PER_S: Final = 500
"""What a client has to take on average, as little as it has to send of a body."""

logger = structlog.stdlib.get_logger()


class Unread:
    """What of one connection was sent, and is not yet taken.

    Watched from `watch` to `leave`: less than `LEAST_BYTES_PER_S` in `every_s` ends it. What the
    client has taken is what neither the transport nor the kernel holds any more, which may be
    megabytes: that a write came through says little of either a slow client or a stopped one.
    """

    __slots__ = ("_every_s", "_left_bytes", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, *, every_s: float) -> None:
        self._transport = transport
        self._every_s = every_s
        self._left_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Look at it from now on."""
        if self._timer is None:
            self._left_bytes = self._held_bytes()
            self._look_later()

    def leave(self) -> None:
        """Look at it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._look)

    def _look(self) -> None:
        before, self._left_bytes = self._left_bytes, self._held_bytes()
        if before - self._left_bytes >= LEAST_BYTES_PER_S * self._every_s:
            self._look_later()
            return
        self._timer = None
        UNREAD.inc()
        logger.info("answer_unread", left_bytes=self._left_bytes)
        self._transport.abort()

    def _held_bytes(self) -> int:
        return self._transport.get_write_buffer_size() + _kernel_bytes(self._transport)


def _kernel_bytes(transport: asyncio.Transport) -> int:
    """Return how much the kernel holds that the other side has not acknowledged; 0: unknown."""
    connection = transport.get_extra_info("socket")
    try:
        answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int(struct.unpack("i", answer)[0])
