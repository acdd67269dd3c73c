"""A client whose scripts, when many call them, go to the server together."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import hiredis
import redis.exceptions
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from shared.tasks import end
from shared.wire import Question, Wire

MOST_CALLS: Final = 100
"""How many calls one write holds at most; the rest goes with the next."""

AGAIN_AFTER_S: Final = 5.0
"""How long redis-py goes on alone after a connection of our own could not be made."""

_CLOSED: Final = "the client was closed"


@dataclass(frozen=True, slots=True)
class _Call:
    script: _Script
    keys: Sequence[Any]
    args: Sequence[Any]
    packed: bytes
    reply: asyncio.Future[Any]


class Together(Redis):
    """Runs what is called at once, or while a write is under way, in one write and one read.

    Each call is answered as it would be alone: what the server refuses is sent again by itself,
    and what a lost connection leaves open is sent again by redis-py, so a script has to be the
    same when run twice. One whose caller is cancelled is run all the same.

    What redis-py has sent first, with all its care for a server that is away or has moved, goes
    over a `Wire` from then on, as long as that holds.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: deque[_Call] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._wire: Wire | None = None
        self._wire_from_s = 0.0
        """From when on another wire may be tried."""

        self._closed = False

    def register_script(self, script: Any) -> Any:
        """Return a script of this client."""
        return _Script(self, script)

    async def run(self, script: _Script, keys: Sequence[Any], args: Sequence[Any]) -> Any:
        """Return what `script` returns, run alone or with others."""
        if self._closed:
            raise redis.exceptions.ConnectionError(_CLOSED)
        packed = hiredis.pack_command(("EVALSHA", script.sha, len(keys), *keys, *args))
        call = _Call(script, keys, args, packed, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._writing is None:
            # It begins once those have run that are about to, and may call a script as well.
            self._writing = asyncio.create_task(self._write_all())
        return await call.reply

    async def aclose(self, *args: Any, **kwargs: Any) -> None:
        """Close the connections; nobody waits for what is under way any more."""
        self._closed = True
        await end(self._writing)
        self._writing = None  # one that was ended before it began has not said so
        while self._waiting:
            _answer(self._waiting.popleft(), redis.exceptions.ConnectionError(_CLOSED))
        await self._hang_up()
        await super().aclose(*args, **kwargs)

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                count = min(len(self._waiting), MOST_CALLS)
                await self._send([self._waiting.popleft() for _ in range(count)])
                # Whoever has been answered runs first: its next call goes along.
                await asyncio.sleep(0)
        finally:
            self._writing = None
            if self._waiting and not self._closed:
                # A fault of ours has ended this; it is those who were answered who hear of it.
                self._writing = asyncio.create_task(self._write_all())

    async def _send(self, calls: Sequence[_Call]) -> None:
        try:
            if self._wire is not None and self._wire.good:
                await self._run_on(self._wire, calls)
            else:
                await self._hang_up()
                await self._run_by_redis_py(calls)
                await self._connect()
        finally:
            for call in calls:
                if not call.reply.done():
                    _answer(call, redis.exceptions.ConnectionError(_CLOSED))

    async def _run_on(self, wire: Wire, calls: Sequence[_Call]) -> None:
        question = Question(b"".join(call.packed for call in calls), len(calls))
        try:
            replies = await wire.ask(question)
        except redis.exceptions.TimeoutError as error:
            await self._hang_up()
            _answer_all(calls, error)
        except redis.exceptions.ConnectionError:
            await self._hang_up()
            await self._run_by_redis_py(calls)
        else:
            if any(_says_elsewhere(reply) for reply in replies):
                # Another server has taken over, which redis-py finds.
                await self._hang_up()
            await _settle(calls, replies)

    async def _run_by_redis_py(self, calls: Sequence[_Call]) -> None:
        if len(calls) == 1:
            await _run_alone(calls[0])
            return
        try:
            pipeline = self.pipeline(transaction=False)
            for call in calls:
                pipeline.evalsha(call.script.sha, len(call.keys), *call.keys, *call.args)
            replies = await pipeline.execute(raise_on_error=False)
        except Exception as error:  # noqa: BLE001  # it is the callers' to judge
            _answer_all(calls, error)
        else:
            await _settle(calls, replies)

    async def _connect(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s < self._wire_from_s:
            return
        try:
            self._wire = await Wire.open(self)
        except (redis.exceptions.RedisError, OSError):
            # A server that takes no more connections may answer on those that there are.
            self._wire_from_s = now_s + AGAIN_AFTER_S

    async def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.aclose()


class _Script(AsyncScript):
    registered_client: Together

    async def __call__(
        self,
        keys: Iterable[Any] | None = None,
        args: Iterable[Any] | None = None,
        client: Any = None,  # noqa: ARG002  # of redis-py's signature
    ) -> Any:
        return await self.registered_client.run(self, list(keys or ()), list(args or ()))

    async def alone(self, keys: Sequence[Any], args: Sequence[Any]) -> Any:
        return await super().__call__(keys, args)


async def _settle(calls: Sequence[_Call], replies: Sequence[Any]) -> None:
    """Answer the calls; those that the server has refused are run again, each by itself."""
    refused = list[_Call]()
    for call, reply in zip(calls, replies, strict=True):
        if isinstance(reply, redis.exceptions.ResponseError):
            refused.append(call)
        else:
            _answer(call, reply)
    if refused:
        await asyncio.gather(*map(_run_alone, refused))


def _says_elsewhere(reply: Any) -> bool:
    """Whether it says that this is a replica or, of a cluster, not the node of the key."""
    refused = isinstance(reply, redis.exceptions.ResponseError)
    return refused and str(reply).startswith(("READONLY", "MOVED ", "ASK "))


async def _run_alone(call: _Call) -> None:
    try:
        reply = await call.script.alone(call.keys, call.args)
    except Exception as error:  # noqa: BLE001  # it is the caller's to judge
        reply = error
    _answer(call, reply)


def _answer_all(calls: Sequence[_Call], error: Exception) -> None:
    for call in calls:
        # Each its own: where it is raised is written into it.
        _answer(call, copy.copy(error))


def _answer(call: _Call, reply: Any) -> None:
    if call.reply.done():  # its caller was cancelled
        return
    if isinstance(reply, Exception):
        call.reply.set_exception(reply)
    else:
        call.reply.set_result(reply)
