"""The cache of recognitions, on a real server, as several taggers use it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from pydantic import TypeAdapter
from redis.asyncio import Redis

from services.tagger.cache import KEPT_LEASES, Cache, digest_of, digest_of_question
from services.tagger.clock import Clock
from services.tagger.errors import BusyError, PermanentError, RetryableError
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.provider import FoundTag, Question, Recognition
from shared import keys
from shared.redis import closing, connect
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

CAT = Recognition((FoundTag({"fr": "chat", "en": "cat"}, 0.9), FoundTag({"fr": "x"}, None)), "…")
LEASE_MS = 3_000
DOG = Recognition((FoundTag({"fr": "chien"}, 0.5),))


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with closing(connect(redis_url)) as client:
        yield client


@asynccontextmanager
async def caches(
    client: Redis, number: int = 2, *, lease_ms: int = 15_000, ttl_s: int = 100
) -> AsyncIterator[list[Cache]]:
    async with AsyncExitStack() as opened:
        made = []
        for _ in range(number):
            cache = Cache(client, ttl_s=ttl_s, lease_ms=lease_ms)
            await cache.start()
            opened.push_async_callback(cache.close)
            made.append(cache)
        yield made


class Maker:
    """Counts how often it is asked; answers when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: asyncio.Future[Recognition] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> Recognition:
        self.asked += 1
        return await asyncio.shield(self.answer)


async def at_once() -> Recognition:
    return CAT


async def never() -> Recognition:
    raise AssertionError("asked again")


def asking(
    cache: Cache,
    make: Callable[[], Awaitable[Recognition]],
    *,
    fresh: bool = False,
    job_id: str = "",
) -> asyncio.Task[tuple[Recognition, bool]]:
    return asyncio.create_task(
        cache.recognition("d", make, clock=Clock(), fresh=fresh, job_id=job_id)
    )


async def test_what_one_tagger_has_paid_for_all_know(client: Redis) -> None:
    async with caches(client) as (one, other):
        assert await asking(one, at_once) == (CAT, False)
        assert await asking(other, never) == (CAT, True)
        assert await asking(one, never) == (CAT, True)
        assert 0 < await client.ttl(keys.recognition("d")) <= 100
        assert not await client.exists(keys.recognizing("d"))


async def test_of_many_at_the_same_moment_one_asks(client: Redis) -> None:
    async with caches(client) as both:
        make = Maker()
        tasks = [asking(cache, make) for cache in both for _ in range(10)]
        await wait_until(lambda: make.asked == 1)
        make.answer.set_result(CAT)
        found = await asyncio.gather(*tasks)

        assert make.asked == 1
        assert sorted(kept for _, kept in found) == [False, *[True] * 19]


async def test_the_clock_stands_still_while_another_asks(client: Redis) -> None:
    async with caches(client) as (one, other):
        make, clock = Maker(), Clock()
        first = asking(one, make)
        await wait_until(lambda: make.asked == 1)

        async def within_a_moment() -> tuple[Recognition, bool]:
            async with clock.limit(0.2):
                return await other.recognition("d", never, clock=clock)

        second = asyncio.create_task(within_a_moment())
        await asyncio.sleep(0.4)
        make.answer.set_result(CAT)

        assert await second == (CAT, True)
        assert await first == (CAT, False)
        assert clock.stood_s >= 0.3


@pytest.mark.parametrize(
    "error", [PermanentError("provider_rejected", "…"), RetryableError("provider_timeout", "…")]
)
async def test_a_failure_is_kept_by_nobody_and_another_tries(
    client: Redis, error: Exception
) -> None:
    async with caches(client) as (one, other):
        make = Maker()
        first = asking(one, make)
        await wait_until(lambda: make.asked == 1)
        second = asking(other, at_once)
        make.answer.set_exception(error)
        with pytest.raises(type(error)):
            await first

        assert await second == (CAT, False)


async def test_one_that_is_cancelled_leaves_it_to_another(client: Redis) -> None:
    async with caches(client) as (one, other):
        make = Maker()
        first = asking(one, make)
        await wait_until(lambda: make.asked == 1)
        second = asking(other, at_once)
        first.cancel()

        assert await second == (CAT, False)


async def test_an_answer_is_kept_though_the_attempt_is_cancelled_as_it_comes(
    client: Redis,
) -> None:
    async def cancelled_meanwhile() -> Recognition:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return CAT

    async with caches(client) as (one, other):
        with pytest.raises(asyncio.CancelledError):
            await asking(one, cancelled_meanwhile)

        assert await asking(other, never) == (CAT, True)


async def test_who_has_waited_long_for_anothers_answer_waits_in_the_queue(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.tagger.cache.WAIT_MOST_S", 0.1)
    async with caches(client) as (one, other):
        make = Maker()
        first = asking(one, make)
        await wait_until(lambda: make.asked == 1)
        with pytest.raises(BusyError) as raised:
            await asking(other, never)

        assert (raised.value.code, raised.value.counts) == ("provider_busy", False)
        make.answer.set_result(CAT)
        assert await first == (CAT, False)


async def test_one_whose_tagger_died_leaves_it_to_another(client: Redis) -> None:
    async with caches(client, lease_ms=600) as (one, other):
        make = Maker()
        first = asking(one, make)
        await wait_until(lambda: make.asked == 1)
        second = asking(other, at_once)
        assert one._keeping is not None
        one._keeping.cancel()

        assert await second == (CAT, False)
        first.cancel()


async def test_the_next_attempt_of_a_job_does_not_wait_for_the_one_before(client: Redis) -> None:
    async with caches(client, lease_ms=60_000) as (dead, other):
        make = Maker()
        first = asking(dead, make, job_id="j")
        await wait_until(lambda: make.asked == 1)

        assert await asking(other, at_once, job_id="j") == (CAT, False)
        first.cancel()


async def test_nobody_pays_twice_because_the_server_stood_still() -> None:
    with temporary_server() as server:
        async with (
            closing(connect(server.url)) as client,
            closing(connect(server.url)) as another,
            caches(client, 1, lease_ms=LEASE_MS) as (one,),
            caches(another, 1, lease_ms=LEASE_MS) as (other,),
        ):
            make = Maker()
            first = asking(one, make)
            await wait_until(lambda: make.asked == 1)
            heard: list[Any] = []
            ask = other._ask

            async def noted(**question: Any) -> Any:
                heard.append(await ask(**question))
                return heard[-1]

            other._ask = noted  # type: ignore[assignment]
            second = asking(other, make)
            await wait_until(lambda: heard)
            # Given a server that stands still for a lease, while one makes it and another waits
            assert server.pid is not None
            os.kill(server.pid, signal.SIGSTOP)
            try:
                until_s = time.monotonic() + 1.2 * LEASE_MS / 1000
                await wait_until(lambda: time.monotonic() > until_s)
            finally:
                os.kill(server.pid, signal.SIGCONT)
            # When both are heard of again
            heard.clear()
            await wait_until(lambda: [b"wait", 1] in heard)

            assert make.asked == 1
            make.answer.set_result(CAT)
            assert await first == (CAT, False)
            assert await second == (CAT, True)


async def test_one_that_takes_long_is_not_taken_for_dead(client: Redis) -> None:
    async with caches(client, 1, lease_ms=400) as (cache,):
        make = Maker()
        first = asking(cache, make)
        await wait_until(lambda: make.asked == 1)
        await client.pexpire(keys.recognizing("d"), 60_000)

        async def renewed() -> bool:
            return bool(await client.pttl(keys.recognizing("d")) <= 400 * KEPT_LEASES)

        await wait_until(renewed)
        make.answer.set_result(CAT)
        assert await first == (CAT, False)


async def test_a_fresh_answer_takes_the_place_of_the_old_one(client: Redis) -> None:
    async with caches(client) as (one, other):
        await asking(one, at_once)
        make = Maker()
        make.answer.set_result(DOG)

        assert await asking(other, make, fresh=True) == (DOG, False)
        assert await asking(one, never) == (DOG, True)


async def test_what_has_been_read_is_not_asked_for(client: Redis) -> None:
    known = TypeAdapter(Recognition).dump_json(CAT)
    async with caches(client) as (one, other):
        read = await one.recognition("d", never, clock=Clock(), known=known)
        anew = await other.recognition("d", at_once, clock=Clock(), fresh=True, known=known)

    assert read == (CAT, True)
    assert anew == (CAT, False)


async def test_nothing_is_kept_where_the_cache_is_off(client: Redis) -> None:
    async with caches(client, ttl_s=0) as (one, other):
        assert await asking(one, at_once) == (CAT, False)
        assert await asking(other, at_once) == (CAT, False)
        assert await one.recognition("d", at_once, clock=Clock(), known=b"{}") == (CAT, False)
        assert await client.keys() == []


def test_what_decides_on_the_answer_decides_on_where_it_is_kept() -> None:
    def provider(model: str = "m", base_url: str | None = None) -> OpenAIProvider:
        return OpenAIProvider(api_key="k", base_url=base_url, model=model)

    def digest(photo: str, provider: OpenAIProvider, locale: str) -> str:
        return digest_of(photo, digest_of_question(provider, Question(locale)))

    digests = {
        digest("a", provider(), "fr"),
        digest("b", provider(), "fr"),
        digest("a", provider(), "en"),
        digest("a", provider("n"), "fr"),
        digest("a", provider(base_url="http://127.0.0.1"), "fr"),
    }

    assert len(digests) == 5
    assert digest("a", provider(), "fr") in digests
