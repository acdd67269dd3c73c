"""A connection that commands are sent on: what it is asked, and what it then is good for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import hiredis
import pytest
import redis.exceptions

from shared.redis import closing, connect
from shared.wire import Wire
from tests.support.waiting import wait_until


def packed(*command: Any) -> bytes:
    return bytes(hiredis.pack_command(command))


@asynccontextmanager
async def opened(redis_url: str, *, timeout_s: float = 30.0) -> AsyncIterator[Wire]:
    async with closing(connect(redis_url)) as client:
        wire = await Wire.open(client.connection_pool.make_connection(), timeout_s=timeout_s)
        try:
            yield wire
        finally:
            await wire.close()


async def test_replies_come_in_the_order_of_their_commands(redis_url: str) -> None:
    asked = [packed("SET", "n", 1), packed("INCR", "n"), packed("NONSENSE"), packed("GET", "n")]
    async with opened(redis_url) as wire:
        replies = await wire.ask(b"".join(asked), len(asked))

    assert (replies[0], replies[1], replies[3]) == (b"OK", 2, b"2")
    assert isinstance(replies[2], hiredis.ReplyError)


async def test_a_reply_that_nobody_asked_for_is_taken_for_no_other(redis_url: str) -> None:
    async with opened(redis_url) as wire:
        wire._transport.write(packed("ECHO", "unasked"))
        await wait_until(lambda: not wire.good)
        with pytest.raises(redis.exceptions.ConnectionError):
            await wire.ask(packed("ECHO", "asked"), 1)


async def test_a_server_that_does_not_answer_in_time_is_said_so(redis_url: str) -> None:
    async with opened(redis_url, timeout_s=0.1) as wire:
        with pytest.raises(redis.exceptions.TimeoutError):
            await wire.ask(packed("BLPOP", "nothing", 0), 1)
