"""Ending tasks that talk to Redis."""

from __future__ import annotations

import asyncio
from typing import Any, Final

AGAIN_S: Final = 0.1


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel `task` until it has ended.

    Once is not enough: redis-py sends with `asyncio.wait_for`, which up to Python 3.11 loses a
    cancellation that comes as the sending is done (https://github.com/python/cpython/issues/86296).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_S)
