"""The broker, which blocks, as the event loop asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from dramatiq.errors import ConnectionClosed

from shared.broker import QueueReport, RedisStreamsBroker
from shared.errors import UnavailableError
from shared.metrics import REDIS_ERRORS

AT_A_TIME: Final = 4
"""Threads that ask it. Each may wait for 20 s where Redis does not answer: those of the event loop,
which files and the photo store want as well, would soon all be here."""

PATIENCE_S: Final = 5.0
"""How long a report is waited for. A change is until it is known what has become of it."""

T = TypeVar("T")


class QueueBroker:
    """Looks at queues, and holds them back. Raises `UnavailableError`."""

    def __init__(self, broker: RedisStreamsBroker) -> None:
        self._broker = broker
        self._threads = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="queues")

    async def inspect(self, name: str) -> QueueReport:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._asked(lambda: self._broker.inspect(name))
        except TimeoutError as error:
            raise UnavailableError("redis") from error

    async def pause(self, name: str) -> None:
        await self._asked(lambda: self._broker.pause(name))

    async def resume(self, name: str) -> None:
        await self._asked(lambda: self._broker.resume(name))

    async def close(self) -> None:
        """Close the broker's connections; who waits for a thread waits in vain."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._broker.close)

    async def _asked(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except ConnectionClosed as error:
            REDIS_ERRORS.labels(error=type(error).__name__).inc()
            raise UnavailableError("redis") from error
