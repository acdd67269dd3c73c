"""The provider `openai`, against a server that speaks the API's protocol and its errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from services.tagger.errors import PermanentError, RetryableError
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.provider import Picture
from tests.support.clients import PHOTOS
from tests.support.openai_server import OpenAIServer, Reply, api_error


@pytest.fixture
def cat() -> Picture:
    with Image.open(PHOTOS / "cat.jpg") as image:
        return Picture(image.width, image.height, image.convert("RGB").tobytes())


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def provider(server: OpenAIServer) -> AsyncIterator[OpenAIProvider]:
    provider = OpenAIProvider(api_key=server.key, base_url=server.url, model="gpt-4o-mini")
    await provider.start()
    yield provider
    await provider.close()


async def test_tags_come_cleaned_and_the_surest_first(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    server.tags = [
        {"name": "  Animal\n", "confidence": 0.5},
        {"name": "Chat", "confidence": 7},
        {"name": "chat", "confidence": 0.1},
        {"name": "\x00", "confidence": 1},
    ]
    found = await provider.recognize(cat, locale="fr")

    assert [(dict(tag.names), tag.confidence) for tag in found.tags] == [
        ({"fr": "chat"}, 1.0),
        ({"fr": "animal"}, 0.5),
    ]
    assert found.caption == "Un chat."


async def test_bare_strings_are_tags_without_confidence(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    server.tags = ["cat", "sofa"]
    found = await provider.recognize(cat, locale="en")

    assert [(dict(tag.names), tag.confidence) for tag in found.tags] == [
        ({"en": "cat"}, None),
        ({"en": "sofa"}, None),
    ]


@pytest.mark.parametrize(("locale", "language"), [("fr", "French"), ("en", "English")])
async def test_the_model_is_asked_in_the_photos_language(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture, locale: str, language: str
) -> None:
    await provider.recognize(cat, locale=locale)

    assert language in server.requests[0]["messages"][0]["content"][0]["text"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (api_error(400), "provider_rejected"),
        (api_error(403), "provider_auth"),
        (api_error(404), "provider_rejected"),
        (api_error(429, "insufficient_quota"), "provider_quota"),
    ],
)
async def test_what_another_try_would_not_mend_is_permanent(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture, reply: Reply, code: str
) -> None:
    server.replies.append(reply)
    with pytest.raises(PermanentError) as raised:
        await provider.recognize(cat, locale="fr")

    assert raised.value.code == code
    assert raised.value.text == "OpenAI API error"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "code", "retry_after_s"),
    [
        (api_error(429, "rate_limit_exceeded", Retry_After="7"), "provider_rate_limited", 7.0),
        (api_error(500), "provider_unavailable", None),
        (api_error(503), "provider_unavailable", None),
        (Reply(drop=True), "provider_unavailable", None),
        (Reply(content="no JSON"), "provider_bad_answer", None),
    ],
)
async def test_what_may_pass_is_retryable_and_not_retried_by_the_sdk(
    server: OpenAIServer,
    provider: OpenAIProvider,
    cat: Picture,
    reply: Reply,
    code: str,
    retry_after_s: float | None,
) -> None:
    server.replies.append(reply)
    with pytest.raises(RetryableError) as raised:
        await provider.recognize(cat, locale="fr")

    assert raised.value.code == code
    assert raised.value.retry_after_s == retry_after_s
    assert raised.value.text == "OpenAI API error"
    assert len(server.requests) == 1


async def test_a_wrong_key_is_permanent_and_never_shown(server: OpenAIServer, cat: Picture) -> None:
    provider = OpenAIProvider(api_key="sk-wrong", base_url=server.url, model="gpt-4o-mini")
    await provider.start()
    with pytest.raises(PermanentError) as raised:
        await provider.recognize(cat, locale="fr")
    await provider.close()

    assert raised.value.code == "provider_auth"
    assert "sk-wrong" not in repr(raised.value)


async def test_a_slow_server_is_a_timeout(server: OpenAIServer, cat: Picture) -> None:
    server.delay_s = 30
    provider = OpenAIProvider(
        api_key=server.key, base_url=server.url, model="gpt-4o-mini", timeout_s=0.2
    )
    await provider.start()
    with pytest.raises(RetryableError) as raised:
        await provider.recognize(cat, locale="fr")
    await provider.close()

    assert raised.value.code == "provider_timeout"


async def test_it_gives_up_when_cancelled(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    server.delay_s = 30
    asking = asyncio.create_task(provider.recognize(cat, locale="fr"))
    async with asyncio.timeout(10):
        while not server.in_flight:
            await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
