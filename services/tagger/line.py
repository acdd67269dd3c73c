"""The line before a gate, as far as it is in this process."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from services.tagger.errors import BudgetSpentError
from shared.errors import UnavailableError
from shared.tasks import end

FULL_PAUSE_S: Final = (0.025, 0.075)
"""How long until it is asked again where others hold all places, at random in between."""

PROBE_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 0.5
"""A pause may end early: another tagger has had an answer."""

logger = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gate answers: whose turn it is; and for the others, why not and how long yet.

    `why`: `budget`, `held`, `down`, `rate`, `full`, or empty. `wait_ms` below 0: only others
    know. `refused`: the others are not to wait.
    """

    given: Sequence[str]
    why: str
    wait_ms: int
    refused: bool = False


Ask = Callable[[dict[str, int]], Awaitable[Asked]]
"""Asks for the turns of these tokens, each with the place of its priority."""


class Line:
    """Who in this process waits for a turn.

    One task asks for all of them together, so that what Redis is asked does not grow with
    the photos in work. `drop` is told of turns that nobody waits for any more.
    """

    def __init__(self, ask: Ask, drop: Callable[[str], None]) -> None:
        self._ask = ask
        self._drop = drop
        self._waiting: dict[str, tuple[int, asyncio.Future[float]]] = {}
        self._look = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to ask."""
        self._asking = asyncio.create_task(self._keep_asking())

    async def close(self) -> None:
        """Ask no more; those who wait here leave the line to others."""
        await end(self._asking)
        for token in self._waiting:
            self._drop(token)

    def look(self) -> None:
        """Ask at once: a place has become free."""
        if self._waiting:
            self._look.set()

    async def wait(self, token: str, place: int) -> float:
        """Return when it is the turn of `token`, and when (monotonic, s) that was asked for.

        Raises `UnavailableError`, and `BudgetSpentError` if it is not to wait.
        """
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[token] = (place, turn)
        self._look.set()
        try:
            return await turn
        except (asyncio.CancelledError, BudgetSpentError):
            self._drop(token)
            raise
        finally:
            self._waiting.pop(token, None)

    async def _keep_asking(self) -> None:
        pause_s: float | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), pause_s)
            self._look.clear()
            pause_s = await self._ask_once() if self._waiting else None

    async def _ask_once(self) -> float:
        asked = {token: place for token, (place, turn) in self._waiting.items() if not turn.done()}
        asked_s = time.monotonic()
        try:
            answer = await self._ask(asked)
        except Exception as error:  # noqa: BLE001  # those who wait must learn of it, whatever it is
            self._fail(asked, error)
            return LONGEST_PAUSE_S
        for token in asked:
            # Cancelled meanwhile: the question may have come after the farewell.
            if token not in self._waiting:
                self._drop(token)
        for token in answer.given:
            if token in self._waiting and not (turn := self._waiting[token][1]).done():
                turn.set_result(asked_s)
        if answer.refused:
            self._refuse(asked)
        return _pause_s(answer)

    def _refuse(self, asked: dict[str, int]) -> None:
        for token in asked:
            if token in self._waiting and not (turn := self._waiting[token][1]).done():
                turn.set_exception(BudgetSpentError())

    def _fail(self, asked: dict[str, int], error: Exception) -> None:
        if not isinstance(error, UnavailableError):
            logger.error("gate_broke", exc_info=error)
        for token in asked:
            if token in self._waiting and not (turn := self._waiting[token][1]).done():
                turn.set_exception(
                    UnavailableError(error.what) if isinstance(error, UnavailableError) else error
                )


def _pause_s(answer: Asked) -> float:
    if answer.why == "full":
        return random.uniform(*FULL_PAUSE_S)  # noqa: S311  # no secret
    if answer.wait_ms < 0:
        return PROBE_PAUSE_S
    return min(LONGEST_PAUSE_S, answer.wait_ms / 1000)
