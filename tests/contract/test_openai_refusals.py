"""The provider `openai`, refused in all the ways that servers and what is before them know."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.tagger.errors import PermanentError, RateLimitedError, RetryableError, TaggingError
from services.tagger.providers import openai_endpoint
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.provider import Question, Recognition
from shared.decoding.picture import Picture
from tests.support.raw_server import RawServer, raw_server

GREY = Picture(1, 1, b"\x80\x80\x80")
KEY = "sk-of_the_test"


def response(status: int, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def error(code: Any = None) -> bytes:
    return json.dumps({"error": {"message": f"What of {KEY}?", "code": code}}).encode()


ANSWER = response(
    200, json.dumps({"choices": [{"message": {"content": '{"tags": ["chat"]}'}}]}).encode()
)


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with raw_server() as server:
        yield server


@asynccontextmanager
async def provider_at(url: str) -> AsyncIterator[OpenAIProvider]:
    provider = OpenAIProvider(api_key=KEY, base_url=url, model="m")
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


async def asked(url: str) -> Recognition:
    async with provider_at(url) as provider:
        return await provider.recognize(GREY, Question("fr"))


async def failure(server: RawServer, answer: bytes) -> TaggingError:
    server.answer = answer
    with pytest.raises(TaggingError) as raised:
        await asked(server.url)
    assert raised.value.text == "OpenAI API error"
    return raised.value


@pytest.mark.parametrize(
    "answer",
    [
        response(429, gzip.compress(error()), Content_Encoding="gzip", Retry_After="7"),
        response(429, error(), Retry_After="7")[:-10],
        response(429, error(), Retry_After="7", X_Note="déjà trop"),
        response(429, error(), Retry_After="7", Content_Type="application/json; charset=undefined"),
        response(429, b"\xff" * 100, Retry_After="7", Content_Type="text/plain; charset=zlib"),
        response(200, error(429), Retry_After="7"),
    ],
    ids=["compressed", "cut off", "signs in a header", "no charset", "unpacked", "late"],
)
async def test_a_refusal_by_rate_is_obeyed_whatever_comes_with_it(
    server: RawServer, answer: bytes
) -> None:
    refused = await failure(server, answer)

    assert isinstance(refused, RateLimitedError)
    assert refused.retry_after_s == 7


async def test_the_words_of_a_refusal_are_not_waited_for_long(
    server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_endpoint, "REFUSAL_S", 0.05)
    server.holds = True
    refused = await failure(server, response(429, error(), Retry_After="7")[:-10])

    assert isinstance(refused, RateLimitedError)
    assert refused.retry_after_s == 7


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (response(401, gzip.compress(error()), Content_Encoding="gzip"), "provider_auth"),
        (response(402, error()), "provider_quota"),
        (response(200, error(401)), "provider_auth"),
    ],
)
async def test_what_no_other_try_would_mend_ends_the_photo(
    server: RawServer, answer: bytes, code: str
) -> None:
    refused = await failure(server, answer)

    assert isinstance(refused, PermanentError)
    assert refused.code == code


@pytest.mark.parametrize(
    "answer",
    [
        response(409, error()),
        response(425, error()),
        response(200, error("overloaded")),
        response(302, b"", Location="http://127.0.0.1/login"),
        response(308, error(), Location="https://127.0.0.1/v1"),
    ],
)
async def test_what_may_pass_is_a_provider_that_is_not_well(
    server: RawServer, answer: bytes
) -> None:
    refused = await failure(server, answer)

    assert isinstance(refused, RetryableError)
    assert refused.code == "provider_unavailable"
    assert refused.counts


async def test_no_photo_goes_where_a_redirection_leads(server: RawServer) -> None:
    async with raw_server() as other:
        other.answer = ANSWER
        await failure(server, response(307, b"", Location=f"{other.url}/chat/completions"))

        assert len(server.heads) == 1
        assert not other.heads


async def test_the_log_says_why_a_call_failed_and_tells_no_secret(server: RawServer) -> None:
    with capture_logs() as logs:
        await failure(server, response(404, error("model_not_found")))
        await failure(server, response(400, error(KEY)))
        await failure(server, b"")

    assert [{**each, "log_level": ""} for each in logs] == [
        {"event": "call_refused", "provider": "openai", "status": status, "code": code}
        | {"log_level": ""}
        for status, code in ((404, "model_not_found"), (400, ""))
    ] + [
        {"event": "call_not_answered", "provider": "openai", "why": "ServerDisconnectedError"}
        | {"log_level": ""}
    ]


async def test_a_name_and_password_in_the_address_go_in_place_of_the_key(
    server: RawServer,
) -> None:
    server.answer = ANSWER
    await asked(f"http://me:d%C3%A9j%C3%A0@127.0.0.1:{server.port}/v1")

    basic = base64.b64encode("me:déjà".encode()).decode()
    assert f"Authorization: Basic {basic}\r\n" in server.heads[0]
    assert KEY not in server.heads[0]


async def test_who_we_are_elsewhere_is_not_told(
    server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login anonymous password me@example.com\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.answer = ANSWER
    await asked(server.url)

    assert f"Authorization: Bearer {KEY}\r\n" in server.heads[0]


async def test_a_proxy_of_the_environment_is_used(
    server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{server.port}")
    monkeypatch.setenv("no_proxy", "internal.example")
    server.answer = ANSWER
    await asked("http://models.example/v1")

    basic = base64.b64encode(b"me:secret").decode()
    assert server.heads[0].startswith("POST http://models.example/v1/chat/completions HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {basic}\r\n" in server.heads[0]
    assert f"Authorization: Bearer {KEY}\r\n" in server.heads[0]
