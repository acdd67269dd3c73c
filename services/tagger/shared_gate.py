"""The gate of one provider's endpoint, over all taggers together.

What is known of the endpoint is in Redis, and decided there by `gate_enter` and `gate_leave`:
places for `max_calls`, the pause that a 429 asked for, a circuit breaker, requests and tokens
a minute, a budget for the day. A photo waits here with its clock stopped; it goes nowhere, and
costs no try.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from redis.asyncio import Redis

from services.tagger.clock import Clock
from services.tagger.errors import (
    BusyError,
    PermanentError,
    PlaceLostError,
    RateLimitedError,
    RetryableError,
)
from services.tagger.farewells import Farewells
from services.tagger.gate import NO_BUDGET, WAIT_MOST_S, Budget, Gate, Limits
from services.tagger.line import Asked, Line
from services.tagger.metrics import GATE_SECONDS, GATE_STATE, GATE_STATES
from services.tagger.places import Places
from services.tagger.providers.provider import Call
from shared import gates, keys
from shared.broker import PRIORITIES
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, script

LINGER_MS: Final = 250
"""How long a place stays taken by a call that we cut off: the other side has to notice."""

FAILURES_TO_OPEN: Final = 5
FIRST_PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 60_000
RETRY_AFTER_MOST_MS: Final = 3_600_000
"""A provider may ask for any pause; after an hour it is asked again."""

logger = structlog.stdlib.get_logger()


class SharedGate(Gate):
    """The gate of one endpoint, for all taggers that call it; one object a process.

    `lease_ms`: the places of a killed tagger are free after this; those of others are renewed.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        provider: str,
        endpoint: str,
        limits: Limits,
        lease_ms: int,
        budget: Budget = NO_BUDGET,
    ) -> None:
        self._redis = redis
        self._provider = provider
        self._endpoint = endpoint
        self._limits = limits
        self._lease_ms = lease_ms
        self._budget = budget
        self.why = ""
        self._enter_script = script(redis, "gate_enter")
        self._leave_script = script(redis, "gate_leave")
        self._process = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._line = Line(self._ask, self._drop)
        self._places = Places(
            redis,
            provider=provider,
            endpoint=endpoint,
            max_calls=limits.max_calls,
            lease_ms=lease_ms,
            budget=budget,
        )
        self._farewells = Farewells("gate_not_left")

    async def start(self) -> None:
        self._places.start()
        self._line.open()

    async def close(self) -> None:
        await self._line.close()
        for token in await self._places.close():
            self._drop(token, linger_ms=LINGER_MS)
        await self._farewells.all_said()

    @asynccontextmanager
    async def turn(self, clock: Clock, *, priority: str) -> AsyncIterator[Call]:
        token = f"{self._process}:{next(self._numbers)}"
        with clock.stopped(), GATE_SECONDS.labels(provider=self._provider).time():
            await self._wait(token, priority)
        call = Call(id=token)
        try:
            async with self._places.kept(token):
                yield call
        except PlaceLostError:
            raise
        except RateLimitedError as error:
            _, held_ms = await self._left(token, "limited", call, error.retry_after_s)
            error.retry_after_s = held_ms / 1000
            raise
        except RetryableError as error:
            was_down, _ = await self._left(token, "failed", call, linger_ms=LINGER_MS)
            error.counts = error.counts and not was_down
            raise
        except PermanentError:
            await self._left(token, "answered", call)
            raise
        except BaseException:
            self._drop(token, linger_ms=LINGER_MS)
            raise
        else:
            self._farewells.say(self._leave(token, "answered", call))

    async def _wait(self, token: str, priority: str) -> None:
        try:
            async with asyncio.timeout(WAIT_MOST_S):
                asked_s = -math.inf
                # A process that stood still since it asked may have lost its place to another.
                while time.monotonic() >= asked_s + self._lease_ms / 1000:
                    asked_s = await self._line.wait(token, PRIORITIES.index(priority))
        except TimeoutError:
            raise BusyError from None

    async def check(self) -> str:
        found = await gates.state(self._redis, self._endpoint)
        left_s = math.ceil((found.until_ms or 0) / 1000)
        if found.state == "down":
            when = f"tried again in {left_s} s" if left_s else "being tried again"
            raise UnavailableError("provider", f"down, {when}")
        if found.state == "budget":
            # Nothing is wrong, and nothing could be mended: no reason to take it out of service.
            return f"budget of the day spent, {left_s} s left"
        return f"held back for {left_s} s" if found.state == "held" else "ok"

    # Waiting

    async def _ask(self, places: dict[str, int]) -> Asked:
        args = [part for each in places.items() for part in each]
        limits = self._limits
        with away_is_unavailable():
            why, wait_ms, *given = await self._enter_script(
                keys=self._keys(),
                args=[
                    limits.max_calls,
                    limits.requests_per_minute,
                    limits.tokens_per_minute,
                    self._lease_ms,
                    # Without asking, one that waits loses its place in the line sooner.
                    self._lease_ms // 2,
                    keys.SHARD,
                    self._budget.nanousd,
                    *args,
                ],
            )
        said = why.decode() if len(given) < len(places) else ""
        GATE_STATE.labels(provider=self._provider).set(GATE_STATES[said])
        refused = said == "budget" and bool(self._budget.fallback)
        self.why = "" if refused else said
        return Asked([token.decode() for token in given], said, wait_ms, refused)

    # Leaving

    async def _left(
        self,
        token: str,
        outcome: str,
        call: Call,
        retry_after_s: float | None = None,
        *,
        linger_ms: int = 0,
    ) -> tuple[bool, int]:
        """Leave; also if this task is cancelled meanwhile."""
        return await asyncio.shield(
            self._farewells.say(
                self._leave(token, outcome, call, retry_after_s, linger_ms=linger_ms)
            )
        )

    async def _leave(
        self,
        token: str,
        outcome: str,
        call: Call | None = None,
        retry_after_s: float | None = None,
        *,
        linger_ms: int = 0,
    ) -> tuple[bool, int]:
        """Return whether the provider was down already, and for how long, ms, calls are held."""
        usage = call.usage if call else None
        # A pause of nothing would have us called away again at once, and again.
        pause_ms = -1
        if retry_after_s:
            pause_ms = math.ceil(min(retry_after_s * 1000, RETRY_AFTER_MOST_MS))
        with away_is_unavailable():
            was_down, held_ms = await self._leave_script(
                keys=self._keys(),
                args=[
                    token,
                    outcome,
                    linger_ms,
                    pause_ms,
                    usage.prompt_tokens + usage.completion_tokens if usage else 0,
                    self._limits.tokens_per_minute,
                    FAILURES_TO_OPEN,
                    FIRST_PAUSE_MS,
                    LONGEST_PAUSE_MS,
                    random.uniform(1, 1.2),  # noqa: S311  # no secret
                ],
            )
        if outcome == "answered":
            GATE_STATE.labels(provider=self._provider).set(GATE_STATES[""])
        self._line.look()
        return bool(was_down), held_ms

    def _drop(self, token: str, *, linger_ms: int = 0) -> None:
        self._farewells.say(self._leave(token, "dropped", linger_ms=linger_ms))

    def _keys(self) -> list[str]:
        endpoint = self._endpoint
        return [
            keys.gate(endpoint),
            keys.gate_calls(endpoint),
            keys.gate_waiting(endpoint),
            keys.gate_heard(endpoint),
            keys.gate_minute(endpoint),
            keys.spending(),
            keys.gate_costs(endpoint),
        ]
