"""The stage `ai`: what a photo's recognition costs, and what it does not cost again."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from services.tagger.accounts import Accounts
from services.tagger.cache import Cache
from services.tagger.errors import RetryableError
from services.tagger.gate import Limits, OpenGate
from services.tagger.providers.choose import choose
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.provider import Price, Usage
from services.tagger.rules import Rules
from services.tagger.shared_gate import SharedGate, gate_for
from services.tagger.stages.recognize import RECOGNIZE
from services.tagger.stages.save import SAVE
from services.tagger.stages.stage import Tools, Work
from services.tagger.vocabulary import Vocabulary
from shared.decoding.picture import Picture
from shared.record import Record
from shared.redis import closing, connect
from shared.statistics import last_hour
from shared.tags import Tags
from tests.support.openai_server import OpenAIServer, Reply

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


def work(tools: Tools, **fields: str) -> Work:
    record = {"sha256": "a" * 64, "locale": "fr", "priority": "normal", **fields}
    return Work(Record(record), tools, picture=GREY)


async def test_a_call_is_counted_with_its_tokens_and_its_price(tools: Tools) -> None:
    asked = work(tools)
    await RECOGNIZE.run(asked)

    assert asked.recognition is not None
    assert (asked.calls, asked.cached) == (1, False)
    assert asked.usage == Usage(prompt_tokens=100, completion_tokens=20)
    assert asked.cost_usd == pytest.approx((100 * 0.15 + 20 * 0.60) / 1_000_000)
    assert asked.fields["provider"] == "openai"


async def test_the_same_photo_again_costs_nothing(tools: Tools, server: OpenAIServer) -> None:
    await RECOGNIZE.run(first := work(tools))
    await RECOGNIZE.run(again := work(tools))

    assert again.recognition == first.recognition
    assert (again.calls, again.cached, again.usage, again.cost_usd) == (0, True, None, 0.0)
    assert again.fields["provider"] == "openai"
    assert len(server.calls) == 1


async def test_another_vocabulary_applies_to_what_was_said_before(
    tools: Tools, server: OpenAIServer, redis_url: str
) -> None:
    server.tags = [{"name": "Chats", "confidence": 0.9}, {"name": "tapis", "confidence": 0.4}]
    async with closing(connect(redis_url)) as redis:
        for sure, kept in ((0.0, ["chats", "tapis"]), (0.5, ["chats"])):
            vocabulary = Vocabulary(Rules(), known=(), max_tags=12, min_confidence=sure)
            mended = dataclasses.replace(tools, vocabulary=vocabulary, tags=Tags(redis))
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

    assert asked.usage == Usage(prompt_tokens=100, completion_tokens=20)
    assert (asked.calls, asked.cost_usd > 0) == (1, True)


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
    assert (found["tokens:completion"], found["cost_microusd"]) == (40, 54)


def test_prices_are_known_of_the_default_model_and_can_be_set(tmp_path: Any) -> None:
    def price(model: str, *prices: float | None) -> Price:
        return choose(
            "openai",
            openai_api_key="k",
            openai_base_url=None,
            openai_model=model,
            price_input_usd=prices[0],
            price_output_usd=prices[1],
            model_dir=tmp_path,
            threads=1,
        ).price

    assert price("gpt-4o-mini", None, None) == Price(0.15, 0.60)
    assert price("gpt-4o-mini", None, 7) == Price(0.15, 7)
    assert price("another", None, None) == Price(0, 0)


def test_only_what_can_be_overrun_has_a_gate(tools: Tools) -> None:
    class Local:
        name, endpoint = "local", None

    local = cast("Any", Local())

    assert isinstance(tools.gate, SharedGate)
    assert isinstance(gate_for(local, NOTHING, Limits(), lease_ms=1), OpenGate)
