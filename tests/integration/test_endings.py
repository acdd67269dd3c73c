"""How attempts end."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from dramatiq import Message

from services.tagger.endings import Endings
from services.tagger.errors import PermanentError, RetryableError
from services.tagger.stages.stage import Work
from shared import keys
from shared.broker import RedisStreamsBroker, StreamMessage
from shared.commands import TAG_PHOTO
from shared.jobs import Jobs
from shared.redis import closing, connect
from tests.support.stages import NO_TOOLS
from tests.support.tagging import Bench, state_of, submit


async def complete(endings: Endings, work: Work, message: StreamMessage) -> None:
    await endings.complete(work, message)


async def fail(endings: Endings, work: Work, message: StreamMessage) -> None:
    await endings.fail(work, message, PermanentError("bad_image", "no picture"))


async def try_again(endings: Endings, work: Work, message: StreamMessage) -> None:
    await endings.fail_or_retry(work, message, RetryableError("timeout", "too slow"))


@pytest.mark.parametrize(
    ("end", "status"), [(complete, "complete"), (fail, "error"), (try_again, "queued")]
)
async def test_an_end_makes_room_for_the_next_message_before_it_is_written(
    bench: Bench,
    redis_url: str,
    end: Callable[[Endings, Work, StreamMessage], Awaitable[None]],
    status: str,
) -> None:
    await submit(bench.photos)
    taken = await bench.begin()
    record = taken.record
    assert record is not None
    command = taken.command.model_dump()
    message = StreamMessage(
        Message(keys.TAGGING_QUEUE, TAG_PHOTO, (), command, {}), taken.receipt, deaths=0
    )
    seen: list[Any] = []
    message.make_room = lambda: seen.append(state_of(bench.client, record.id)[0])
    tools = dataclasses.replace(
        NO_TOOLS, photos=bench.photos, attempts=bench.tagger.attempts, naming=bench.tagger.naming
    )
    broker = RedisStreamsBroker(url=redis_url, namespace=keys.SHARD)
    try:
        await end(Endings(broker, max_attempts=3), Work(record, tools), message)
    finally:
        broker.close()

    assert seen[0] == "processing"
    assert state_of(bench.client, record.id)[0] == status


async def test_a_wish_for_another_try_that_is_sent_again_late_is_not_granted_twice(
    bench: Bench, redis_url: str
) -> None:
    async with closing(connect(redis_url)) as client:
        jobs = Jobs(client, retention_s=600)
        sent: list[dict[str, Any]] = []
        revive = jobs._revive

        async def noted(**wish: Any) -> Any:
            sent.append(wish)
            return await revive(**wish)

        jobs._revive = noted  # type: ignore[assignment]
        await submit(bench.photos)
        dead = (await bench.fail()).record
        assert dead is not None
        job = await jobs.get(dead.job_id)
        assert job is not None
        assert await jobs.revive(job)
        # Given a reply that was lost, and a job that is dead again when the wish comes again
        await bench.fail()

        assert await revive(**sent[0]) == 1
        assert state_of(bench.client, dead.id)[0] == "error"
        assert bench.queue.fetch() is None
        # Another wish is another matter
        assert await jobs.revive(job)
        assert state_of(bench.client, dead.id)[0] == "queued"
