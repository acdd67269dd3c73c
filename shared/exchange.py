"""Questions and answers over one connection, for what asks the same again and again.

redis-py makes the connection: it finds the server, says who we are and speaks TLS. What it then
does for each command, and the task that is woken by each reply, take several times what a
notifier does with an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import hiredis
import redis.exceptions
from redis.asyncio import Redis

Question = Sequence[tuple[Any, ...]]
"""Commands, of str, bytes and int, that are sent with one write."""

GoOn = Callable[[list[Any]], Question | None]
"""Takes the replies to a question, one to each command; returns the next question, if any."""

_NOT_YET: Final = object()


class Exchange(asyncio.Protocol):
    """One connection, made by `exchange`, on which one question is asked at a time.

    None is sent again. After an error, or one that was given up, replies may come of which nobody
    knows to what: the connection has to be left. `patience_s`: how long an answer may take.
    """

    def __init__(self, transport: asyncio.Transport, *, patience_s: float) -> None:
        self._transport = transport
        self._patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(
            replyError=redis.exceptions.ResponseError,
            protocolError=redis.exceptions.InvalidResponse,
            notEnoughData=_NOT_YET,
        )
        self._count = 0
        self._replies: list[Any] = []
        self._go_on: GoOn = lambda _: None
        self._end: asyncio.Future[list[Any]] = self._loop.create_future()
        self._overdue_at_s = 0.0
        self._watch: asyncio.TimerHandle | None = None
        transport.set_protocol(self)

    async def ask(self, question: Question, go_on: GoOn) -> list[Any]:
        """Ask `question`, and what `go_on` returns, until that is None; return the last replies.

        `go_on` is called where replies are read: no task has to be woken before. Raises what it
        raises, and what redis-py does, also where the server answers with an error.
        """
        if self._transport.is_closing():
            raise _lost()
        self._go_on = go_on
        self._end = self._loop.create_future()
        self._send(question)
        self._look()
        try:
            return await self._end
        finally:
            if self._watch is not None:
                self._watch.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what has come over the connection."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not _NOT_YET:
            self._replies.append(reply)
            if isinstance(reply, redis.exceptions.RedisError):
                self._fail(reply)
        if len(self._replies) == self._count and not self._end.done():
            self._answered(self._replies)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's name
        """Tell whoever has asked."""
        self._fail(_lost())

    def _send(self, question: Question) -> None:
        self._count = len(question)
        self._replies = []
        self._overdue_at_s = self._loop.time() + self._patience_s
        self._transport.write(b"".join(map(hiredis.pack_command, question)))

    def _answered(self, replies: list[Any]) -> None:
        try:
            question = self._go_on(replies)
        except Exception as error:  # noqa: BLE001  # it is raised where it was asked
            self._fail(error)
        else:
            if question is None:
                self._end.set_result(replies)
            else:
                self._send(question)

    def _fail(self, error: Exception) -> None:
        if not self._end.done():
            self._end.set_exception(error)

    def _look(self) -> None:
        left_s = self._overdue_at_s - self._loop.time()
        if left_s > 0:
            self._watch = self._loop.call_later(left_s, self._look)
        else:
            self._fail(redis.exceptions.TimeoutError("Timeout reading from socket"))


@asynccontextmanager
async def exchange(client: Redis) -> AsyncIterator[Exchange]:
    """Connect as `client`, one of `connect_blocking`, would; close the connection at the end.

    Raises what redis-py raises.
    """
    connection = client.connection_pool.make_connection()
    await connection.connect()
    try:
        transport = connection._writer.transport  # noqa: SLF001  # redis-py does not give it
        yield Exchange(transport, patience_s=connection.socket_timeout)
    finally:
        await connection.disconnect(nowait=True)


def _lost() -> redis.exceptions.ConnectionError:
    return redis.exceptions.ConnectionError("Connection closed by server.")
