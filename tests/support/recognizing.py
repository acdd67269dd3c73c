"""The stage `ai` with a real cache, gate and accounts, and what else it works with."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.tagger.accounts import Accounts
from services.tagger.cache import Cache
from services.tagger.choose_gate import gate_for
from services.tagger.gate import Limits
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.provider import (
    FREE,
    FoundTag,
    Price,
    Provider,
    Question,
    Recognition,
    Turn,
    at_once,
)
from services.tagger.rules import Rules
from services.tagger.stages.stage import Tools, Work
from services.tagger.vocabulary import Vocabulary
from shared.decoding.picture import Picture
from shared.record import Record
from shared.redis import closing, connect
from tests.support.openai_server import OpenAIServer
from tests.support.stages import NO_TOOLS

GREY = Picture(8, 8, b"\x80" * 192)


@asynccontextmanager
async def recognizing(redis_url: str, server: OpenAIServer) -> AsyncIterator[Tools]:
    """The tools of this stage alone; a call that says all costs 27 millionths of a dollar."""
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


class Fallback(Provider):
    """A provider in this process that costs nothing."""

    name, model, price = "local", "m", FREE
    endpoint = None
    picture_side_px = 8

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
    """Work on a photo that has been analysed as far as that it is grey."""
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
