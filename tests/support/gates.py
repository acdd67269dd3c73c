"""Gates over one server, as if each were in a tagger of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from services.tagger.accounts import Accounts
from services.tagger.clock import Clock
from services.tagger.errors import RetryableError
from services.tagger.gate import NO_BUDGET, Budget, Limits
from services.tagger.providers.provider import Call, Price, Provider, Usage
from services.tagger.shared_gate import SharedGate
from shared import gates, keys
from shared.record import Record
from shared.redis import closing, connect
from tests.support.waiting import wait_until

ENDPOINT = "e"

PROVIDER = cast(
    "Provider",
    SimpleNamespace(name="openai", model="m", endpoint=ENDPOINT, price=Price(1, 1)),
)
"""A token costs a thousand billionths of a dollar."""

RECORD = Record({"id": "1", "job_id": "j", "attempt": "1", "owner": ""})


class Tagger:
    """A gate, and the calls made through it."""

    def __init__(self, redis: Redis, limits: Limits, lease_ms: int, budget: Budget) -> None:
        self.redis = redis
        self.gate = SharedGate(
            redis,
            provider=PROVIDER.name,
            endpoint=ENDPOINT,
            limits=limits,
            lease_ms=lease_ms,
            budget=budget,
        )
        self.accounts = Accounts(redis)
        self.calls: list[OneCall] = []

    def call(self, priority: str = "normal") -> OneCall:
        """Begin a call; it waits for its turn, and then goes on until it is told how it ends."""
        call = OneCall(self, priority)
        self.calls.append(call)
        return call

    async def kill(self) -> None:
        """End as a crash would: nothing is renewed, nobody leaves."""

        async def nothing(*_: object, **__: object) -> Any:
            return [0, 0]

        self.gate._leave_script = nothing  # type: ignore[assignment]
        assert self.gate._places._renewing is not None
        self.gate._places._renewing.cancel()
        await self.gate._line.close()
        for call in self.calls:
            await call.cancel()


class OneCall:
    """A call on its way."""

    def __init__(self, tagger: Tagger, priority: str) -> None:
        self._tagger = tagger
        self._priority = priority
        self._ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.running = False
        self.usage: Usage | None = None
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._tagger.gate.turn(Clock(), priority=self._priority) as call:
            self.running = True
            try:
                await self._ending
            finally:
                self.running = False
                call.usage = self.usage
                if self.usage is not None:
                    self._count(call)

    def _count(self, call: Call) -> None:
        self._tagger.accounts.ended(RECORD, PROVIDER, call)

    async def end(self, error: Exception | None = None, *, usage: Usage | None = None) -> None:
        """End the call, well or as `error`; what comes out of the gate is raised."""
        self.usage = usage
        if error is None:
            self._ending.set_result(None)
        else:
            self._ending.set_exception(error)
        await self.task
        await self._tagger.gate._farewells.all_said()
        await self._tagger.accounts.close()

    async def cancel(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def taggers(
    redis_url: str,
    number: int = 1,
    *,
    lease_ms: int = 60_000,
    budget: Budget = NO_BUDGET,
    **limits: int,
) -> AsyncIterator[list[Tagger]]:
    """Open `number` gates with these limits; calls that still wait or run are cancelled.

    Their leases outlast any stall of the machine; `lapse` ends them.
    """
    async with closing(connect(redis_url)) as redis:
        opened = [Tagger(redis, Limits(**limits), lease_ms, budget) for _ in range(number)]
        for each in opened:
            await each.gate.start()
        try:
            yield opened
        finally:
            for each in opened:
                for call in each.calls:
                    await call.cancel()
                await each.gate.close()
                await each.accounts.close()


def failed() -> RetryableError:
    """What a call fails of when the provider is not well."""
    return RetryableError("provider_unavailable", "…")


async def running(*calls: OneCall) -> None:
    """Return when all these calls are made."""
    await wait_until(lambda: all(call.running for call in calls), what="the calls have their turn")


async def waiting(redis: Redis, number: int) -> None:
    """Return when so many wait for a turn."""

    async def seen() -> bool:
        return (await gates.state(redis, ENDPOINT)).waiting == number

    await wait_until(seen, what=f"{number} wait")


async def broken(tagger: Tagger) -> None:
    """Open the breaker by five failures."""
    for _ in range(5):
        call = tagger.call()
        await running(call)
        with pytest.raises(RetryableError) as raised:
            await call.end(failed())
        assert raised.value.counts


async def move(redis: Redis, field: str) -> None:
    """Let a pause of the gate be over: `held_until_ms` or `down_until_ms`."""
    assert await redis.hexists(keys.gate(ENDPOINT), field)
    await redis.hset(keys.gate(ENDPOINT), field, "1")


async def lapse(tagger: Tagger) -> None:
    """Let pass what it takes for all that `tagger` holds to lapse."""
    for key in (keys.gate_calls(ENDPOINT), keys.gate_heard(ENDPOINT)):
        found: Any = await tagger.redis.zrange(key, 0, -1)
        mine = [token for token in found if token.startswith(tagger.gate._process.encode())]
        for token in mine:
            await tagger.redis.zadd(key, {token: 1}, xx=True)


async def leases(redis: Redis) -> dict[bytes, float]:
    """Return when the lease of each call in flight ends, ms."""
    found: Any = await redis.zrange(keys.gate_calls(ENDPOINT), 0, -1, withscores=True)
    return dict(found)


async def age(redis: Redis) -> None:
    """Let a minute pass for what was spent first."""
    found: Any = await redis.zrange(keys.gate_minute(ENDPOINT), 0, 0)
    await redis.zincrby(keys.gate_minute(ENDPOINT), -60_000, found[0])


async def stand_still(redis: Redis, lease_ms: int) -> None:
    """Have a lease pass at the server in which it heard of nobody, and nobody could do anything."""
    passed_ms = -lease_ms - 1
    found: Any = await redis.zrange(keys.gate_calls(ENDPOINT), 0, -1)
    async with redis.pipeline() as at_once:
        at_once.hincrby(keys.gate(ENDPOINT), "heard_ms", passed_ms)
        for token in found:
            at_once.zincrby(keys.gate_calls(ENDPOINT), passed_ms, token)
        await at_once.execute()


async def set_clock_back(redis: Redis) -> None:
    """Have the gate's notes be an hour ahead, as if the server's clock was set back by that."""
    known: Any = await redis.hgetall(keys.gate(ENDPOINT))
    async with redis.pipeline() as at_once:
        for field in (b"held_until_ms", b"down_until_ms", b"paused_at_ms", b"heard_ms"):
            if field in known:
                at_once.hincrby(keys.gate(ENDPOINT), field.decode(), 3_600_000)
        for key in (keys.gate_minute, keys.gate_calls, keys.gate_heard):
            found: Any = await redis.zrange(key(ENDPOINT), 0, -1)
            for member in found:
                at_once.zincrby(key(ENDPOINT), 3_600_000, member)
        await at_once.execute()
