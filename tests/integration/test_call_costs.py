"""What calls of a provider cost: a photo, its attempt, the day and the statistics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.tagger.errors import RetryableError
from services.tagger.providers.provider import Call
from services.tagger.providers.provider import Usage as Used
from services.tagger.stages.recognize import RECOGNIZE
from services.tagger.stages.stage import Tools
from shared import keys
from shared.record import Record
from shared.redis import closing, connect
from shared.spending import spending
from shared.statistics import last_hour
from shared.usage import Usage, usage_of
from tests.support.openai_server import OpenAIServer, Reply
from tests.support.recognizing import recognizing, work


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def tools(redis_url: str, server: OpenAIServer) -> AsyncIterator[Tools]:
    async with recognizing(redis_url, server) as tools:
        yield tools


async def test_a_photo_and_its_attempt_know_what_all_its_calls_cost(
    tools: Tools, server: OpenAIServer, redis_url: str
) -> None:
    async with closing(connect(redis_url)) as redis:
        await redis.hset(keys.photo(1), "id", 1)
        await redis.hset(keys.job("j"), mapping={"id": "j"})
        server.replies.append(Reply(content="no JSON"))
        with pytest.raises(RetryableError):
            await RECOGNIZE.run(failed := work(tools))
        await failed.settle()
        await RECOGNIZE.run(again := work(tools, attempt="2"))
        await again.settle()
        job = await redis.hgetall(keys.job("j"))
        hash_of_photo: Any = await redis.hgetall(keys.photo(1))
        photo = Record.of(hash_of_photo)
        found = await spending(redis)

    assert usage_of(photo.fields) == Usage(
        prompt_tokens=200, completion_tokens=40, cost_usd=0.000054
    )
    assert usage_of(again.record.fields) == usage_of(photo.fields)
    assert (job[b"calls:1"], job[b"cost_nanousd:1"], job[b"prompt_tokens:2"]) == (
        b"1", b"27000", b"100",
    )  # fmt: skip
    # The photo counts once: it was one job
    assert found.total.models() == [
        {
            "provider": "openai",
            "model": "m",
            "usd": 0.000054,
            "promptTokens": 200,
            "completionTokens": 40,
            "calls": 2,
            "photos": 1,
        }
    ]
    assert list(found.days.values())[-1] == found.total


async def test_a_photo_that_is_gone_does_not_come_back_by_its_bill(
    tools: Tools, redis_url: str
) -> None:
    await RECOGNIZE.run(asked := work(tools))
    await asked.settle()

    async with closing(connect(redis_url)) as redis:
        assert await redis.exists(keys.photo(1), keys.job("j")) == 0
        total = (await spending(redis)).total.view()
    assert (total["calls"], total["photos"], total["usd"]) == (1, 0, 0.000027)


async def test_a_call_counted_twice_counts_once(tools: Tools, redis_url: str) -> None:
    async with closing(connect(redis_url)) as redis:
        await redis.hset(keys.photo(1), "id", 1)
        call = Call(Used(100, 20))
        totals = [
            await tools.accounts.ended(work(tools).record, tools.provider, call) for _ in "12"
        ]

        assert totals[0] == totals[1]
        assert totals[0]["cost_nanousd"] == "27000"
        assert (await spending(redis)).total.view()["calls"] == 1


async def test_a_call_is_in_the_statistics_once_whatever_becomes_of_its_photo(
    tools: Tools, server: OpenAIServer, redis_url: str
) -> None:
    await RECOGNIZE.run(work(tools))
    server.replies.append(Reply(content="no JSON"))
    with pytest.raises(RetryableError):
        await RECOGNIZE.run(work(tools, fresh="1"))
    # No attempt is ended here: it may be cancelled, or given back
    await tools.accounts.close()

    async with closing(connect(redis_url)) as redis:
        found = (await last_hour(redis)).counters
    assert (found["calls:openai"], found["tokens:prompt"]) == (2, 200)
    assert (found["tokens:completion"], found["cost_nanousd"]) == (40, 54_000)
