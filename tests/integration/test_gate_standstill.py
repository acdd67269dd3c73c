"""The gate before a provider, when somebody stands still for longer than a lease, or is dead."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from services.tagger.line import Asked
from shared import keys
from tests.support.gates import (
    ENDPOINT,
    lapse,
    leases,
    running,
    set_clock_back,
    stand_still,
    taggers,
    waiting,
)
from tests.support.waiting import wait_until

LEASE_MS = 60_000


async def asked_again(redis: Redis) -> None:
    async def heard_ms() -> int:
        return int(await redis.hget(keys.gate(ENDPOINT), "heard_ms") or 0)

    before_ms = await heard_ms()

    async def later() -> bool:
        return await heard_ms() > before_ms

    for _ in range(2):  # the first may have been under way
        await wait_until(later, what="somebody has asked")
        before_ms = await heard_ms()


async def test_a_server_that_stood_still_costs_no_call_its_place(redis_url: str) -> None:
    async with taggers(redis_url, 2, max_calls=1, lease_ms=LEASE_MS) as (one, other):
        call = one.call()
        await running(call)
        next_one = other.call()
        await waiting(one.redis, 1)
        # Given a server that stood still for a lease, and the one that waits comes first
        await stand_still(one.redis, LEASE_MS)
        await asked_again(one.redis)
        assert not next_one.running
        # I expect the one that calls to keep its place
        await one.gate._places.renew()
        server_s, _ = await one.redis.time()
        assert all(end > server_s * 1000 for end in (await leases(one.redis)).values())
        assert call.running
        await call.end()
        await running(next_one)


async def test_a_dead_tagger_is_not_spared_for_ever(redis_url: str) -> None:
    async with taggers(redis_url, 2, max_calls=1, lease_ms=LEASE_MS) as (dead, other):
        await running(dead.call())
        next_one = other.call()
        await waiting(other.redis, 1)
        await dead.kill()
        await stand_still(other.redis, LEASE_MS)
        await asked_again(other.redis)
        assert not next_one.running
        # When those who live had the time to renew
        await other.redis.hset(keys.gate(ENDPOINT), "spares_until_ms", 1)

        await running(next_one)


async def test_a_tagger_that_stood_still_with_its_turn_asks_again(redis_url: str) -> None:
    async with taggers(redis_url, 2, max_calls=1, lease_ms=2_000) as (stopped, other):
        ask = stopped.gate._line._ask

        async def stand(places: dict[str, int]) -> Asked:
            answer = await ask(places)
            if answer.given and not other.calls:
                # Given a place that lapses meanwhile, and goes to another
                await running(other.call())
            return answer

        stopped.gate._line._ask = stand
        call = stopped.call()
        await wait_until(lambda: any(each.running for each in other.calls))
        # I expect it to wait for the next turn
        await waiting(other.redis, 1)
        assert not call.running
        (next_one,) = other.calls
        await next_one.end()
        await running(call)
        await call.end()


async def test_a_dead_tagger_s_place_is_free_though_the_server_s_clock_was_set_back(
    redis_url: str,
) -> None:
    async with taggers(redis_url, 2, max_calls=1, lease_ms=LEASE_MS) as (dead, other):
        await running(dead.call())
        await dead.kill()
        await set_clock_back(other.redis)
        next_one = other.call()
        await waiting(other.redis, 1)
        await asked_again(other.redis)

        server_s, _ = await other.redis.time()
        (ends_ms,) = (await leases(other.redis)).values()
        assert ends_ms <= (server_s + 1) * 1000 + LEASE_MS
        await lapse(dead)
        await running(next_one)


async def test_nothing_of_a_dead_tagger_stays_at_its_gate_for_ever(redis_url: str) -> None:
    async with taggers(redis_url, max_calls=1) as (tagger,):
        await running(tagger.call())
        tagger.call()
        await waiting(tagger.redis, 1)
        await tagger.gate._places.renew()
        await tagger.kill()

        found: Any = await tagger.redis.keys(keys.gate(ENDPOINT) + "*")
        left_ms = {key: await tagger.redis.pttl(key) for key in found}
        assert len(left_ms) == 4
        assert min(left_ms.values()) > 0
