"""The contract of a gate: what stands before a provider, and says when a call may be made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from services.tagger.clock import Clock
from services.tagger.providers.provider import Call

WAIT_MOST_S: Final = 900.0
"""How long an attempt waits for its turn, or for another's answer; then the photo waits in the
queue, for a moment, and holds no worker's thread. No lease is renewed for ever."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a gate lets through; 0 is any number."""

    max_calls: int = 0
    requests_per_minute: int = 0
    tokens_per_minute: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """What calls of all taggers may cost in a day (UTC), billionths of a US dollar; 0: anything.

    `fallback`: the provider that is asked while it is spent; empty: photos wait.
    """

    nanousd: int = 0
    fallback: str = ""


NO_BUDGET: Final = Budget()


class Gate(Protocol):
    """Gives turns for calls of one provider."""

    why: str
    """Why photos of this process wait for a turn, as last heard; empty: none does."""

    def turn(self, clock: Clock, *, priority: str) -> AbstractAsyncContextManager[Call]:
        """Wait, `clock` stopped, until a call may be made; the body makes it.

        What the body raises tells how the provider is, see `Provider.recognize`. While the
        provider is down, its failures are changed to count as no try. Raises
        `PlaceLostError`, `UnavailableError` when Redis is away, and `BudgetSpentError`, if
        there is another provider to ask, instead of a wait for the end of the day.
        """

    async def check(self) -> str:
        """Return a word for how the provider is. Raises `UnavailableError` if it is down."""

    async def start(self) -> None:
        """Begin to give turns."""

    async def close(self) -> None:
        """Give all places back."""


class OpenGate(Gate):
    """Lets every call through: for what happens in this process, and has no limits."""

    why = ""

    @asynccontextmanager
    async def turn(self, clock: Clock, *, priority: str) -> AsyncIterator[Call]:  # noqa: ARG002
        yield Call()

    async def check(self) -> str:
        return "ok"

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass
