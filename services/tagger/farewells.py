"""What a process still has to say to Redis about work that is over, whoever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

logger = structlog.stdlib.get_logger()


class Farewells:
    """Last words under way; one that fails is logged as `event`: a lease lapses then."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._tasks: set[asyncio.Task[Any]] = set()

    def say(self, farewell: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `farewell`, whoever waits for it."""
        task = asyncio.create_task(farewell)
        self._tasks.add(task)
        task.add_done_callback(self._said)
        return task

    async def all_said(self) -> None:
        """Wait for those under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _said(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning(self._event, why=str(error))
