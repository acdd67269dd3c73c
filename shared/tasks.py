"""Ending tasks for certain, and leaving those that nobody waits for."""

from __future__ import annotations

import asyncio
from typing import Any, Final

AGAIN_S: Final = 0.1


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel `task`, until it has ended.

    Once may not do: before Python 3.12 `asyncio.wait_for` loses a cancellation that comes at the
    same moment as what it waits for (https://github.com/python/cpython/issues/86296), and redis-py
    sends every command through it.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_S)


def looked_at(task: asyncio.Future[Any]) -> None:
    """Look at how `task`, which is done, went: who needs to know finds out by another way.

    Otherwise asyncio reports an error that nobody has asked for.
    """
    if not task.cancelled():
        task.exception()
