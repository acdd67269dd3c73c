"""The clock of an attempt: its deadlines, and standing still."""

from __future__ import annotations

import asyncio
import time

import pytest
import uvloop

from services.tagger.clock import Clock


async def test_a_body_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError):
        async with Clock().limit(0.01):
            await asyncio.Event().wait()


async def test_time_does_not_pass_while_the_clock_stands_still() -> None:
    clock = Clock()
    async with clock.limit(0.2), clock.limit(0.1):
        with clock.stopped():
            await asyncio.sleep(0.3)

        assert clock.stood_s >= 0.29


async def test_what_was_left_passes_afterwards() -> None:
    clock = Clock()

    async def wait() -> None:
        async with clock.limit(0.05):
            with clock.stopped():
                await asyncio.sleep(0.1)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await wait()


async def test_the_inner_limit_ends_the_inner_body_only() -> None:
    clock = Clock()
    async with clock.limit(30):
        with pytest.raises(TimeoutError):
            async with clock.limit(0.01):
                await asyncio.Event().wait()
        with clock.stopped():
            pass


async def test_it_may_be_cancelled_while_it_stands_still() -> None:
    clock = Clock()

    async def wait() -> None:
        async with clock.limit(30):
            with clock.stopped():
                await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_no_more_stands_still_than_passes_whatever_the_loop_takes_for_the_time() -> None:
    async def measure() -> None:
        for _ in range(100):
            clock, begun_s = Clock(), time.perf_counter()
            with clock.stopped():
                await asyncio.sleep(0.0003)
            assert 0 < clock.stood_s <= time.perf_counter() - begun_s

    uvloop.run(measure())
