"""Several taggers before one provider: its limits, its refusals, and what is paid twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.support.clients import get, upload
from tests.support.openai_server import OpenAIServer, Reply, api_error, unlucky
from tests.support.openai_stack import photo, running, until_complete, uploaded
from tests.support.waiting import wait_until

FULL = "TAGLINE_TEST_PROVIDER_FULL" in os.environ
"""`make chaos` sets it: many more kills and photos, and the pauses of real life."""

LATE_S = 0.5
"""What was sent before a refusal was known may come so long after it."""


def called_for(openai: OpenAIServer, photos: int) -> bool:
    return len(openai.calls) >= photos


async def test_four_calls_in_flight_over_three_taggers_whoever_is_killed(
    redis_url: str, tmp_path: Path
) -> None:
    kills = 12 if FULL else 2
    # Leases as short as can be; in the full form, those of real life.
    settings = {} if FULL else {"TAGLINE_CLAIM_AFTER_MS": "1500"}
    chance = random.Random(4)
    async with OpenAIServer(delay_s=0.4) as openai:
        with running(
            redis_url, tmp_path, openai, 3, TAGLINE_MAX_CALLS="4", TAGLINE_THREADS="4", **settings
        ) as (gateway, taggers):
            over = asyncio.Event()

            async def keep_uploading() -> None:
                number = 0
                while not over.is_set():
                    await upload(gateway.url, photo(number))
                    number += 1
                    await wait_until(
                        partial(called_for, openai, number - 40),
                        timeout_s=60,
                        what="all but 40 have been called for",
                    )

            uploading = asyncio.create_task(keep_uploading())
            await wait_until(lambda: openai.in_flight == 4, timeout_s=20, what="four in flight")
            for _ in range(kills):
                victim = chance.choice(taggers)
                victim.kill()
                victim.start()
                await asyncio.sleep(0.1)  # at least, to have calls made and cut off meanwhile
                await wait_until(
                    lambda: openai.in_flight == 4, timeout_s=20, what="four in flight again"
                )
                await asyncio.sleep(chance.uniform(0, 0.5))
            over.set()
            await uploading

    assert openai.most_in_flight == 4


async def test_refusals_are_obeyed_and_failures_mended(redis_url: str, tmp_path: Path) -> None:
    photos, retry_after_s = (300, 2.0) if FULL else (16, 1.0)
    async with OpenAIServer(delay_s=0.02) as openai:
        openai.rule = unlucky(5, retry_after_s=retry_after_s)
        with running(redis_url, tmp_path, openai, 2, TAGLINE_MAX_ATTEMPTS="12") as (gateway, _):
            ids = await uploaded(gateway, [photo(number) for number in range(photos)])
            await until_complete(gateway, ids, timeout_s=1200 if FULL else 60)

    assert len(openai.calls) <= 2.5 * photos
    statuses = Counter(call.status for call in openai.calls)
    assert statuses[200] == photos
    refused_s = [call.answered_s for call in openai.calls if call.status == 429]
    too_early = [
        call.came_s
        for call in openai.calls
        for refused in refused_s
        if refused and refused + LATE_S < call.came_s < refused + retry_after_s
    ]
    assert too_early == []


async def test_the_same_photos_twice_are_paid_once(redis_url: str, tmp_path: Path) -> None:
    number = 100 if FULL else 20
    photos = [photo(each) for each in range(number)]
    async with OpenAIServer(delay_s=0.1) as openai:
        with running(redis_url, tmp_path, openai, 2) as (gateway, _):
            # At the same moment
            ids = await uploaded(gateway, [each for each in photos for _ in range(2)])
            await until_complete(gateway, ids, timeout_s=60)
            assert len(openai.calls) == number
            # And later
            ids = await uploaded(gateway, photos)
            await until_complete(gateway, ids, timeout_s=60)

    assert Counter(call.photo for call in openai.calls).most_common(1)[0][1] == 1
    assert len(openai.calls) == number


async def test_while_the_provider_is_down_photos_wait_and_readiness_says_so(
    redis_url: str, tmp_path: Path
) -> None:
    async with OpenAIServer() as openai:
        openai.rule = lambda: api_error(503)
        # The failures that open the breaker may all be one photo's.
        settings = {"TAGLINE_MAX_ATTEMPTS": "6"}
        with running(redis_url, tmp_path, openai, 1, **settings) as (gateway, (tagger,)):
            ids = await uploaded(gateway, [photo(number) for number in range(10)])
            said: dict[str, Any] = {}

            async def down() -> bool:
                nonlocal said
                async with (
                    aiohttp.ClientSession() as session,
                    session.get(f"{tagger.url}/readyz") as response,
                ):
                    said = orjson.loads(await response.read())
                    return response.status == 503

            await wait_until(down, timeout_s=20, what="the tagger is not ready")
            assert said["checks"]["provider"].startswith("down, ")
            # Those that were under way have come by now, and from here on one at a time tries.
            await wait_until(lambda: openai.in_flight == 0, what="no call is under way")
            openai.delay_s, openai.most_in_flight, before = 0.2, 0, len(openai.calls)
            await wait_until(lambda: len(openai.calls) >= before + 2, what="two calls have tried")
            assert openai.most_in_flight == 1
            openai.delay_s = 0
            openai.rule = Reply
            await until_complete(gateway, ids, timeout_s=30)
            tagger.wait_ready()


async def test_photos_that_wait_for_a_stopping_tagger_s_turn_go_to_others_at_once(
    redis_url: str, tmp_path: Path
) -> None:
    async with OpenAIServer(delay_s=60) as openai:
        # Given a tagger with one call under way, and photos that wait for theirs
        settings = {"TAGLINE_MAX_CALLS": "1", "TAGLINE_GRACE_S": "60"}
        with running(redis_url, tmp_path, openai, 1, **settings) as (gateway, (tagger,)):
            ids = await uploaded(gateway, [photo(number) for number in range(4)])
            stages = [f"{gateway.url}/api/photos/{photo_id}" for photo_id in ids]

            async def all_at_the_gate() -> bool:
                found = [(await get(url))[1]["stage"] for url in stages]
                return found == ["ai"] * 4 and openai.in_flight == 1

            await wait_until(all_at_the_gate, timeout_s=30, what="all photos have come to the gate")

            # If it is told to stop
            os.kill(tagger.pid, signal.SIGTERM)

            # I expect the others back in the queue while it still waits for the call's end
            async def given_back() -> bool:
                (queue,) = (await get(f"{gateway.url}/api/queues"))[1]["items"]
                return bool(queue["waiting"]["front"] == 3 and queue["active"] == 1)

            await wait_until(given_back, timeout_s=20, what="three photos are given back")
            assert tagger.returncode is None
            jobs = (await get(f"{gateway.url}/api/jobs"))[1]["items"]
            assert [job["attempt"] for job in jobs] == [1, 1, 1, 1]
