"""The event loop on which all coroutines of a tagger run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from queue import SimpleQueue
from typing import TypeVar

from dramatiq.asyncio import EventLoopThread

T = TypeVar("T")


class LoopThread(EventLoopThread):
    """Dramatiq's, with a shorter way from a worker's thread to a coroutine and back.

    A thread that waits here is not to be interrupted, as `TimeLimit` and `Shutdown` would: a tagger
    has neither, and its stages have limits of their own.
    """

    def run_coroutine(self, coro: Awaitable[T]) -> T:
        """Return what `coro` returns, run on the loop. Raises what it raises."""
        ended: SimpleQueue[asyncio.Future[T]] = SimpleQueue()

        def begin() -> None:
            asyncio.ensure_future(coro).add_done_callback(ended.put)

        self.loop.call_soon_threadsafe(begin)
        return ended.get().result()
