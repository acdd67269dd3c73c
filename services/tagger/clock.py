"""The time an attempt may take, on a clock that stands still while it waits for others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class Clock:
    """The deadlines of one attempt, one within the other; for one task."""

    def __init__(self) -> None:
        self._limits: list[asyncio.Timeout] = []
        self.stood_s = 0.0
        """How long the clock has stood still so far."""

        self.stands = False

    @asynccontextmanager
    async def limit(self, limit_s: float) -> AsyncIterator[None]:
        """Raise `TimeoutError` if the body takes longer than `limit_s` on this clock."""
        async with asyncio.timeout(limit_s) as limit:
            self._limits.append(limit)
            try:
                yield
            finally:
                self._limits.remove(limit)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the clock stand still during the body."""
        # Not the loop's time: uvloop's goes by milliseconds, and more would have stood than passed.
        stopped_s = time.perf_counter()
        # One that has run out ends the task at its next await, stopped or not.
        limits = [limit for limit in self._limits if not limit.expired()]
        ends_s = [limit.when() for limit in limits]
        for limit in limits:
            limit.reschedule(None)
        self.stands = True
        try:
            yield
        finally:
            self.stands = False
            stood_s = time.perf_counter() - stopped_s
            self.stood_s += stood_s
            for limit, end_s in zip(limits, ends_s, strict=True):
                limit.reschedule(None if end_s is None else end_s + stood_s)
