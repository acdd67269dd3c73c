"""What a claim brings along for a photo whose bytes have been seen before."""

from __future__ import annotations

import pytest

from services.tagger.cache import digest_of, digest_of_question
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.provider import Question
from shared import keys
from shared.events import PhotoProgress
from shared.record import Record, rfc3339
from tests.support.api import Api, new_socket_id
from tests.support.tagging import Bench

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


async def test_steps_that_are_told_together_are_told_once_and_in_order(
    anna: Api, bench: Bench
) -> None:
    socket_id = new_socket_id()
    photo_id = (await anna.upload(headers={"X-Socket-Id": socket_id})).json["id"]
    record = (await bench.begin()).record
    assert record is not None
    events = [
        PhotoProgress(
            photo_id=photo_id,
            job_id=record.job_id,
            stage=stage,
            progress=progress,
            message="…",
            attempt=record.attempt,
        )
        for stage, progress in (("ai", 30), ("faces", 50))
    ]

    stepped_ms = await bench.tagger.attempts.step(record, events)
    assert await bench.tagger.attempts.step(record, events) == stepped_ms
    told = [data["stage"] for name, data in bench.heard(socket_id) if name == "photo:progress"]
    photo = await anna.photo(photo_id)

    assert [stage for stage in told if stage != "queued"] == ["ai", "faces"]
    assert (photo["stage"], photo["progress"]) == ("faces", 50)
    assert photo["updatedAt"] == rfc3339(stepped_ms)


async def test_it_is_known_why_an_attempt_has_lost_its_turn(anna: Api, bench: Bench) -> None:
    async def begun() -> Record:
        await anna.upload()
        record = (await bench.begin()).record
        assert record is not None
        return record

    goes_on, cancelled, removed, retagged = [await begun() for _ in range(4)]
    for record in (cancelled, retagged):
        assert (await anna.post(f"/api/jobs/{record.job_id}/cancel")).status == 202
    assert (await anna.call("DELETE", f"/api/photos/{removed.id}")).status == 204
    assert (await anna.post(f"/api/photos/{retagged.id}/retag")).status == 202
    given_back = await bench.begin()  # by its new job
    bench.queue.give_back(given_back)
    taken = given_back.record
    assert taken is not None
    await bench.begin()

    records = [goes_on, cancelled, removed, retagged, taken]
    assert await bench.tagger.attempts.void(records) == [
        (cancelled, "cancelled"),
        (removed, "removed"),
        (retagged, "retagged"),
        (taken, "taken"),
    ]
