"""A connection that commands are sent on with little in between.

redis-py connects it, by whatever that takes: TLS, passwords, Sentinel. From then on it would want
100 us for each write and 25 for each reply, and wake a task for it; here a write is one call of the
transport, and hiredis reads the replies as they come in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

import hiredis
import redis.exceptions
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

IDLE_S: Final = 30.0
"""How long nothing may have been heard on a connection that is still believed in."""

_MORE: Final = object()
"""What hiredis is to say where a reply is not whole yet."""


class Question(NamedTuple):
    """Commands that are sent with one write."""

    packed: bytes
    replies: int
    """How many there will be: one to each command."""

    @classmethod
    def of(cls, *commands: tuple[Any, ...]) -> Question:
        """Return the question of `commands`, whose parts are str, bytes, int or float."""
        return cls(b"".join(map(hiredis.pack_command, commands)), len(commands))


GoOn = Callable[[list[Any]], Question | None]
"""Takes the replies to a question; returns what is asked next, if anything."""


def _ask_no_more(_replies: list[Any]) -> None:
    pass


class Wire(asyncio.Protocol):
    """An open connection, for one question at a time. Made by `open`.

    Nothing is sent again. A reply has the shape that it has in the second version of the
    protocol, with bytes for text; a refusal of the server is a `ResponseError` among the others.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(
            replyError=redis.exceptions.ResponseError, notEnoughData=_MORE
        )
        self._replies: list[Any] = []
        self._wanted = 0
        self._go_on: GoOn = _ask_no_more
        self._end: asyncio.Future[list[Any]] | None = None
        self._timeout_s = cast("float", connection.socket_timeout)  # each client of ours has one
        self._due_s = 0.0
        self._heard_s = self._loop.time()
        # redis-py has no other way to it. Its own reader is told of nothing any more.
        self._transport = cast("asyncio.Transport", connection._writer.transport)  # type: ignore[union-attr]  # noqa: SLF001
        self._transport.set_protocol(self)
        # If it was lost just before, redis-py's reader was told so, and nobody will tell this one.
        self._open = not (self._transport.is_closing() or connection._reader.at_eof())  # type: ignore[union-attr]  # noqa: SLF001

    @classmethod
    async def open(cls, client: Redis) -> Wire:
        """Connect as `client` would, or fail at once. Raises what redis-py raises.

        A question is given as long as `client` gives a command.
        """
        connection = client.connection_pool.make_connection()
        # Whoever waits behind it is to go by what there is, not to wait for it.
        connection.retry = Retry(NoBackoff(), 0)
        connection.protocol = 2
        try:
            await connection.connect()
            return cls(connection)
        except BaseException:
            await connection.disconnect(nowait=True)  # redis-py does not where it is cancelled
            raise

    @property
    def good(self) -> bool:
        """Whether it is open, as far as can be known without asking."""
        return self._open and self._loop.time() - self._heard_s < IDLE_S

    async def ask(self, question: Question, go_on: GoOn = _ask_no_more) -> list[Any]:
        """Ask `question`, and what `go_on` returns, until that is None; return the last replies.

        `go_on` is called where the replies are read, before any task is woken; what it raises is
        raised. So are redis-py's `ConnectionError`, and its `TimeoutError` if the replies to one
        question are not there in time: after either, and if this is cancelled, the connection
        has to be closed.
        """
        if not self._open:
            raise _lost("closed")
        self._go_on = go_on
        end: asyncio.Future[list[Any]] = self._loop.create_future()
        self._end = end
        self._send(question)
        self._late = self._loop.call_at(self._due_s, self._look)
        try:
            return await end
        finally:
            self._late.cancel()
            self._replies, self._wanted, self._end = [], 0, None

    async def aclose(self) -> None:
        """Close it."""
        self._transport.abort()
        await self._connection.disconnect(nowait=True)

    def data_received(self, data: bytes) -> None:
        """Take what has come of the replies."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not _MORE:
            self._replies.append(reply)
        if len(self._replies) > self._wanted:
            # Unasked: the next question would take it for its answer.
            self._open = False
            self._transport.abort()
        elif len(self._replies) == self._wanted and (end := self._end) and not end.done():
            self._heard_s = self._loop.time()
            replies, self._replies, self._wanted = self._replies, [], 0
            self._answered(end, replies)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._open = False
        self._fail(_lost(exc or "closed"))

    def _send(self, question: Question) -> None:
        self._replies, self._wanted = [], question.replies
        self._due_s = self._loop.time() + self._timeout_s
        self._transport.write(question.packed)

    def _answered(self, end: asyncio.Future[list[Any]], replies: list[Any]) -> None:
        try:
            question = self._go_on(replies)
        except Exception as error:  # noqa: BLE001  # it is the asker's to judge
            self._fail(error)
        else:
            if question is None:
                end.set_result(replies)
            else:
                self._send(question)

    def _fail(self, error: Exception) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_exception(error)

    def _look(self) -> None:
        """Give up what is overdue; look again when what was asked since then would be."""
        if self._loop.time() < self._due_s:
            self._late = self._loop.call_at(self._due_s, self._look)
        else:
            self._fail(redis.exceptions.TimeoutError("the server did not answer"))


def _lost(why: object) -> redis.exceptions.ConnectionError:
    return redis.exceptions.ConnectionError(f"the connection was lost: {why}")
