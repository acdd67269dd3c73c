"""Scripts that are called while others are under way: each is answered as it would be alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
import redis.exceptions
from redis.asyncio import Redis

from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, closing, connect

COUNT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
CALLS = 300


@pytest_asyncio.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with closing(connect(redis_url)) as client:
        yield client


async def test_calls_at_once_run_once_each_and_have_answers_of_their_own(client: Redis) -> None:
    count = client.register_script(COUNT)
    sums = await asyncio.gather(*(count(keys=["n"], args=[1]) for _ in range(CALLS)))

    assert sorted(sums) == list(range(1, CALLS + 1))


async def test_calls_at_once_take_few_writes(client: Redis) -> None:
    count = client.register_script(COUNT)
    await count(keys=["n"], args=[1])
    before: Any = await client.info("stats")
    await asyncio.gather(*(count(keys=["n"], args=[1]) for _ in range(CALLS)))
    after: Any = await client.info("stats")

    assert after["total_reads_processed"] - before["total_reads_processed"] < CALLS // 4


async def test_what_the_server_refuses_is_the_matter_of_its_caller_alone(client: Redis) -> None:
    count, broken = client.register_script(COUNT), client.register_script("return nothing()")
    calls = [(broken if number % 10 == 0 else count)(keys=["n"], args=[1]) for number in range(100)]
    answers = await asyncio.gather(*calls, return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, redis.exceptions.ResponseError)]
    assert len(refused) == 10
    assert sorted(answer for answer in answers if isinstance(answer, int)) == list(range(1, 91))


async def test_a_server_that_has_forgotten_the_scripts_is_told_them_again(client: Redis) -> None:
    count = client.register_script(COUNT)
    await count(keys=["n"], args=[1])
    await client.script_flush()
    sums = await asyncio.gather(*(count(keys=["n"], args=[1]) for _ in range(50)))

    assert sorted(sums) == list(range(2, 52))


async def test_a_caller_that_is_cancelled_keeps_no_other_from_its_answer(client: Redis) -> None:
    count = client.register_script(COUNT)
    calls = [asyncio.ensure_future(count(keys=["n"], args=[1])) for _ in range(50)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    for call in calls[::2]:
        with suppress(asyncio.CancelledError):
            await call

    assert len({await call for call in calls[1::2]}) == 25


async def test_a_connection_that_is_cut_is_no_matter(client: Redis, redis_url: str) -> None:
    seen = client.register_script("return redis.call('SADD', KEYS[1], ARGV[1]) and ARGV[1]")
    async with closing(connect(redis_url)) as other:
        calls = [asyncio.ensure_future(seen(keys=["s"], args=[n])) for n in range(CALLS)]
        await asyncio.sleep(0)
        await other.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        answers = await asyncio.gather(*calls)

    assert answers == [str(number).encode() for number in range(CALLS)]
    assert await client.scard("s") == CALLS


@pytest.mark.parametrize("others", [1, 20])
async def test_a_server_that_is_away_is_told_to_every_caller(others: int) -> None:
    async with closing(connect("redis://127.0.0.1:1", retry_for_s=0.1)) as client:
        count = client.register_script(COUNT)
        answers = await asyncio.gather(
            *(count(keys=["n"], args=[1]) for _ in range(others)), return_exceptions=True
        )

    assert all(isinstance(each, redis.exceptions.ConnectionError) for each in answers)


async def test_who_still_waits_as_the_client_is_closed_is_told_so(redis_url: str) -> None:
    async with closing(connect(redis_url)) as client:
        count = client.register_script(COUNT)
        calls = [asyncio.ensure_future(count(keys=["n"], args=[1])) for _ in range(CALLS)]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert all(isinstance(each, int | redis.exceptions.ConnectionError) for each in answers)
    assert any(isinstance(each, redis.exceptions.ConnectionError) for each in answers)


async def test_a_server_that_dies_between_a_script_and_its_run_is_away(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, load = client.register_script(COUNT), client.script_load

    async def load_and_forget(script: Any) -> Any:
        sha = await load(script)
        await client.script_flush()
        return sha

    monkeypatch.setattr(client, "script_load", load_and_forget)
    await client.script_flush()
    with pytest.raises(UnavailableError), away_is_unavailable():
        await count(keys=["n"], args=[1])


async def test_a_connection_that_was_not_used_for_long_is_made_anew(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = client.register_script(COUNT)
    before = [await count(keys=["n"], args=[1]) for _ in range(2)]
    monkeypatch.setattr("shared.wire.IDLE_S", -1)
    after = [await count(keys=["n"], args=[1]) for _ in range(2)]

    assert before + after == [1, 2, 3, 4]


async def test_a_connection_of_its_own_that_is_cut_is_no_matter(
    client: Redis, redis_url: str
) -> None:
    seen = client.register_script("return redis.call('SADD', KEYS[1], ARGV[1]) and ARGV[1]")
    for number in range(3):  # by redis-py, and then without it
        await seen(keys=["s"], args=[number])
    async with closing(connect(redis_url)) as other:
        await other.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        answers = await asyncio.gather(*(seen(keys=["s"], args=[n]) for n in range(CALLS)))

    assert answers == [str(number).encode() for number in range(CALLS)]


async def test_a_server_that_takes_no_more_connections_runs_scripts_on_those_there_are(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = client.register_script(COUNT)
    await count(keys=["n"], args=[1])
    limit = int((await client.config_get("maxclients"))["maxclients"] or 0)
    connected = (await client.info("clients"))["connected_clients"]
    monkeypatch.setattr("shared.wire.IDLE_S", -1)
    await client.config_set("maxclients", connected)
    try:
        sums = [await asyncio.wait_for(count(keys=["n"], args=[1]), 30) for _ in range(5)]
    finally:
        await client.config_set("maxclients", limit)

    assert sums == [2, 3, 4, 5, 6]


async def test_who_calls_once_the_client_is_closed_is_told_so(redis_url: str) -> None:
    async with closing(connect(redis_url)) as client:
        count = client.register_script(COUNT)
        await count(keys=["n"], args=[1])
    with pytest.raises(redis.exceptions.ConnectionError, match="closed"):
        await count(keys=["n"], args=[1])
