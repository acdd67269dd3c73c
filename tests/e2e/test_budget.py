"""A budget for the day, under real processes: what is paid for, and what becomes of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis

from shared import keys
from shared.redis import closing, connect
from shared.spending import DAY_S
from tests.support.api import new_socket_id
from tests.support.clients import get
from tests.support.openai_server import OpenAIServer
from tests.support.openai_stack import photo, running, uploaded
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until

COST_USD = 0.000_027
"""What the stand-in's answers cost at the price of the default model."""

USED = {"promptTokens": 100, "completionTokens": 20, "costUsd": COST_USD}


async def messages(redis: Redis, socket_id: str) -> Counter[str]:
    """What a socket was told, without the photos' places."""
    lane: Any = await redis.xrange(keys.lane(int(socket_id.partition("-")[0])))
    told = [
        orjson.loads(fields[b"data"])["message"]
        for _, fields in lane
        if fields[b"socket"] == socket_id.encode()
    ]
    return Counter(message.rpartition(" : ")[2] for message in told)


async def completed(gateway: ServiceProcess, ids: list[int], number: int) -> list[dict[str, Any]]:
    """Wait until `number` photos are complete; returns all of them."""
    found: list[dict[str, Any]] = []

    async def seen() -> bool:
        found[:] = [(await get(f"{gateway.url}/api/photos/{photo_id}"))[1] for photo_id in ids]
        assert {each["error"] for each in found} == {None}
        return [each["status"] for each in found].count("complete") == number

    await wait_until(seen, timeout_s=120, what=f"{number} photos are complete")
    return found


@contextmanager
def restarted(tagger: ServiceProcess, **settings: str) -> Iterator[ServiceProcess]:
    """A tagger in place of another, whose settings it has but for some."""
    tagger.terminate()
    with ServiceProcess("tagger", {**tagger.environment, **settings}) as another:
        another.wait_ready(timeout_s=120)
        yield another


async def test_a_budget_pays_for_some_photos_and_the_rest_waits_or_is_tagged_by_the_local_model(
    redis_url: str, tmp_path: Path
) -> None:
    socket_id = new_socket_id()
    settings = {
        "TAGLINE_THREADS": "2",
        "TAGLINE_DAILY_BUDGET_USD": f"{4 * COST_USD:f}",
        "TAGLINE_CACHE_DIR": str(tmp_path / "cache"),
    }
    async with OpenAIServer() as openai, closing(connect(redis_url)) as redis:
        with running(redis_url, tmp_path, openai, 1, **settings) as (gateway, (tagger,)):
            # Given one photo by which it is known what one costs
            ids = await uploaded(gateway, [photo(0)])
            await completed(gateway, ids, 1)

            # If there come more than the budget pays for
            more = [photo(number) for number in range(1, 10)]
            ids += await uploaded(gateway, more, X_Socket_Id=socket_id)

            async def told() -> bool:
                heard = await messages(redis, socket_id)
                at_the_gate = heard["Budget du jour épuisé, la photo attend..."]
                return at_the_gate == 2 and heard["budget du jour épuisé"] >= 4

            await wait_until(told, timeout_s=120, what="those who wait are told why")
            found = await completed(gateway, ids, 4)
            stats = (await get(f"{gateway.url}/api/stats"))[1]
            ready = (await get(f"{tagger.url}/readyz"))[1]

            # I expect just those paid for, and that nothing is wrong
            assert len(openai.calls) == 4
            assert [each["usage"] for each in found if not each["processing"]] == [USED] * 4
            assert ready["checks"]["provider"].startswith("budget of the day spent, ")
            assert stats["providers"][0]["state"] == "budget"
            assert stats["cost"]["budget"]["spent"] is True
            assert (stats["cost"]["today"]["calls"], stats["cost"]["today"]["photos"]) == (4, 4)
            assert (stats["failures"], stats["retries"]) == ({}, 0)

            # If it is raised
            raised = {"TAGLINE_DAILY_BUDGET_USD": f"{6 * COST_USD:f}"}
            with restarted(tagger, **raised) as richer:
                # I expect as many more
                await completed(gateway, ids, 6)
                assert len(openai.calls) == 6

                # If others may be asked meanwhile
                with restarted(richer, TAGLINE_BUDGET_FALLBACK="local"):
                    # I expect the local model to do the rest
                    found = await completed(gateway, ids, 10)
                    assert Counter(each["provider"] for each in found) == {"openai": 6, "local": 4}
                    free = [each["usage"] for each in found if each["provider"] == "local"]
                    assert free == [None] * 4

                    # and not what comes the next day
                    day = (await redis.time())[0] // DAY_S
                    await redis.rename(keys.spent(day), keys.spent(day - 1))
                    ids = await uploaded(gateway, [photo(10)])
                    assert (await completed(gateway, ids, 1))[0]["provider"] == "openai"
                    cost = (await get(f"{gateway.url}/api/stats"))[1]["cost"]

    assert len(openai.calls) == 7
    assert cost["total"]["usd"] == 7 * 27_000 / 1e9
    assert [each["usd"] for each in cost["last30Days"]][-2:] == [6 * 27_000 / 1e9, 27_000 / 1e9]
    assert (cost["total"]["photos"], cost["budget"]["fallback"]) == (11, "local")
