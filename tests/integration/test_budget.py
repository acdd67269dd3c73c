"""A budget for the day before a provider, on a real server, with several taggers under it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from services.tagger.clock import Clock
from services.tagger.errors import BudgetSpentError, RetryableError
from services.tagger.gate import Budget
from services.tagger.providers.provider import Usage
from shared import gates, keys
from shared.redis import script
from shared.spending import DAY_S
from tests.support.gates import ENDPOINT, OneCall, Tagger, taggers
from tests.support.waiting import wait_until

CALL = Usage(prompt_tokens=900, completion_tokens=100)
COST = 1_000_000
"""Of a call, billionths of a dollar."""


async def today(redis: Redis) -> int:
    return int((await redis.time())[0]) // DAY_S


async def held(redis: Redis) -> dict[bytes, float]:
    """Return the calls that the budget has to pay for yet, by the end of their lease, ms."""
    found: Any = await redis.zrange(keys.spending(), 0, -1, withscores=True)
    return dict(found)


async def until_running(*calls: OneCall) -> None:
    await wait_until(lambda: all(call.running for call in calls), what="the calls have their turn")


async def until_waiting(redis: Redis, number: int) -> None:
    async def seen() -> bool:
        return (await gates.state(redis, ENDPOINT)).waiting == number

    await wait_until(seen, what=f"{number} wait")


async def pay(tagger: Tagger, number: int = 1) -> None:
    """Make calls, one after the other."""
    for _ in range(number):
        call = tagger.call()
        await until_running(call)
        await call.end(usage=CALL)


async def test_no_more_calls_are_made_than_the_budget_pays_for(redis_url: str) -> None:
    made = 0
    async with taggers(redis_url, 3, budget=Budget(10 * COST)) as all_three:
        # Given that it is known what a call costs
        await pay(all_three[0])

        async def one(tagger: Tagger, took_s: float) -> None:
            nonlocal made
            call = tagger.call()
            await until_running(call)
            await asyncio.sleep(took_s)
            await call.end(usage=CALL)
            made += 1

        # If many want one at once
        chance = random.Random(7)
        tasks = [
            asyncio.create_task(one(tagger, chance.uniform(0, 0.02)))
            for tagger in all_three
            for _ in range(10)
        ]
        redis = all_three[0].redis
        await until_waiting(redis, 21)
        await wait_until(lambda: made == 9, what="nine more are over")
        state = await gates.state(redis, ENDPOINT)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # I expect the others to wait for the end of the day, and to say so
    assert (state.state, state.waiting, state.in_flight) == ("budget", 21, 0)
    assert 0 < (state.until_ms or 0) <= DAY_S * 1000
    assert state.budget is not None
    assert (state.budget.spent_nanousd, state.budget.is_spent) == (10 * COST, True)


async def test_before_the_first_answer_calls_in_flight_may_exceed_it(redis_url: str) -> None:
    async with taggers(redis_url, 2, max_calls=3, budget=Budget(COST)) as (one, other):
        calls = [one.call(), other.call(), one.call(), other.call()]
        await wait_until(lambda: sum(call.running for call in calls) == 3, what="three go")
        going = [call for call in calls if call.running]
        for call in going:
            await call.end(usage=CALL)

        # What was in flight is the most that it can be overrun by.
        await until_waiting(one.redis, 1)
        assert (await gates.state(one.redis, ENDPOINT)).state == "budget"


async def test_the_next_day_begins_with_the_whole_budget(redis_url: str) -> None:
    async with taggers(redis_url, budget=Budget(2 * COST)) as (tagger,):
        await pay(tagger, 2)
        waiting = tagger.call()
        await until_waiting(tagger.redis, 1)
        assert (await tagger.gate.check()).startswith("budget of the day spent, ")
        # If what was spent was spent yesterday
        day = await today(tagger.redis)
        await tagger.redis.rename(keys.spent(day), keys.spent(day - 1))

        await until_running(waiting)
        assert await tagger.gate.check() == "ok"


async def test_a_day_begins_with_a_call_even_if_those_of_yesterday_were_too_dear(
    redis_url: str,
) -> None:
    async with taggers(redis_url, budget=Budget(COST // 2)) as (tagger,):
        await pay(tagger)
        waiting = [tagger.call(), tagger.call()]
        await until_waiting(tagger.redis, 2)
        day = await today(tagger.redis)
        await tagger.redis.rename(keys.spent(day), keys.spent(day - 1))

        await wait_until(lambda: any(call.running for call in waiting), what="one goes")
        await until_waiting(tagger.redis, 1)
        assert [call.running for call in waiting].count(True) == 1


async def test_a_tagger_with_a_higher_budget_goes_on_at_once(redis_url: str) -> None:
    async with taggers(redis_url, budget=Budget(COST)) as (poor,):
        await pay(poor)
        poor.call()
        await until_waiting(poor.redis, 1)
        await poor.gate.close()
        async with taggers(redis_url, budget=Budget(3 * COST)) as (rich,):
            await pay(rich, 2)

            rich.call()
            await until_waiting(rich.redis, 1)


async def test_where_another_provider_is_asked_nobody_waits(redis_url: str) -> None:
    async with taggers(redis_url, budget=Budget(2 * COST, fallback="local")) as (tagger,):
        await pay(tagger, 2)
        for _ in range(3):
            with pytest.raises(BudgetSpentError):
                async with tagger.gate.turn(Clock(), priority="normal"):
                    pass
        await until_waiting(tagger.redis, 0)
        await tagger.gate._places.renew()

        state = await gates.state(tagger.redis, ENDPOINT)
        assert state.budget is not None
        assert (state.state, state.budget.view()["fallback"]) == ("budget", "local")


async def test_a_call_is_held_against_the_budget_until_its_cost_is_counted(
    redis_url: str,
) -> None:
    async with taggers(redis_url, budget=Budget(2 * COST)) as (tagger,):
        await pay(tagger)
        # Given a call whose place is free again, and that is not counted yet
        call = tagger.call()
        await until_running(call)
        (token,) = await held(tagger.redis)
        leave = script(tagger.redis, "gate_leave")
        await leave(
            keys=tagger.gate._keys(),
            args=[token, "answered", 0, -1, 0, 0, 5, 1000, 60_000, 1],
        )

        waiting = tagger.call()
        await until_waiting(tagger.redis, 1)
        assert not waiting.running
        # If it turns out to have cost nothing
        await call.end(usage=Usage(0, 0))

        await until_running(waiting)


async def test_a_call_that_failed_or_was_cut_off_is_held_against_nothing(redis_url: str) -> None:
    async with taggers(redis_url, budget=Budget(2 * COST)) as (tagger,):
        await pay(tagger)
        for number in range(3):
            call = tagger.call()
            await until_running(call)
            if number == 0:
                with pytest.raises(RetryableError):
                    await call.end(RetryableError("provider_timeout", "…"), usage=Usage(0, 0))
            else:
                await call.cancel()
                await tagger.gate._farewells.all_said()

        assert await held(tagger.redis) == {}


async def test_what_a_killed_tagger_had_under_way_is_held_against_it_for_a_lease(
    redis_url: str,
) -> None:
    async with taggers(redis_url, 2, budget=Budget(2 * COST)) as (killed, other):
        await pay(other)
        call = killed.call()
        await until_running(call)
        await killed.kill()
        waiting = other.call()
        await until_waiting(other.redis, 1)
        assert not waiting.running
        (token,) = await held(other.redis)
        await other.redis.zadd(keys.spending(), {token: 1})

        await until_running(waiting)


async def test_what_is_under_way_is_renewed_with_its_place(redis_url: str) -> None:
    async with taggers(redis_url, budget=Budget(2 * COST)) as (tagger,):
        call = tagger.call()
        await until_running(call)
        (token,) = await held(tagger.redis)
        await tagger.redis.zadd(keys.spending(), {token: 1})
        await tagger.gate._places.renew()

        assert (await held(tagger.redis))[token] > 1
        await call.end(usage=CALL)
        await tagger.gate._places.renew()
        left = REGISTRY.get_sample_value("tagline_budget_remaining_usd", {"provider": "openai"})
        assert left == pytest.approx(0.001)
