"""The contract of providers, over all there are, and the one that the documentation shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from services.tagger.providers import choose
from services.tagger.providers.provider import (
    ALT_CHARS,
    CAPTION_CHARS,
    Call,
    Provider,
    Question,
)
from shared.decoding.picture import Picture
from shared.names import cleaned
from shared.plain import plain
from tests.support import documented
from tests.support.clients import PHOTOS
from tests.support.openai_server import OpenAIServer, form_refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

KINDS = ("openai", "local", "brightness")
MODULE = "services.tagger.providers.brightness"
KEY = "sk-secret"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(key=KEY) as server:
        yield server


@pytest.fixture(scope="module")
def shown() -> Iterator[None]:
    """The provider that the documentation shows is one."""
    file, line = documented.blocks("providers.md")
    with pytest.MonkeyPatch.context() as patch, documented.module(MODULE, file) as made:
        added = eval(f"{{{line}}}", made.__dict__)  # noqa: S307
        patch.setattr(choose, "PROVIDERS", {**choose.PROVIDERS, **added})
        yield


class Subject:
    """A kind of provider, and how one is made."""

    def __init__(self, kind: str, server: OpenAIServer, models: Path) -> None:
        self.kind = kind
        self.server = server
        self._models = models

    def made(self) -> Provider:
        return choose.choose(
            self.kind,
            openai_api_key=self.server.key,
            openai_base_url=self.server.url,
            openai_model="gpt-4o-mini",
            price_input_usd=None,
            price_output_usd=None,
            model_dir=self._models,
            threads=1,
        )


@pytest.fixture(scope="module", params=KINDS)
def subject(
    request: pytest.FixtureRequest,
    server: OpenAIServer,
    tmp_path_factory: pytest.TempPathFactory,
    shown: None,
) -> Subject:
    return Subject(request.param, server, tmp_path_factory.mktemp("models"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(subject: Subject) -> AsyncIterator[Provider]:
    """One, started, for all tests: as in a tagger."""
    provider = subject.made()
    await provider.start()
    yield provider
    await provider.close()


def picture(name: str, side_px: int) -> Picture:
    with Image.open(PHOTOS / name) as photo:
        image = photo.convert("RGB")
    image.thumbnail((side_px, side_px))
    return Picture(image.width, image.height, image.tobytes())


def cat(provider: Provider) -> Picture:
    return picture("cat.jpg", provider.picture_side_px)


async def test_the_suite_knows_every_provider() -> None:
    assert set(choose.PROVIDERS) | {"brightness"} == set(KINDS)


@pytest.mark.parametrize("locale", ["fr", "en"])
async def test_tags_are_clean_few_and_named_in_the_language_that_was_asked_for(
    provider: Provider, locale: str
) -> None:
    found = await provider.recognize(cat(provider), Question(locale))

    assert 1 <= len(found.tags) <= 12
    for tag in found.tags:
        assert tag.names[locale]
        assert {each: cleaned(name) for each, name in tag.names.items()} == tag.names
    for text, chars in ((found.caption, CAPTION_CHARS), (found.alt, ALT_CHARS)):
        assert text is None or text == plain(text, chars=chars) != ""


async def test_the_surest_comes_first_and_is_sure_from_0_to_1_if_that_is_known(
    provider: Provider,
) -> None:
    found = await provider.recognize(
        picture("coffee.jpg", provider.picture_side_px), Question("fr")
    )

    assert all(tag.confidence is None or 0 <= tag.confidence <= 1 for tag in found.tags)
    known = [tag.confidence for tag in found.tags if tag.confidence is not None]
    assert known == sorted(known, reverse=True)


@pytest.mark.parametrize("closed", [False, True])
async def test_words_may_be_preferred_or_be_the_only_ones(provider: Provider, closed: bool) -> None:  # noqa: FBT001
    words = ("chat", "l'été", '"', "mot " * 100)
    found = await provider.recognize(cat(provider), Question("fr", words, closed=closed))

    assert all(tag.names["fr"] for tag in found.tags)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (64, 1), (1, 64), (3, 64)])
async def test_the_smallest_and_the_thinnest_pictures_are_looked_at(
    provider: Provider, width: int, height: int
) -> None:
    found = await provider.recognize(
        Picture(width, height, b"\x80" * width * height * 3), Question("en")
    )

    assert all(tag.names["en"] for tag in found.tags)


async def test_many_at_once_are_seen_as_one_by_one(provider: Provider) -> None:
    names = ("cat.jpg", "coffee.jpg", "rocket.jpg")
    pictures = [picture(name, provider.picture_side_px) for name in names]
    one_by_one = [await provider.recognize(each, Question("fr")) for each in pictures]
    at_once = await asyncio.gather(
        *(provider.recognize(each, Question("fr")) for each in pictures * 5)
    )

    assert at_once == one_by_one * 5


async def test_it_waits_for_its_turn_and_gives_up_at_once_when_cancelled(
    provider: Provider,
) -> None:
    waits = asyncio.Event()

    @asynccontextmanager
    async def never() -> AsyncIterator[Call]:
        waits.set()
        await asyncio.Event().wait()
        yield Call()

    asked = asyncio.create_task(provider.recognize(cat(provider), Question("fr"), turn=never))
    await asyncio.wait_for(waits.wait(), 20)
    assert not asked.done()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asked, 20)


async def test_a_call_is_given_up_when_cancelled_and_the_next_one_is_answered(
    subject: Subject, provider: Provider
) -> None:
    called = asyncio.Event()

    @asynccontextmanager
    async def turn() -> AsyncIterator[Call]:
        called.set()
        yield Call()

    subject.server.answering.clear()
    asked = asyncio.create_task(provider.recognize(cat(provider), Question("fr"), turn=turn))
    await asyncio.wait_for(called.wait(), 20)
    asked.cancel()
    (ended,) = await asyncio.wait_for(asyncio.gather(asked, return_exceptions=True), 20)
    subject.server.answering.set()

    # One that calls nobody may have been done.
    assert isinstance(ended, asyncio.CancelledError) or provider.endpoint is None
    assert (await provider.recognize(cat(provider), Question("fr"))).tags


async def test_each_call_is_made_in_a_turn_of_its_own(subject: Subject, provider: Provider) -> None:
    asked = subject.server.requests
    before = len(asked)
    calls_of_turns: list[int] = []

    @asynccontextmanager
    async def turn() -> AsyncIterator[Call]:
        assert len(asked) == before + sum(calls_of_turns), "a call outside of the turns"
        began = len(asked)
        try:
            yield Call()
        finally:
            calls_of_turns.append(len(asked) - began)

    subject.server.replies.append(form_refused("json_schema"))
    found = await provider.recognize(cat(provider), Question("fr"), turn=turn)
    subject.server.replies.clear()

    assert found.tags
    assert calls_of_turns == ([1, 1] if subject.kind == "openai" else [0])
    assert len(asked) == before + sum(calls_of_turns)


async def test_before_the_start_it_works_or_says_that_it_was_not_started(subject: Subject) -> None:
    provider = subject.made()
    try:
        await provider.recognize(cat(provider), Question("fr"))
        said = "started"
    except RuntimeError as error:
        said = str(error)
    await provider.close()

    assert "start" in said


async def test_to_close_it_twice_is_fine(subject: Subject) -> None:
    provider = subject.made()
    await provider.start()
    await provider.close()
    await provider.close()


async def test_the_same_question_has_the_same_fingerprint_whatever_is_preferred(
    subject: Subject, provider: Provider
) -> None:
    again = subject.made()
    await again.start()
    questions = [Question("fr"), Question("en"), Question("fr", ("chat",), closed=True)]
    await provider.recognize(cat(provider), questions[0])

    assert [provider.fingerprint(each) for each in questions] == [
        again.fingerprint(each) for each in questions
    ]
    assert provider.fingerprint(Question("fr", ("chat", "chien"))) == again.fingerprint(
        questions[0]
    )
    assert provider.fingerprint(questions[0])
    await again.close()


async def test_the_endpoint_is_short_the_same_for_all_and_tells_no_key(subject: Subject) -> None:
    provider = subject.made()

    assert provider.name == subject.kind
    assert provider.endpoint == subject.made().endpoint
    assert provider.endpoint is None or (
        0 < len(provider.endpoint) <= 64 and KEY not in provider.endpoint
    )
    assert provider.picture_side_px >= 64
