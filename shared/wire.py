"""A connection that commands are sent on with little in between.

redis-py connects it, by whatever that takes: TLS, passwords, Sentinel. From then on it would want
100 us for each write and 25 for each reply; here a write is one call of the transport, and hiredis
reads the replies as they come in.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import hiredis
import redis.exceptions
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

IDLE_S: Final = 30.0
"""How long nothing may have been heard on a connection that is still believed in."""

_MORE: Final = object()
"""What hiredis is to say where a reply is not whole yet."""


class Wire(asyncio.Protocol):
    """An open connection, for one question at a time."""

    def __init__(self, connection: AbstractConnection, *, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._replies: list[Any] = []
        self._wanted = 0
        self._answered: asyncio.Future[list[Any]] | None = None
        self._heard_s = self._loop.time()
        self._lost = self._loop.create_future()
        # redis-py has no other way to it. Its own reader is told of nothing any more.
        self._transport = cast("asyncio.Transport", connection._writer.transport)  # type: ignore[union-attr]  # noqa: SLF001
        self._transport.set_protocol(self)
        if self._transport.is_closing() or connection._reader.at_eof():  # type: ignore[union-attr]  # noqa: SLF001
            # redis-py's reader was told so just before, and nobody will tell this one.
            self._lost.set_result(None)

    @classmethod
    async def open(cls, connection: AbstractConnection, *, timeout_s: float) -> Wire:
        """Connect, or fail at once. Raises what redis-py raises."""
        # Whoever waits behind it is to go by what there is, not to wait for it.
        connection.retry = Retry(NoBackoff(), 0)
        await connection.connect()
        return cls(connection, timeout_s=timeout_s)

    @property
    def good(self) -> bool:
        """Whether it is open, as far as can be known without asking."""
        return not self._lost.done() and self._loop.time() - self._heard_s < IDLE_S

    async def ask(self, packed: bytes, count: int) -> list[Any]:
        """Send commands, `count` of them; return their replies, each refusal as a `ReplyError`.

        Raises redis-py's `ConnectionError`, and its `TimeoutError` if not all are there in time.
        Whatever it raises, and if it is cancelled, the connection has to be closed.
        """
        if self._lost.done():
            raise redis.exceptions.ConnectionError("the connection was lost")
        self._wanted = count
        self._answered = self._loop.create_future()
        late = self._loop.call_later(self._timeout_s, self._give_up)
        self._transport.write(packed)
        try:
            return await self._answered
        finally:
            late.cancel()
            self._replies, self._answered = [], None

    async def close(self) -> None:
        """Close it."""
        self._transport.abort()
        await self._connection.disconnect(nowait=True)

    def data_received(self, data: bytes) -> None:
        """Take what has come of the replies."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not _MORE:
            if not isinstance(reply, hiredis.PushNotification):
                self._replies.append(reply)
        if self._replies and self._answered is None:
            self._transport.abort()  # unasked: the next question would take it for its answer
        elif self._answered is not None and len(self._replies) >= self._wanted:
            self._heard_s = self._loop.time()
            if not self._answered.done():
                self._answered.set_result(self._replies)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._fail(redis.exceptions.ConnectionError(f"the connection was lost: {exc or 'closed'}"))
        if not self._lost.done():
            self._lost.set_result(None)

    def _give_up(self) -> None:
        self._fail(redis.exceptions.TimeoutError("the server did not answer"))

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
