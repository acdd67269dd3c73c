"""The gate before a provider, on a real server, with several taggers at it."""

from __future__ import annotations

import asyncio
import random

import pytest

from services.tagger.clock import Clock
from services.tagger.errors import (
    PlaceLostError,
)
from services.tagger.providers.provider import Usage
from shared import gates, keys
from shared.errors import UnavailableError
from shared.redis import script
from tests.support.gates import (
    ENDPOINT,
    Tagger,
    age,
    lapse,
    leases,
    running,
    set_clock_back,
    taggers,
    waiting,
)
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until


async def test_never_more_calls_than_the_limit_over_all_taggers(redis_url: str) -> None:
    most = done = 0
    async with taggers(redis_url, 3, max_calls=4) as all_three:

        async def one(tagger: Tagger, took_s: float) -> None:
            nonlocal most, done
            async with tagger.gate.turn(Clock(), priority="normal"):
                flying.add(task := asyncio.current_task())
                most = max(most, len(flying))
                await asyncio.sleep(took_s)
                flying.discard(task)
                done += 1

        flying: set[asyncio.Task[None] | None] = set()
        chance = random.Random(1)
        await asyncio.gather(
            *(one(tagger, chance.uniform(0, 0.02)) for tagger in all_three for _ in range(20))
        )

    assert done == 60
    assert most == 4


async def test_first_come_first_served_and_high_priorities_first(redis_url: str) -> None:
    async with taggers(redis_url, 2, max_calls=1) as (one, other):
        holder = one.call()
        await running(holder)
        low = one.call("low")
        await waiting(one.redis, 1)
        first = other.call()
        await waiting(one.redis, 2)
        second = one.call()
        await waiting(one.redis, 3)
        high = other.call("high")
        await waiting(one.redis, 4)
        for previous, call in [(holder, high), (high, first), (first, second), (second, low)]:
            await previous.end()
            await running(call)

            state = await gates.state(one.redis, ENDPOINT)
            assert (state.state, state.in_flight, state.limit) == ("ok", 1, 1)


async def test_killed_taggers_give_their_places_back_and_the_limit_holds(redis_url: str) -> None:
    chance = random.Random(2)
    async with taggers(redis_url, 6, max_calls=4) as opened:
        living = list(opened)
        for number in range(5):
            for tagger in living:
                tagger.call()
            # One after the other, so that each has some that run and some that wait.
            await waiting(opened[0].redis, number * 6 + 2)

        def flying() -> int:
            return sum(call.running for tagger in opened for call in tagger.calls)

        await wait_until(lambda: flying() == 4, what="four calls")
        for _ in range(5):
            victim = chance.choice(living)
            living.remove(victim)
            lost = sum(call.running for call in victim.calls)
            await victim.kill()
            assert flying() == 4 - lost
            await lapse(victim)

            async def again() -> bool:
                assert flying() <= 4
                return flying() == 4

            await wait_until(again, what="four calls again, and never more")


async def test_the_lease_of_a_call_is_renewed_while_it_goes_on(redis_url: str) -> None:
    async with taggers(redis_url, lease_ms=400) as (tagger,):
        call = tagger.call()
        await running(call)
        begun = await leases(tagger.redis)

        async def renewed() -> bool:
            return all(end > begun[token] for token, end in (await leases(tagger.redis)).items())

        await wait_until(renewed)
        await call.end()


async def test_a_call_whose_place_went_to_another_is_cut_off(redis_url: str) -> None:
    async with taggers(redis_url, 2, max_calls=1) as (stopped, other):
        call = stopped.call()
        await running(call)
        next_one = other.call()
        # Given a tagger that was stopped for longer than its lease
        await lapse(stopped)
        await running(next_one)
        # When it goes on
        await stopped.gate._places.renew()
        with pytest.raises(PlaceLostError) as raised:
            await call.task

        assert not raised.value.counts
        assert next_one.running


async def test_a_lease_that_nobody_else_wanted_is_renewed(redis_url: str) -> None:
    async with taggers(redis_url, max_calls=1) as (tagger,):
        call = tagger.call()
        await running(call)
        await lapse(tagger)
        await tagger.gate._places.renew()

        assert (await gates.state(tagger.redis, ENDPOINT)).in_flight == 1
        await call.end()


async def test_a_minute_is_over_when_the_server_s_clock_was_set_back(redis_url: str) -> None:
    async with taggers(redis_url, requests_per_minute=1) as (tagger,):
        await running(tagger.call())
        await set_clock_back(tagger.redis)

        await running(tagger.call())


async def test_requests_of_a_minute_are_limited(redis_url: str) -> None:
    async with taggers(redis_url, 2, requests_per_minute=3) as (one, other):
        calls = [one.call(), other.call(), one.call()]
        await running(*calls)
        for call in calls:
            await call.end()
        fourth = other.call()
        await waiting(one.redis, 1)
        assert not fourth.running
        # When the first is a minute ago
        await age(one.redis)
        await running(fourth)
        fifth = one.call()
        await waiting(one.redis, 1)

        assert not fifth.running


async def test_tokens_of_a_minute_are_limited_by_what_calls_used(redis_url: str) -> None:
    async with taggers(redis_url, tokens_per_minute=200) as (tagger,):
        for _ in range(2):
            call = tagger.call()
            await running(call)
            await call.end(usage=Usage(prompt_tokens=100, completion_tokens=20))
        third = tagger.call()
        await waiting(tagger.redis, 1)
        assert not third.running
        await age(tagger.redis)

        await running(third)


async def test_one_that_is_cancelled_leaves_the_line_or_its_place(redis_url: str) -> None:
    async with taggers(redis_url, 2, max_calls=1) as (one, other):
        call, gives_up, next_one = one.call(), other.call(), one.call()
        await waiting(one.redis, 2)
        await gives_up.cancel()
        await waiting(one.redis, 1)
        holder, waiter = (call, next_one) if call.running else (next_one, call)
        await holder.cancel()

        await running(waiter)


async def test_a_tagger_that_stops_gives_back_what_it_has(redis_url: str) -> None:
    async with taggers(redis_url, 2, max_calls=1) as (stopping, other):
        call = stopping.call()
        await running(call)
        stopping.call()
        await waiting(other.redis, 1)
        last = other.call()
        await waiting(other.redis, 2)
        await stopping.gate.close()

        await running(last)


async def test_a_question_or_an_answer_sent_twice_changes_nothing(redis_url: str) -> None:
    async with taggers(redis_url, max_calls=1, requests_per_minute=9) as (tagger,):
        enter, leave = script(tagger.redis, "gate_enter"), script(tagger.redis, "gate_leave")
        names, gate = tagger.gate._keys(), keys.gate(ENDPOINT)

        async def end(token: str, outcome: str, retry_after_ms: int = -1) -> object:
            return await leave(
                keys=names,
                args=[token, outcome, 0, retry_after_ms, 50, 100, 5, 1000, 60_000, 1],
            )

        limits: list[str | int] = [1, 9, 100, 9000, 5000, keys.SHARD, 0]
        entered = [await enter(keys=names, args=[*limits, "a", 1, "b", 1]) for _ in "12"]
        assert [given for _, _, *given in entered] == [[b"a"], [b"a"]]
        assert await tagger.redis.hget(gate, "requests") == b"1"
        for _ in range(2):
            await end("a", "failed")
        assert await tagger.redis.hget(gate, "failures") == b"1"
        assert await tagger.redis.hget(gate, "tokens") == b"50"
        await enter(keys=names, args=[*limits, "b", 1])
        await end("b", "limited", 7000)
        held_until = await tagger.redis.hget(gate, "held_until_ms")
        await end("b", "limited", 9000)
        assert await tagger.redis.hget(gate, "held_until_ms") == held_until


async def test_redis_away_is_said_to_all_who_wait() -> None:
    with temporary_server() as server:
        async with taggers(server.url, max_calls=1) as (tagger,):
            holder = tagger.call()
            await running(holder)
            waiters = [tagger.call(), tagger.call()]
            await waiting(tagger.redis, 2)
            server.kill()
            for waiter in waiters:
                with pytest.raises(UnavailableError):
                    await waiter.task
            server.start()
            await holder.end()


async def test_gates_are_listed_while_a_tagger_is_heard_of(redis_url: str) -> None:
    async with taggers(redis_url, max_calls=2) as (tagger,):
        call = tagger.call()
        await running(call)

        async def listed() -> bool:
            return bool(await gates.states(tagger.redis))

        await wait_until(listed)
        (state,) = await gates.states(tagger.redis)
        assert state.view() == {
            "provider": "openai",
            "state": "ok",
            "untilMs": None,
            "inFlight": 1,
            "limit": 2,
            "waiting": 0,
        }
        await tagger.redis.zincrby(keys.gates(), -61_000, ENDPOINT)
        assert await gates.states(tagger.redis) == []
