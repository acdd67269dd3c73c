"""What a tagger does besides its photos, in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import structlog

logger = structlog.stdlib.get_logger()


@asynccontextmanager
async def running(*duties: Awaitable[None]) -> AsyncIterator[None]:
    """Run `duties`, which do not end by themselves, during the body."""
    tasks = [asyncio.ensure_future(duty) for duty in duties]
    for task in tasks:
        task.add_done_callback(_ended)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _ended(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("duty_broke", exc_info=error)
