"""Cancels at random moments: one end each, and the answer says which."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import redis

from tests.e2e.stack import running_stack
from tests.support.api import Api, picture
from tests.support.clients import websocket
from tests.support.invariants import check
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import wait_until

CANCELS = int(os.environ.get("TAGLINE_TEST_CANCELS", "100"))
"""`make chaos` sets more."""

AT_A_TIME = 16


async def test_a_cancelled_photo_has_one_end_and_its_answer_is_true(
    redis_url: str, tmp_path: Path
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # to repeat a failure
    chance = random.Random(seed)
    turns = asyncio.Semaphore(AT_A_TIME)
    answers: dict[int, int] = {}

    async with OpenAIServer(delay_s=0.05) as openai:
        settings = {"OPENAI_API_KEY": openai.key, "OPENAI_BASE_URL": openai.url}
        with running_stack(redis_url, tmp_path, tmp_path, settings) as stack:
            api = Api(stack.gateway.url)
            async with websocket(stack.notifier.url) as heard:

                async def upload_and_cancel(number: int, pause_s: float) -> None:
                    async with turns:
                        headers = {"X-Socket-Id": heard.socket_id}
                        photo = (await api.upload(picture(number), headers=headers)).json
                        await asyncio.sleep(pause_s)
                        cancelled = await api.post(f"/api/jobs/{photo['jobId']}/cancel")
                        answers[photo["id"]] = cancelled.status

                # From before it is begun, over the call, to after its end.
                pauses_s = [chance.uniform(0, 0.4) for _ in range(CANCELS)]
                await asyncio.gather(*map(upload_and_cancel, range(CANCELS), pauses_s))
                ends = {"photo:complete", "photo:cancelled"}

                def ended() -> int:
                    return sum(name in ends for name, _ in heard.events)

                await wait_until(lambda: ended() >= CANCELS, timeout_s=60)
                await wait_until(lambda: openai.in_flight == 0)
                found = [await api.photo(photo_id) for photo_id in answers]
            assert stack.tagger.terminate() == 0
            # What its owner has wanted is nothing to be warned of.
            assert "attempt_stopped" in stack.tagger.output
            assert "lease_lost" not in stack.tagger.output

    _hold(answers, found, heard.events)
    with redis.Redis.from_url(redis_url) as client:
        check(client)


def _hold(
    answers: dict[int, int],
    found: list[dict[str, Any]],
    events: list[tuple[str, dict[str, Any]]],
) -> None:
    for photo in found:
        status = {202: "cancelled", 409: "complete"}[answers[photo["id"]]]
        assert photo["status"] == status
        assert (photo["tags"] == []) == (status == "cancelled")
        names = [name for name, data in events if data.get("photoId") == photo["id"]]
        assert names[-1] == f"photo:{status}"
        assert set(names[:-1]) <= {"photo:progress"}
    assert len(set(answers.values())) == 2, "the moments were all too early, or too late"
