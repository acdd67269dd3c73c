"""The attempts under way in this process, and the end of those that are not to go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from services.tagger.errors import GivenBackError, LeaseLostError
from services.tagger.stages.stage import Work
from shared.attempts import Attempts
from shared.errors import UnavailableError

LOOK_EVERY_S: Final = 0.25
"""How often it is asked whether an attempt still has its turn: a cancelled photo stops so soon,
in the middle of a provider's call, too. Nothing is asked while nothing runs."""


class Running:
    """The attempts of one process; all of it belongs to one event loop.

    `give_back` says whether what only waits for others is to be given back: because the process
    is about to stop, say, and others could go on with it at once.
    """

    def __init__(self, attempts: Attempts, *, give_back: Callable[[], bool]) -> None:
        self._gives_back = give_back
        self._attempts = attempts
        self._works: dict[asyncio.Task[object], Work] = {}
        self._stopped: dict[asyncio.Task[object], Exception] = {}

    @contextmanager
    def attempt(self, work: Work) -> Iterator[None]:
        """Run the body as an attempt.

        Raises `LeaseLostError` in it, at its next await, once another worker has the photo, or
        it was cancelled or removed; `GivenBackError` if it waits and is to be given back.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an attempt runs in a task")
        self._works[task] = work
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._stopped:
                raise
            task.uncancel()
            raise self._stopped[task] from None
        finally:
            del self._works[task]
            self._stopped.pop(task, None)

    def standing(self) -> list[Work]:
        """Return the attempts that wait for others right now."""
        return [work for work in self._works.values() if work.clock.stands]

    async def watch_forever(self) -> None:
        """Stop the attempts that are not to go on, as long as this process runs."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._gives_back():
                self._give_back()
            if self._works:
                try:
                    await self.look()
                except UnavailableError:
                    continue  # nor can an attempt write anything now

    async def look(self) -> None:
        """Stop the attempts that have lost their turn by now."""
        asked = dict(self._works)
        void = await self._attempts.void([work.record for work in asked.values()])
        reasons = {record.token: why for record, why in void}
        for task, work in asked.items():
            if work.record.token in reasons and self._works.get(task) is work:
                self._stop(task, LeaseLostError(reasons[work.record.token]))

    def _give_back(self) -> None:
        for task, work in self._works.items():
            if work.clock.stands:
                self._stop(task, GivenBackError())

    def _stop(self, task: asyncio.Task[object], why: Exception) -> None:
        # A cancellation may get lost (see `shared.tasks`): the next look tries it again.
        self._stopped[task] = why
        task.cancel()
