"""The provider `openai` before servers that are only compatible, and ones that mean no good."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.tagger.errors import PermanentError, RetryableError
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.openai_endpoint import MOST_BYTES
from services.tagger.providers.provider import Call, Question, Usage
from shared.decoding.picture import Picture
from tests.support.openai_server import OpenAIServer, Reply, api_error, form_refused

GREY = Picture(64, 48, b"\x80" * 64 * 48 * 3)
FRENCH = Question("fr")


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def provider(server: OpenAIServer) -> AsyncIterator[OpenAIProvider]:
    provider = OpenAIProvider(api_key=server.key, base_url=server.url, model="llava")
    await provider.start()
    yield provider
    await provider.close()


def forms(server: OpenAIServer) -> list[str]:
    """The forms that the calls so far asked for."""
    return [asked.get("response_format", {"type": "text"})["type"] for asked in server.requests]


class Turns:
    """Gives turns, and keeps their calls and what they failed of."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.failures: list[Exception] = []

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Call]:
        call = Call()
        self.calls.append(call)
        try:
            yield call
        except (PermanentError, RetryableError) as error:
            self.failures.append(error)
            raise


@pytest.mark.parametrize(
    ("known", "first"),
    [
        ({"json_schema"}, ["json_schema"]),
        ({"json_object", "text"}, ["json_schema", "json_object"]),
        ({"text"}, ["json_schema", "json_object", "text"]),
    ],
)
async def test_a_server_is_asked_in_a_form_that_it_knows_and_then_always(
    server: OpenAIServer, provider: OpenAIProvider, known: set[str], first: list[str]
) -> None:
    server.forms = known
    turns = Turns()
    found = [await provider.recognize(GREY, FRENCH, turn=turns) for _ in range(3)]

    assert [[tag.names["fr"] for tag in each.tags] for each in found] == [["chat", "animal"]] * 3
    assert forms(server) == [*first, first[-1], first[-1]]
    # Each call in a turn of its own, and what it cost told there
    assert len(turns.calls) == len(first) + 2
    assert [call.usage for call in turns.calls] == [
        *[None] * (len(first) - 1),
        *[Usage(100, 20)] * 3,
    ]
    # The other side is well: it has answered
    assert {type(error).__mro__[1] for error in turns.failures} <= {PermanentError}


@pytest.mark.parametrize("status", [400, 404, 422, 500, 501])
async def test_a_form_may_be_refused_with_any_of_these(
    server: OpenAIServer, provider: OpenAIProvider, status: int
) -> None:
    server.replies.append(form_refused("json_schema", status))
    await provider.recognize(GREY, FRENCH)

    assert forms(server) == ["json_schema", "json_object"]


@pytest.mark.parametrize("status", [401, 403, 413, 429, 503])
async def test_what_is_not_about_the_form_asks_for_no_other(
    server: OpenAIServer, provider: OpenAIProvider, status: int
) -> None:
    server.replies.append(form_refused("json_schema", status))
    with pytest.raises((PermanentError, RetryableError)):
        await provider.recognize(GREY, FRENCH)

    assert forms(server) == ["json_schema"]


async def test_errors_that_quote_the_request_do_not_lower_the_form_for_good(
    server: OpenAIServer, provider: OpenAIProvider
) -> None:
    server.replies.extend([form_refused("json_schema", 422), form_refused("json_object", 422)])
    server.replies.append(api_error(422))
    with pytest.raises(PermanentError) as raised:
        await provider.recognize(GREY, FRENCH)
    await provider.recognize(GREY, FRENCH)

    assert raised.value.code == "provider_rejected"
    assert forms(server) == ["json_schema", "json_object", "text", "json_schema"]


async def test_the_form_is_kept_to_also_if_what_comes_in_it_makes_no_sense(
    server: OpenAIServer, provider: OpenAIProvider
) -> None:
    server.forms = {"text"}
    server.replies.append(Reply(content="I see a cat."))
    with pytest.raises(RetryableError):
        await provider.recognize(GREY, FRENCH)
    await provider.recognize(GREY, FRENCH)

    assert forms(server) == ["json_schema", "json_object", "text", "text"]


async def test_words_are_told_and_a_closed_list_is_part_of_the_schema(
    server: OpenAIServer, provider: OpenAIProvider
) -> None:
    await provider.recognize(GREY, Question("fr", ("chien", 'l"eau')))
    await provider.recognize(GREY, Question("fr", ("chien", "chat"), closed=True))
    many = tuple(f"mot {number}" for number in range(201))
    await provider.recognize(GREY, Question("fr", many, closed=True))

    texts = [asked["messages"][0]["content"][0]["text"] for asked in server.requests]
    schemas = [asked["response_format"]["json_schema"]["schema"] for asked in server.requests]
    names = [each["properties"]["tags"]["items"]["properties"]["names"] for each in schemas]
    assert r'prefer these French names: ["chien", "l\"eau"].' in texts[0]
    assert 'Use these French names and no others: ["chien", "chat"].' in texts[1]
    assert '"mot 200"].' in texts[2]
    assert [each["properties"]["fr"].get("enum") for each in names] == [
        None,
        ["chat", "chien"],
        None,
    ]
    assert [each["properties"]["en"] for each in names] == [{"type": "string"}] * 3


async def test_a_response_without_end_is_cut_off(
    server: OpenAIServer, provider: OpenAIProvider
) -> None:
    turns = Turns()
    server.replies.append(Reply(text="[" + " " * 8 * MOST_BYTES))
    with pytest.raises(RetryableError) as raised:
        await provider.recognize(GREY, FRENCH, turn=turns)

    assert raised.value.code == "provider_bad_answer"
    # The other side is well; the answer is of no use.
    assert turns.failures == []
    server.replies.append(Reply(status=400, text="x" * 8 * MOST_BYTES))
    with pytest.raises(PermanentError):
        await provider.recognize(GREY, FRENCH)


async def test_a_compressed_response_is_not_unpacked(
    server: OpenAIServer, provider: OpenAIProvider
) -> None:
    bomb = gzip.compress(b" " * 10 * MOST_BYTES, 1)
    server.replies.append(Reply(data=bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(RetryableError) as raised:
        await provider.recognize(GREY, FRENCH)

    assert raised.value.code == "provider_unavailable"
