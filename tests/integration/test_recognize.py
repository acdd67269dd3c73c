"""The stage `ai`: what the provider is asked of a photo, and what it is not asked again."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from services.tagger.cache import digest_of_question
from services.tagger.choose_gate import gate_for
from services.tagger.errors import LeaseLostError
from services.tagger.gate import Budget, Limits, OpenGate
from services.tagger.naming import Naming
from services.tagger.providers.provider import Question, Recognition
from services.tagger.rules import Rules
from services.tagger.shared_gate import SharedGate
from services.tagger.stages.recognize import RECOGNIZE
from services.tagger.stages.save import SAVE
from services.tagger.stages.stage import Part, Tools
from services.tagger.vocabulary import Vocabulary
from shared.record import Answer
from shared.redis import closing, connect
from shared.spending import spending
from shared.tags import Tags
from tests.support.openai_server import OpenAIServer
from tests.support.recognizing import GREY, Fallback, recognizing, work
from tests.support.waiting import wait_until


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def tools(redis_url: str, server: OpenAIServer) -> AsyncIterator[Tools]:
    async with recognizing(redis_url, server) as tools:
        yield tools


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
    assert not other.cached
    assert len(server.calls) == 2


async def test_a_photo_that_nobody_knows_is_asked_for(tools: Tools, server: OpenAIServer) -> None:
    await RECOGNIZE.run(asked := work(tools))

    assert asked.recognition is not None
    assert not asked.cached
    assert asked.fields["provider"] == "openai"
    assert len(server.calls) == 1


async def test_the_same_photo_again_costs_nothing(tools: Tools, server: OpenAIServer) -> None:
    await RECOGNIZE.run(first := work(tools))
    await RECOGNIZE.run(again := work(tools))

    assert again.recognition == first.recognition
    assert again.cached
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

    assert not fresh.cached
    assert len(server.calls) == 2


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
        await free.settle()
        total = (await spending(redis)).total.view()
        await gate.close()

    assert [each.fields["provider"] for each in (paid, free, same, known)] == [
        "openai", "local", "local", "openai",
    ]  # fmt: skip
    assert [each.cached for each in (paid, free, same, known)] == [False, False, True, True]
    assert len(server.calls) == 1
    assert (total["calls"], total["usd"]) == (2, 0.000027)


def test_only_what_can_be_overrun_has_a_gate(tools: Tools) -> None:
    assert isinstance(tools.gate, SharedGate)
    assert isinstance(gate_for(Fallback(), cast("Any", None), Limits(), lease_ms=1), OpenGate)


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
