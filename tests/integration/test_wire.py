"""A connection that commands are sent on: what it is asked, and what it then is good for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio
import redis.exceptions
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from shared.redis import closing, connect_blocking
from shared.wire import Question, Wire
from tests.support.waiting import wait_until

BLOCK_MS = 60_000
PING = Question.of(("PING",))


@pytest_asyncio.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with closing(connect_blocking(redis_url, block_ms=BLOCK_MS)) as client:
        yield client


@pytest_asyncio.fixture
async def wire(client: Redis) -> AsyncIterator[Wire]:
    async with aclosing(await Wire.open(client)) as wire:
        yield wire


async def waits(client: Redis) -> bool:
    clients = await client.client_list()
    return any("b" in each["flags"] for each in clients)


async def test_replies_come_in_the_order_of_their_commands(wire: Wire) -> None:
    asked = Question.of(("SET", "n", 1), ("INCR", b"n"), ("NONSENSE",), ("ECHO", "é"))
    replies = await wire.ask(asked)

    assert (replies[0], replies[1], replies[3]) == (b"OK", 2, "é".encode())
    assert isinstance(replies[2], redis.exceptions.ResponseError)


async def test_questions_go_on_from_their_answers_until_there_is_none(wire: Wire) -> None:
    heard: list[list[Any]] = []

    def until_three(replies: list[Any]) -> Question | None:
        heard.append(replies)
        return None if replies[0] == 3 else Question.of(("INCR", "n"), ("GET", "n"))

    last = await wire.ask(Question.of(("INCR", "n")), until_three)

    assert heard == [[1], [2, b"2"], [3, b"3"]]
    assert last == [3, b"3"]
    # What went on is over: the next question is one by itself
    assert await wire.ask(Question.of(("GET", "n"))) == [b"3"]


async def test_an_answer_that_comes_in_pieces_is_one(wire: Wire) -> None:
    long = b"x" * 3_000_000
    assert await wire.ask(Question.of(("ECHO", long), ("ECHO", b"y"))) == [long, b"y"]


@pytest.mark.parametrize("url_option", ["protocol=3", "decode_responses=True"])
async def test_replies_have_one_shape_whatever_the_url_says(
    redis_url: str, url_option: str
) -> None:
    url = f"{redis_url}{'&' if '?' in redis_url else '?'}{url_option}"
    write, read = ("XADD", "s", "1-1", "a", "b"), ("XREAD", "STREAMS", "s", "0")
    async with (
        closing(connect_blocking(url, block_ms=BLOCK_MS)) as client,
        aclosing(await Wire.open(client)) as wire,
    ):
        assert await wire.ask(Question.of(write, read)) == [
            b"1-1",
            [[b"s", [[b"1-1", [b"a", b"b"]]]]],
        ]


async def test_an_error_of_who_takes_the_answer_is_raised(wire: Wire) -> None:
    def fail(_replies: list[Any]) -> None:
        raise LookupError("of its own")

    with pytest.raises(LookupError, match="of its own"):
        await wire.ask(PING, fail)
    assert await wire.ask(PING) == [b"PONG"]


async def test_a_reply_that_nobody_asked_for_is_taken_for_no_other(wire: Wire) -> None:
    wire._transport.write(Question.of(("ECHO", "unasked")).packed)
    await wait_until(lambda: not wire.good)
    with pytest.raises(redis.exceptions.ConnectionError):
        await wire.ask(Question.of(("ECHO", "asked")))


async def test_more_replies_than_were_asked_for_are_believed_by_nobody(wire: Wire) -> None:
    with pytest.raises(redis.exceptions.ConnectionError):
        await wire.ask(Question(PING.packed * 3, 2))
    assert not wire.good


async def test_a_reply_to_who_has_given_up_is_taken_for_no_other(client: Redis, wire: Wire) -> None:
    asked = asyncio.create_task(wire.ask(Question.of(("BLPOP", "list", 0))))
    await wait_until(lambda: waits(client))
    asked.cancel()
    await asyncio.wait([asked])
    await client.rpush("list", "late")

    await wait_until(lambda: not wire.good)
    with pytest.raises(redis.exceptions.ConnectionError):
        await wire.ask(PING)


async def test_a_connection_that_is_lost_ends_the_question_and_all_later_ones(
    client: Redis, wire: Wire
) -> None:
    asked = asyncio.create_task(wire.ask(Question.of(("BLPOP", "never", 0))))
    await wait_until(lambda: waits(client))
    await client.client_kill_filter(_type="normal", skipme=True)

    for question in (asked, wire.ask(PING)):
        with pytest.raises(redis.exceptions.ConnectionError):
            await question


async def test_a_server_that_does_not_answer_in_time_is_said_so(client: Redis) -> None:
    client.connection_pool.connection_kwargs["socket_timeout"] = 0.1
    async with aclosing(await Wire.open(client)) as wire:
        with pytest.raises(redis.exceptions.TimeoutError):
            await wire.ask(Question.of(("BLPOP", "never", 0)))


async def test_each_question_that_goes_on_has_a_time_of_its_own(client: Redis) -> None:
    due_s: list[float] = []

    def go_on(_replies: list[Any]) -> Question | None:
        due_s.append(wire._due_s)
        wire._look()  # as it would when the first one's time is over
        return soon if len(due_s) < 3 else None

    soon = Question.of(("BLPOP", "never", 0.01))
    async with aclosing(await Wire.open(client)) as wire:
        assert await wire.ask(soon, go_on) == [None]

    assert due_s[0] < due_s[1] < due_s[2]


async def test_a_connection_that_ends_as_it_is_made_is_known_to_be_lost(
    client: Redis, redis_url: str
) -> None:
    async def connect_and_lose(connection: AbstractConnection) -> None:
        await connection.on_connect()
        await client.client_kill_filter(_type="normal", skipme=True)
        await wait_until(connection._reader.at_eof)  # type: ignore[union-attr]

    async with closing(connect_blocking(redis_url, block_ms=BLOCK_MS)) as other:
        other.connection_pool.connection_kwargs["redis_connect_func"] = connect_and_lose
        async with aclosing(await Wire.open(other)) as wire:
            assert not wire.good
            with pytest.raises(redis.exceptions.ConnectionError):
                await wire.ask(PING)


async def test_who_gives_up_while_it_is_made_leaves_no_connection(
    client: Redis, redis_url: str
) -> None:
    made = asyncio.Event()

    async def connect_and_wait(connection: AbstractConnection) -> None:
        await connection.on_connect()
        made.set()
        await asyncio.Event().wait()

    async with closing(connect_blocking(redis_url, block_ms=BLOCK_MS)) as other:
        other.connection_pool.connection_kwargs["redis_connect_func"] = connect_and_wait
        opening = asyncio.create_task(Wire.open(other))
        await made.wait()
        assert len(await client.client_list()) == 2
        opening.cancel()
        await asyncio.wait([opening])

        async def alone() -> bool:
            return len(await client.client_list()) == 1

        await wait_until(alone)
