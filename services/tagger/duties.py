"""What a tagger does besides its photos, in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from shared.tasks import end

PAUSE_S: Final = 5.0
"""The wait before a duty that broke is begun again."""

Duty = Callable[[], Awaitable[None]]

logger = structlog.stdlib.get_logger()


@asynccontextmanager
async def running(*duties: Duty, pause_s: float = PAUSE_S) -> AsyncIterator[None]:
    """Run `duties`, which do not end by themselves, during the body.

    One that breaks is begun again after `pause_s`: a tagger whose photos cannot be cancelled,
    because of one bad reply a day ago, would be worse than a line in the log.
    """
    tasks = [asyncio.create_task(_again_and_again(duty, pause_s)) for duty in duties]
    try:
        yield
    finally:
        await asyncio.gather(*(end(task) for task in tasks))


async def _again_and_again(duty: Duty, pause_s: float) -> None:
    while True:
        try:
            await duty()
        except Exception:
            logger.exception("duty_broke")
        await asyncio.sleep(pause_s)
