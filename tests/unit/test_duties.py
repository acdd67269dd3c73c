"""What a tagger does in the background: it goes on when it breaks, and ends with its tagger."""

from __future__ import annotations

import asyncio

from services.tagger import duties
from tests.support.waiting import wait_until


async def test_a_duty_that_breaks_is_begun_again_and_others_do_not_notice() -> None:
    begun = {"breaks": 0, "goes on": 0}
    ended = asyncio.Event()

    async def breaks() -> None:
        begun["breaks"] += 1
        raise ValueError("a bad reply")

    async def goes_on() -> None:
        begun["goes on"] += 1
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with duties.running(breaks, goes_on, pause_s=0.001):
        await wait_until(lambda: begun["breaks"] >= 3)
    at_the_end = dict(begun)

    assert ended.is_set()
    assert begun["goes on"] == 1
    await asyncio.sleep(0.01)
    assert begun == at_the_end
