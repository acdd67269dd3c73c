"""The provider `openai`, against a server that speaks the API's protocol and its errors."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from PIL import Image
from structlog.testing import capture_logs

from services.tagger.errors import PermanentError, RateLimitedError, RetryableError
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.provider import Call, Price, Question, Usage
from shared.decoding.picture import Picture
from tests.support.clients import PHOTOS
from tests.support.openai_server import OpenAIServer, Reply, api_error
from tests.support.waiting import wait_until

AZURE_FILTERED = Reply(
    400,
    {
        "error": {
            "message": "The response was filtered due to the prompt triggering Azure OpenAI's "
            "content management policy.",
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {"violence": {"filtered": True, "severity": "medium"}},
            },
        }
    },
)
OPENROUTER_FLAGGED = Reply(
    403,
    {
        "error": {
            "code": 403,
            "message": "Your chosen model requires moderation and your input was flagged",
            "metadata": {
                "reasons": ["violence"],
                "flagged_input": "Name what this…",
                "provider_name": "OpenAI",
                "model_slug": "openai/gpt-4o-mini",
            },
        }
    },
)


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
        {"name": "Chat", "confidence": 0.9},
        {"name": "chat", "confidence": 0.1},
        {"name": "\x00", "confidence": 1},
    ]
    found = await provider.recognize(cat, Question("fr"))

    assert [(dict(tag.names), tag.confidence) for tag in found.tags] == [
        ({"fr": "chat"}, 0.9),
        ({"fr": "animal"}, 0.5),
    ]
    assert found.caption == "Un chat."
    assert found.alt == "Un chat roux."


async def test_every_tag_has_both_names_and_so_one_identity(
    provider: OpenAIProvider, cat: Picture
) -> None:
    found = await provider.recognize(cat, Question("en"))

    assert [dict(tag.names) for tag in found.tags] == [
        {"fr": "chat", "en": "cat"},
        {"fr": "animal", "en": "animal"},
    ]


async def test_bare_strings_are_tags_without_confidence(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    server.tags = ["cat", "sofa"]
    found = await provider.recognize(cat, Question("en"))

    assert [(dict(tag.names), tag.confidence) for tag in found.tags] == [
        ({"en": "cat"}, None),
        ({"en": "sofa"}, None),
    ]


@pytest.mark.parametrize(("locale", "language"), [("fr", "French"), ("en", "English")])
async def test_the_model_is_asked_in_the_photos_language(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture, locale: str, language: str
) -> None:
    await provider.recognize(cat, Question(locale))

    assert language in server.requests[0]["messages"][0]["content"][0]["text"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (api_error(400), "provider_rejected"),
        (api_error(403), "provider_auth"),
        (api_error(404), "provider_rejected"),
        (api_error(413), "provider_rejected"),
        (api_error(422), "provider_rejected"),
        (api_error(429, "insufficient_quota"), "provider_quota"),
        (api_error(429, "billing_not_active"), "provider_quota"),
        (api_error(429, "billing_hard_limit_reached"), "provider_quota"),
        (Reply(429, {"error": {"type": "insufficient_quota", "code": None}}), "provider_quota"),
        (AZURE_FILTERED, "provider_refused"),
        (OPENROUTER_FLAGGED, "provider_refused"),
        (api_error(403, "content_policy_violation"), "provider_refused"),
        (Reply(refusal="I cannot help with that."), "provider_refused"),
        (Reply(finish_reason="content_filter"), "provider_refused"),
    ],
)
async def test_what_another_try_would_not_mend_is_permanent(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture, reply: Reply, code: str
) -> None:
    server.replies.append(reply)
    with pytest.raises(PermanentError) as raised:
        await provider.recognize(cat, Question("fr"))

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
        (Reply(content='{"caption": "no tags"}'), "provider_bad_answer", None),
        (Reply(finish_reason="length"), "provider_bad_answer", None),
        (Reply(text="<html>a proxy's page</html>"), "provider_bad_answer", None),
        (Reply(body={"choices": [{}]}), "provider_bad_answer", None),
        (Reply(body={"choices": []}), "provider_bad_answer", None),
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
        await provider.recognize(cat, Question("fr"))

    assert raised.value.code == code
    assert raised.value.retry_after_s == retry_after_s
    assert raised.value.text == "OpenAI API error"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("header", "retry_after_s"),
    [
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("inf", None),
        ("99999999999999999999 Jan 2020 10:00", None),
    ],
)
async def test_retry_after_is_read_as_seconds_or_a_date_and_nonsense_is_not(
    server: OpenAIServer,
    provider: OpenAIProvider,
    cat: Picture,
    header: str,
    retry_after_s: float | None,
) -> None:
    server.replies.append(api_error(429, Retry_After=header))
    with pytest.raises(RetryableError) as raised:
        await provider.recognize(cat, Question("fr"))

    assert raised.value.retry_after_s == retry_after_s


async def test_a_date_to_come_in_retry_after_is_a_wait(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server.replies.append(api_error(429, Retry_After=later))
    with pytest.raises(RetryableError) as raised:
        await provider.recognize(cat, Question("fr"))

    assert raised.value.retry_after_s is not None
    assert 30 < raised.value.retry_after_s <= 60


async def test_a_refusal_holds_back_all_and_costs_no_try(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    server.replies.append(api_error(429, "rate_limit_exceeded"))
    with pytest.raises(RateLimitedError) as raised:
        await provider.recognize(cat, Question("fr"))

    assert not raised.value.counts


async def test_a_call_is_made_within_its_turn_and_tells_what_it_used(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    calls: list[Call] = []

    @asynccontextmanager
    async def turn() -> AsyncIterator[Call]:
        assert not server.calls
        call = Call()
        yield call
        calls.append(call)

    await provider.recognize(cat, Question("fr"), turn=turn)

    assert calls == [Call(Usage(prompt_tokens=100, completion_tokens=20))]


async def test_it_is_said_once_that_a_server_tells_no_usage_of_what_has_a_price(
    server: OpenAIServer, cat: Picture
) -> None:
    provider = OpenAIProvider(api_key=server.key, base_url=server.url, model="m", price=Price(1, 1))
    await provider.start()
    answer = {"choices": [{"message": {"content": '{"tags": ["chat"]}'}}]}
    server.replies.extend([Reply(), Reply(body=answer), Reply(body=answer)])
    with capture_logs() as logs:
        for _ in range(3):
            await provider.recognize(cat, Question("fr"))
    await provider.close()

    assert [each["event"] for each in logs] == ["usage_not_told"]


async def test_failures_are_raised_within_the_turn(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    raised: list[Exception] = []

    @asynccontextmanager
    async def turn() -> AsyncIterator[Call]:
        try:
            yield Call()
        except RetryableError as error:
            raised.append(error)
            raise

    server.replies.append(api_error(503))
    with pytest.raises(RetryableError):
        await provider.recognize(cat, Question("fr"), turn=turn)

    assert len(raised) == 1


def test_the_endpoint_tells_accounts_apart_and_no_key() -> None:
    def endpoint(key: str, url: str | None = None) -> str:
        return OpenAIProvider(api_key=key, base_url=url, model="m").endpoint or ""

    assert len({endpoint("sk-a"), endpoint("sk-b"), endpoint("sk-a", "http://127.0.0.1")}) == 3
    assert endpoint("sk-a") == endpoint("sk-a")
    assert "sk-a" not in endpoint("sk-a")


async def test_nobody_at_the_address_is_retryable(cat: Picture) -> None:
    async with OpenAIServer() as gone:
        url = gone.url
    provider = OpenAIProvider(api_key="sk-test", base_url=url, model="gpt-4o-mini")
    await provider.start()
    with pytest.raises(RetryableError) as raised:
        await provider.recognize(cat, Question("fr"))
    await provider.close()

    assert raised.value.code == "provider_unavailable"
    assert raised.value.text == "OpenAI API error"


async def test_at_most_twelve_tags_and_no_sentences(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    server.tags = [{"name": "a long sentence " * 5, "confidence": 1}]
    server.tags += [{"name": f"tag {number}", "confidence": 0.5} for number in range(20)]
    found = await provider.recognize(cat, Question("fr"))

    assert [tag.names["fr"] for tag in found.tags] == [f"tag {number}" for number in range(12)]


async def test_the_stand_in_runs_as_a_process_of_its_own(cat: Picture) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.openai_server",
        "--key=sk-process",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    provider = OpenAIProvider(api_key="sk-process", base_url=url, model="gpt-4o-mini")
    await provider.start()
    found = await provider.recognize(cat, Question("fr"))
    await provider.close()
    process.terminate()

    assert [tag.names["fr"] for tag in found.tags] == ["chat", "animal"]
    assert await process.wait() == 0


async def test_a_wrong_key_is_permanent_and_never_shown(server: OpenAIServer, cat: Picture) -> None:
    provider = OpenAIProvider(api_key="sk-wrong", base_url=server.url, model="gpt-4o-mini")
    await provider.start()
    with pytest.raises(PermanentError) as raised:
        await provider.recognize(cat, Question("fr"))
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
        await provider.recognize(cat, Question("fr"))
    await provider.close()

    assert raised.value.code == "provider_timeout"


async def test_it_gives_up_when_cancelled(
    server: OpenAIServer, provider: OpenAIProvider, cat: Picture
) -> None:
    server.delay_s = 30
    asking = asyncio.create_task(provider.recognize(cat, Question("fr")))
    await wait_until(lambda: server.in_flight, what="the server has the request")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await wait_until(lambda: not server.in_flight, what="the connection is closed")


def test_other_words_for_the_question_are_another_question() -> None:
    def fingerprint(wanted: str | None) -> str:
        provider = OpenAIProvider(api_key="k", base_url=None, model="m", wanted=wanted)
        return provider.fingerprint(Question("fr"))

    assert fingerprint("Name the animals.") == fingerprint("Name the animals.")
    assert len({fingerprint(None), fingerprint("Name the animals."), fingerprint("Name.")}) == 3


def test_the_languages_have_fingerprints_of_their_own_whatever_the_prompt_says() -> None:
    provider = OpenAIProvider(api_key="k", base_url=None, model="m", wanted="Name the animals.")
    assert provider.fingerprint(Question("fr")) != provider.fingerprint(Question("en"))
