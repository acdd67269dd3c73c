"""The gate before a provider that wants no calls, or is down: who tries again, and when."""

from __future__ import annotations

import asyncio

import pytest

from services.tagger.errors import (
    PermanentError,
    RateLimitedError,
    RetryableError,
)
from shared import gates, keys
from shared.errors import UnavailableError
from tests.support.gates import (
    ENDPOINT,
    broken,
    failed,
    lapse,
    move,
    running,
    set_clock_back,
    taggers,
    waiting,
)
from tests.support.waiting import wait_until


async def test_a_pause_of_any_length_is_obeyed_for_an_hour(redis_url: str) -> None:
    async with taggers(redis_url, max_calls=1) as (tagger,):
        call = tagger.call()
        await running(call)
        with pytest.raises(RateLimitedError) as raised:
            await call.end(RateLimitedError("…", retry_after_s=1e306))

        assert raised.value.retry_after_s == pytest.approx(3600, abs=60)
        state = await gates.state(tagger.redis, ENDPOINT)
        assert (state.state, state.in_flight) == ("held", 0)


async def test_a_429_holds_back_everybody_until_its_time(redis_url: str) -> None:
    async with taggers(redis_url, 2) as (one, other):
        call = one.call()
        await running(call)
        with pytest.raises(RateLimitedError) as raised:
            await call.end(RateLimitedError("…", retry_after_s=30))

        assert not raised.value.counts
        assert raised.value.retry_after_s == pytest.approx(30, abs=1)
        held = [one.call(), other.call()]
        await waiting(one.redis, 2)
        state = await gates.state(one.redis, ENDPOINT)
        assert state.state == "held"
        assert 25_000 < (state.until_ms or 0) <= 30_000
        assert (await one.gate.check()).startswith("held back for ")
        # When the time has come
        await move(one.redis, "held_until_ms")
        await running(*held)

        assert await one.gate.check() == "ok"


async def test_a_429_that_names_no_time_is_waited_out_longer_each_time(redis_url: str) -> None:
    async with taggers(redis_url) as (tagger,):
        pauses_ms = []
        for _ in range(3):
            # Given two that are refused together
            both = [tagger.call(), tagger.call()]
            await running(*both)
            for call in both:
                with pytest.raises(RateLimitedError) as raised:
                    await call.end(RateLimitedError("…"))
                assert raised.value.retry_after_s
            pauses_ms.append(await tagger.redis.hget(keys.gate(ENDPOINT), "pause_ms"))
            await move(tagger.redis, "held_until_ms")
        # When one is answered in between
        call = tagger.call()
        await running(call)
        await call.end()
        call = tagger.call()
        await running(call)
        with pytest.raises(RateLimitedError):
            await call.end(RateLimitedError("…"))

        # I expect the doubling to begin anew
        assert pauses_ms == [b"1000", b"2000", b"4000"]
        assert await tagger.redis.hget(keys.gate(ENDPOINT), "pause_ms") == b"1000"


async def test_a_provider_that_is_down_is_tried_by_one_call_at_a_time(redis_url: str) -> None:
    async with taggers(redis_url, 2) as (one, other):
        under_way = other.call()
        await running(under_way)
        await broken(one)
        with pytest.raises(UnavailableError, match="down, "):
            await one.gate.check()
        # Failures of what was under way cost no try
        with pytest.raises(RetryableError) as raised:
            await under_way.end(failed())
        assert not raised.value.counts

        calls = [one.call(), other.call(), one.call(), other.call()]
        await waiting(one.redis, 4)
        assert (await gates.state(one.redis, ENDPOINT)).state == "down"
        assert await one.redis.hget(keys.gate(ENDPOINT), "pause_ms") == b"1000"
        # When the pause is over
        await move(one.redis, "down_until_ms")
        await wait_until(lambda: sum(call.running for call in calls) == 1)
        await asyncio.sleep(0.3)

        # I expect one probe; it fails, and the next one comes later
        (probe,) = (call for call in calls if call.running)
        assert (await gates.state(one.redis, ENDPOINT)).until_ms is None
        with pytest.raises(UnavailableError, match="down, being tried again"):
            await one.gate.check()
        with pytest.raises(RetryableError) as raised:
            await probe.end(failed())
        assert not raised.value.counts
        assert await one.redis.hget(keys.gate(ENDPOINT), "pause_ms") == b"2000"

        # A probe that says nothing, because it is cancelled, is followed by another
        await move(one.redis, "down_until_ms")
        await wait_until(lambda: sum(call.running for call in calls) == 1)
        (probe,) = (call for call in calls if call.running)
        await probe.cancel()
        await wait_until(lambda: sum(call.running for call in calls) == 1)
        # One that succeeds lets all others through
        (probe,) = (call for call in calls if call.running)
        await probe.end()
        (last,) = (call for call in calls if not call.task.done())
        await running(last)
        assert (await gates.state(one.redis, ENDPOINT)).state == "ok"


async def test_another_probe_follows_one_whose_tagger_died(redis_url: str) -> None:
    async with taggers(redis_url, 2) as (one, other):
        await broken(one)
        probe = one.call()
        await waiting(one.redis, 1)
        await move(one.redis, "down_until_ms")
        await running(probe)
        call = other.call()
        await waiting(one.redis, 1)
        await one.kill()
        assert not call.running
        await lapse(one)

        await running(call)


async def test_what_is_wrong_with_a_photo_says_nothing_against_the_provider(
    redis_url: str,
) -> None:
    async with taggers(redis_url) as (tagger,):
        for _ in range(6):
            call = tagger.call()
            await running(call)
            with pytest.raises(PermanentError):
                await call.end(PermanentError("provider_rejected", "…"))

        assert (await gates.state(tagger.redis, ENDPOINT)).state == "ok"


async def test_a_pause_is_over_when_the_server_s_clock_was_set_back(redis_url: str) -> None:
    async with taggers(redis_url) as (tagger,):
        call = tagger.call()
        await running(call)
        with pytest.raises(RateLimitedError):
            await call.end(RateLimitedError("…", retry_after_s=600))
        assert (await gates.state(tagger.redis, ENDPOINT)).state == "held"

        await set_clock_back(tagger.redis)

        assert (await gates.state(tagger.redis, ENDPOINT)).state == "ok"
        await running(tagger.call())


async def test_a_pause_that_is_over_is_not_believed_anew_when_the_provider_goes_down(
    redis_url: str,
) -> None:
    async with taggers(redis_url) as (tagger,):
        call = tagger.call()
        await running(call)
        with pytest.raises(RateLimitedError):
            await call.end(RateLimitedError("…", retry_after_s=600))
        await set_clock_back(tagger.redis)
        await broken(tagger)

        assert (await gates.state(tagger.redis, ENDPOINT)).state == "down"


async def test_a_provider_that_was_down_is_tried_when_the_server_s_clock_was_set_back(
    redis_url: str,
) -> None:
    async with taggers(redis_url) as (tagger,):
        await broken(tagger)
        await set_clock_back(tagger.redis)

        probe = tagger.call()
        await running(probe)
        await probe.end()
        assert (await gates.state(tagger.redis, ENDPOINT)).state == "ok"
