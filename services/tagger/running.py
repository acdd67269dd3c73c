"""The attempts under way in this process, and the end of those that have lost their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from services.tagger.errors import LeaseLostError
from shared.attempts import Attempts
from shared.errors import UnavailableError
from shared.record import Record

LOOK_EVERY_S: Final = 0.25
"""How often it is asked whether an attempt still has its turn: a cancelled photo stops so soon,
in the middle of a provider's call, too. Nothing is asked while nothing runs."""

logger = structlog.stdlib.get_logger()


class Running:
    """The attempts of one process; all of it belongs to one event loop."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._records: dict[asyncio.Task[object], Record] = {}
        self._stopped: set[asyncio.Task[object]] = set()

    @contextmanager
    def attempt(self, record: Record) -> Iterator[None]:
        """Run the body as an attempt at `record`.

        Raises `LeaseLostError` in it, at its next await, once another worker has the photo, or
        it was cancelled or removed.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an attempt runs in a task")
        self._records[task] = record
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._stopped:
                raise
            task.uncancel()
            raise LeaseLostError from None
        finally:
            del self._records[task]
            self._stopped.discard(task)

    async def watch_forever(self) -> None:
        """Stop the attempts that have lost their turn, as long as this process runs."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._records:
                try:
                    await self.look()
                except UnavailableError:
                    continue  # nor can an attempt write anything now

    async def look(self) -> None:
        """Stop the attempts that have lost their turn by now."""
        asked = dict(self._records)
        void = {record.token for record in await self._attempts.void(list(asked.values()))}
        for task, record in asked.items():
            if record.token in void and self._records.get(task) is record:
                logger.info("attempt_stopped", photo_id=record.id, job_id=record.job_id)
                self._stopped.add(task)
                task.cancel()
