"""Tasks are ended for certain."""

from __future__ import annotations

import asyncio

from shared.tasks import end


async def test_a_task_that_overhears_its_cancellation_is_told_again() -> None:
    overheard = 0

    async def deaf() -> None:
        nonlocal overheard
        while overheard < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                overheard += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await end(task)

    assert overheard == 2
    assert task.cancelled()


async def test_one_that_was_never_begun_or_has_ended_is_left_alone() -> None:
    await end(None)
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    await end(task)

    assert not task.cancelled()
