"""Questions over one connection: what is answered goes on, what is not ends with an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import redis.exceptions
from redis.asyncio import Redis

from shared.exchange import Exchange, Question, exchange
from shared.redis import closing, connect_blocking
from tests.support.waiting import wait_until

BLOCK_MS = 60_000


@pytest_asyncio.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with closing(connect_blocking(redis_url, block_ms=BLOCK_MS)) as client:
        yield client


@pytest_asyncio.fixture
async def connection(client: Redis) -> AsyncIterator[Exchange]:
    async with exchange(client) as connection:
        yield connection


def no_more(_replies: list[Any]) -> None:
    """End the questions."""


async def waits(client: Redis) -> bool:
    clients = await client.client_list()
    return any("b" in each["flags"] for each in clients)


async def test_questions_go_on_from_their_answers_until_there_is_none(
    connection: Exchange,
) -> None:
    heard: list[list[Any]] = []

    def until_three(replies: list[Any]) -> Question | None:
        heard.append(replies)
        return None if replies[0] == 3 else [("INCR", "n"), ("GET", "n")]

    last = await connection.ask([("INCR", b"n"), ("ECHO", "é")], until_three)

    assert heard == [[1, "é".encode()], [2, b"2"], [3, b"3"]]
    assert last == [3, b"3"]
    # One that has ended leaves the connection as it was
    assert await connection.ask([("GET", "n")], no_more) == [b"3"]


async def test_an_answer_that_comes_in_pieces_is_one(connection: Exchange) -> None:
    long = b"x" * 3_000_000
    assert await connection.ask([("ECHO", long), ("ECHO", b"y")], no_more) == [long, b"y"]


@pytest.mark.parametrize("url_option", ["protocol=3", "decode_responses=True"])
async def test_replies_have_one_shape_whatever_the_url_says(
    redis_url: str, url_option: str
) -> None:
    url = f"{redis_url}{'&' if '?' in redis_url else '?'}{url_option}"
    async with (
        closing(connect_blocking(url, block_ms=BLOCK_MS)) as client,
        exchange(client) as connection,
    ):
        write, read = ("XADD", "s", "1-1", "a", "b"), ("XREAD", "STREAMS", "s", "0")
        assert await connection.ask([write, read], no_more) == [
            b"1-1",
            [[b"s", [[b"1-1", [b"a", b"b"]]]]],
        ]


async def test_an_error_of_the_server_is_raised(connection: Exchange) -> None:
    with pytest.raises(redis.exceptions.ResponseError, match="not an integer"):
        await connection.ask([("SET", "n", "x"), ("INCR", "n"), ("GET", "n")], no_more)


async def test_an_error_of_who_takes_the_answer_is_raised(connection: Exchange) -> None:
    def fail(_replies: list[Any]) -> None:
        raise LookupError("of its own")

    with pytest.raises(LookupError, match="of its own"):
        await connection.ask([("PING",)], fail)
    assert await connection.ask([("PING",)], no_more) == [b"PONG"]


async def test_a_connection_that_is_lost_ends_the_question_and_all_later_ones(
    client: Redis, connection: Exchange
) -> None:
    asked = asyncio.create_task(connection.ask([("BLPOP", "never", 0)], no_more))
    await wait_until(lambda: waits(client))
    await client.client_kill_filter(_type="normal", skipme=True)

    for question in (asked, connection.ask([("PING",)], no_more)):
        with pytest.raises(redis.exceptions.ConnectionError):
            await question


async def test_an_answer_that_does_not_come_in_time_is_given_up(client: Redis) -> None:
    client.connection_pool.connection_kwargs["socket_timeout"] = 0.2
    async with exchange(client) as connection:
        with pytest.raises(redis.exceptions.TimeoutError):
            await connection.ask([("BLPOP", "never", 0)], no_more)
