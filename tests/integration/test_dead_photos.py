"""The photos of messages that become dead letters: what they are told to have died of."""

from __future__ import annotations

import dataclasses

import orjson
import pytest
from dramatiq import Message

from services.tagger.actors import Tagging
from services.tagger.endings import Endings
from services.tagger.pipeline import Pipeline
from services.tagger.running import Running
from services.tagger.stages.choose import BUILT_IN
from shared import keys
from shared.broker import RedisStreamsBroker, StreamMessage
from shared.commands import TAG_PHOTO
from tests.support.openai_server import OpenAIServer
from tests.support.recognizing import recognizing
from tests.support.tagging import Bench, submit


@pytest.mark.parametrize(
    ("reason", "error", "code", "text"),
    [
        ("poison", None, "poison", "3 workers died working on the photo"),
        # No worker knows the actor
        ("failed", None, "rejected", "No worker takes messages of this kind"),
        # A fault of ours
        ("failed", ValueError("…"), "internal_error", "Internal error"),
    ],
)
async def test_a_photo_is_told_what_its_message_died_of(
    bench: Bench, redis_url: str, reason: str, error: Exception | None, code: str, text: str
) -> None:
    await submit(bench.photos)
    taken = bench.queue.fetch()
    assert taken is not None
    message = StreamMessage(
        Message(keys.TAGGING_QUEUE, TAG_PHOTO, (), taken.command.model_dump(), {}),
        taken.receipt,
        deaths=3,
    )
    message.reason = reason
    if error is not None:
        message.stuff_exception(error)
    broker = RedisStreamsBroker(url=redis_url, namespace=keys.SHARD)
    attempts = bench.tagger.attempts
    async with OpenAIServer() as server, recognizing(redis_url, server) as tools:
        tagging = Tagging(
            dataclasses.replace(tools, attempts=attempts),
            Pipeline(tuple(BUILT_IN.values())),
            Endings(broker, max_attempts=3),
            Running(attempts, give_back=lambda: False),
            attempt_timeout_s=60,
            max_age_s=0,
        )
        await tagging.end_dead(message)
    broker.close()

    fields = bench.client.hgetall(keys.photo(taken.command.photo_id))
    assert fields[b"status"] == b"error"
    assert orjson.loads(fields[b"error"]) == {"code": code, "message": text}
    assert message.settled
