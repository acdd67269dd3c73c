"""What a claim brings along for a photo whose bytes have been seen before."""

from __future__ import annotations

import pytest

from services.tagger.cache import digest_of, digest_of_question
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.provider import Question
from shared import keys
from shared.record import Record
from tests.integration.conftest import Bench
from tests.support.api import Api

ANSWER = b'{"tags":[]}'


@pytest.mark.parametrize(("locale", "answer"), [("fr", ANSWER), ("en", None)])
async def test_a_claim_brings_what_a_provider_has_said_in_the_photos_language(
    anna: Api, bench: Bench, locale: str, answer: bytes | None
) -> None:
    provider = OpenAIProvider(api_key="k", base_url=None, model="m")
    photo_id = (await anna.upload(locale=locale)).json["id"]
    taken = bench.queue.fetch()
    assert taken is not None
    sha256 = bench.client.hget(keys.photo(photo_id), "sha256").decode()
    questions = {each: digest_of_question(provider, Question(each)) for each in ("fr", "en")}
    bench.client.set(keys.recognition(digest_of(sha256, questions["fr"])), ANSWER)

    claimed = await bench.tagger.attempts.claim(
        taken.command.photo_id,
        taken.command.job_id,
        taken.receipt,
        asked=questions,
    )

    assert isinstance(claimed, Record)
    assert claimed.answer == (answer and (questions["fr"], answer))
