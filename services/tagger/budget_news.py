"""Tells those whose photos have come to a provider's gate that the day's budget is spent."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from services.tagger.gate import Gate
from services.tagger.pipeline import FIXED
from services.tagger.running import Running
from services.tagger.stages.recognize import RECOGNIZE
from services.tagger.stages.stage import Work
from shared import messages
from shared.attempts import Attempts
from shared.errors import UnavailableError
from shared.events import PhotoProgress

EVERY_S: Final = 1.0

logger = structlog.stdlib.get_logger()


class BudgetNews:
    """What is told of the attempts that wait for a budget; each is told it once."""

    def __init__(self, running: Running, attempts: Attempts, gate: Gate) -> None:
        self._running = running
        self._attempts = attempts
        self._gate = gate
        self._told: set[str] = set()

    async def tell_forever(self) -> None:
        """Tell each within about `EVERY_S`."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.tell()
            except UnavailableError as error:
                logger.warning("budget_not_told", why=str(error))

    async def tell(self) -> None:
        """Tell those that have not been told."""
        standing = self._running.standing() if self._gate.why == "budget" else []
        # Others wait for a decoder.
        waiting = [work for work in standing if work.stage == RECOGNIZE.id]
        tokens = {work.record.token for work in waiting}
        for work in waiting:
            if work.record.token not in self._told:
                await self._tell(work)
        self._told = tokens

    async def _tell(self, work: Work) -> None:
        record = work.record
        event = PhotoProgress(
            photo_id=record.id,
            job_id=record.job_id,
            stage=RECOGNIZE.id,
            progress=FIXED[RECOGNIZE.id],
            message=messages.text("budget_spent", record.locale),
            attempt=record.attempt,
            batch_id=record.batch_id,
            traceparent=work.told_trace,
        )
        await self._attempts.tell(record, stage=RECOGNIZE.id, waits_for="budget", event=event)
