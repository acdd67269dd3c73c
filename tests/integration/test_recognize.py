"""The stage `ai`: what a photo's recognition costs, and what it does not cost again."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from services.tagger.accounts import Accounts
from services.tagger.cache import Cache, digest_of_question
from services.tagger.choose_gate import gate_for
from services.tagger.errors import LeaseLostError, RetryableError
from services.tagger.gate import Budget, Limits, OpenGate
from services.tagger.naming import Naming
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.provider import (
    FREE,
    Call,
    FoundTag,
    Price,
    Question,
    Recognition,
    Turn,
    at_once,
)
from services.tagger.providers.provider import Usage as Used
from services.tagger.rules import Rules
from services.tagger.shared_gate import SharedGate
from services.tagger.stages.recognize import RECOGNIZE
from services.tagger.stages.save import SAVE
from services.tagger.stages.stage import Part, Tools, Work
from services.tagger.vocabulary import Vocabulary
from shared import keys
from shared.decoding.picture import Picture
from shared.record import Answer, Record
from shared.redis import closing, connect
from shared.spending import spending
from shared.statistics import last_hour
from shared.tags import Tags
from shared.usage import Usage, usage_of
from tests.support.openai_server import OpenAIServer, Reply
from tests.support.waiting import wait_until

GREY = Picture(8, 8, b"\x80" * 192)
NOTHING = cast("Any", None)
NO_TOOLS = Tools(*[NOTHING] * len(dataclasses.fields(Tools)))


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def tools(redis_url: str, server: OpenAIServer) -> AsyncIterator[Tools]:
    """The tools of this stage alone."""
    provider = OpenAIProvider(
        api_key=server.key, base_url=server.url, model="m", price=Price(0.15, 0.60)
    )
    await provider.start()
    async with closing(connect(redis_url)) as redis:
        gate = gate_for(provider, redis, Limits(), lease_ms=12_000)
        cache = Cache(redis, ttl_s=60, lease_ms=15_000)
        await gate.start()
        await cache.start()
        accounts = Accounts(redis)
        yield dataclasses.replace(
            NO_TOOLS,
            provider=provider,
            gate=gate,
            cache=cache,
            accounts=accounts,
            vocabulary=Vocabulary(Rules(), known=(), max_tags=12, min_confidence=0),
        )
        await provider.close()
        await cache.close()
        await gate.close()
        await accounts.close()


class Fallback:
    """A provider in this process that costs nothing."""

    name, model, price = "local", "m", FREE
    endpoint: str | None = None
    picture_side_px = 8
    takes_jpeg = False

    def fingerprint(self, question: Question) -> str:
        return question.locale

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def recognize(
        self, picture: Picture, question: Question, *, turn: Turn = at_once
    ) -> Recognition:
        async with turn():
            return Recognition((FoundTag({question.locale: f"{picture.width} px"}, None),))


def work(tools: Tools, **fields: str) -> Work:
    record = {
        "id": "1",
        "owner": "",
        "job_id": "j",
        "attempt": "1",
        "sha256": "a" * 64,
        "locale": "fr",
        "priority": "normal",
        **fields,
    }
    return Work(Record(record), tools, picture=GREY)


async def test_what_the_claim_has_brought_is_looked_for_nowhere(
    tools: Tools, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("looked for")

    first = work(tools)
    await RECOGNIZE.run(first)
    said = TypeAdapter(Recognition).dump_json(cast("Recognition", first.recognition))
    question = digest_of_question(tools.provider, Question("fr"))
    copy, other = work(tools), work(tools, sha256="b" * 64)
    copy.record = copy.record.knowing(None, Answer(question, said))
    other.record = other.record.knowing(None, Answer("of another question", said))
    await RECOGNIZE.run(other)
    monkeypatch.setattr(tools.cache, "_asked", never)
    await RECOGNIZE.run(copy)

    assert (copy.recognition, copy.cached) == (first.recognition, True)
    assert (other.calls, other.cached) == (1, False)
    assert len(server.requests) == 2


async def test_a_call_is_counted_with_its_tokens_and_its_price(tools: Tools) -> None:
    asked = work(tools)
    await RECOGNIZE.run(asked)

    assert asked.recognition is not None
    assert (asked.calls, asked.cached) == (1, False)
    assert asked.usage == Used(prompt_tokens=100, completion_tokens=20)
    assert asked.cost_usd == pytest.approx((100 * 0.15 + 20 * 0.60) / 1_000_000)
    assert asked.fields["provider"] == "openai"


async def test_the_same_photo_again_costs_nothing(tools: Tools, server: OpenAIServer) -> None:
    await RECOGNIZE.run(first := work(tools))
    await RECOGNIZE.run(again := work(tools))

    assert again.recognition == first.recognition
    assert (again.calls, again.cached, again.usage, again.cost_usd) == (0, True, None, 0.0)
    assert again.fields["provider"] == "openai"
    assert len(server.calls) == 1


async def test_nobody_pays_for_a_photo_that_is_another_s_by_now(
    tools: Tools, server: OpenAIServer
) -> None:
    lost = work(tools)
    lost.told = asyncio.get_running_loop().create_future()
    lost.told.set_exception(LeaseLostError())
    with pytest.raises(LeaseLostError):
        await RECOGNIZE.run(lost)

    assert server.calls == []


async def test_what_was_said_before_goes_where_a_later_analysis_says_nothing(
    tools: Tools, redis_url: str
) -> None:
    async with closing(connect(redis_url)) as redis:
        named = dataclasses.replace(tools, provider=Fallback(), naming=Naming(Tags(redis)))
        await RECOGNIZE.run(again := work(named, caption="Un chat.", alt="Un chat roux."))
        await SAVE.run(again)
        await RECOGNIZE.run(first := work(named))
        await SAVE.run(first)

    assert (again.fields["caption"], again.fields["alt"]) == ("", "")
    assert not {"caption", "alt"} & first.fields.keys()


async def test_another_vocabulary_applies_to_what_was_said_before(
    tools: Tools, server: OpenAIServer, redis_url: str
) -> None:
    server.tags = [{"name": "Chats", "confidence": 0.9}, {"name": "tapis", "confidence": 0.4}]
    async with closing(connect(redis_url)) as redis:
        for sure, kept in ((0.0, ["chats", "tapis"]), (0.5, ["chats"])):
            vocabulary = Vocabulary(Rules(), known=(), max_tags=12, min_confidence=sure)
            mended = dataclasses.replace(tools, vocabulary=vocabulary, naming=Naming(Tags(redis)))
            await RECOGNIZE.run(again := work(mended))
            await SAVE.run(again)
            assert [tag.name for tag in again.tags] == kept

    assert len(server.calls) == 1


async def test_in_another_language_it_is_another_question(
    tools: Tools, server: OpenAIServer
) -> None:
    await RECOGNIZE.run(work(tools))
    await RECOGNIZE.run(work(tools, locale="en"))

    assert len(server.calls) == 2


async def test_who_wants_a_fresh_answer_pays_for_it(tools: Tools, server: OpenAIServer) -> None:
    await RECOGNIZE.run(work(tools))
    await RECOGNIZE.run(fresh := work(tools, fresh="1"))

    assert (fresh.calls, fresh.cached) == (1, False)
    assert len(server.calls) == 2


async def test_an_answer_of_no_use_is_paid_for_too(tools: Tools, server: OpenAIServer) -> None:
    server.replies.append(Reply(content="no JSON"))
    asked = work(tools)
    with pytest.raises(RetryableError):
        await RECOGNIZE.run(asked)

    assert asked.usage == Used(prompt_tokens=100, completion_tokens=20)
    assert (asked.calls, asked.cost_usd > 0) == (1, True)


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


async def test_while_the_budget_is_spent_another_provider_is_asked(
    tools: Tools, server: OpenAIServer, redis_url: str
) -> None:
    async with closing(connect(redis_url)) as redis:
        gate = gate_for(
            tools.provider,
            redis,
            Limits(),
            lease_ms=12_000,
            budget=Budget(27_000, fallback="local"),
        )
        await gate.start()
        tools = dataclasses.replace(tools, gate=gate, fallback=Fallback())
        await RECOGNIZE.run(paid := work(tools))
        await paid.settle()
        await RECOGNIZE.run(free := work(tools, sha256="b" * 64))
        await RECOGNIZE.run(same := work(tools, sha256="b" * 64))
        # What was paid for is known, whoever is asked now
        await RECOGNIZE.run(known := work(tools))
        await gate.close()

    assert [each.fields["provider"] for each in (paid, free, same, known)] == [
        "openai", "local", "local", "openai",
    ]  # fmt: skip
    assert [each.cached for each in (paid, free, same, known)] == [False, False, True, True]
    assert (len(server.calls), free.cost_usd) == (1, 0.0)


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


def test_only_what_can_be_overrun_has_a_gate(tools: Tools) -> None:
    class Local:
        name, endpoint = "local", None

    local = cast("Any", Local())

    assert isinstance(tools.gate, SharedGate)
    assert isinstance(gate_for(local, NOTHING, Limits(), lease_ms=1), OpenGate)


@pytest.mark.parametrize("later", [frozenset(), frozenset({"picture"})])
async def test_a_picture_that_no_later_stage_needs_is_let_go_before_the_call(
    tools: Tools, server: OpenAIServer, later: frozenset[Part]
) -> None:
    server.answering.clear()
    asked = work(tools)
    asked.later = later
    asking = asyncio.ensure_future(RECOGNIZE.run(asked))
    await wait_until(lambda: server.in_flight, what="the server has the request")
    kept = asked.picture
    server.answering.set()
    await asking

    assert kept == (GREY if later else None)
