"""The places that this process's calls have at a gate: leases, renewed while the calls go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from redis.asyncio import Redis

from services.tagger.errors import PlaceLostError
from services.tagger.gate import Budget
from services.tagger.metrics import BUDGET, BUDGET_REMAINING
from shared import keys
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, script
from shared.tasks import end
from shared.usage import NANOUSD_PER_USD

RENEWALS_PER_LEASE: Final = 4
"""Also without calls: a gate that hears of nobody for half a lease takes its server to have stood
still, and then the places of the dead are free later."""

KEPT_MS: Final = 24 * 3600 * 1000
"""How long Redis keeps what it knows of an endpoint that no tagger uses any more."""

logger = structlog.stdlib.get_logger()


class Places:
    """The places at the gate of one endpoint; to renew them also says that a tagger is there."""

    def __init__(
        self,
        redis: Redis,
        *,
        provider: str,
        endpoint: str,
        max_calls: int,
        lease_ms: int,
        budget: Budget,
    ) -> None:
        self._provider = provider
        self._endpoint = endpoint
        self._max_calls = max_calls
        self._lease_ms = lease_ms
        self._budget = budget
        self._renew = script(redis, "gate_renew")
        self._calls: dict[str, asyncio.Timeout] = {}
        self._renewing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to renew."""
        self._renewing = asyncio.create_task(self._keep_renewing())

    async def close(self) -> list[str]:
        """Renew no more; return the tokens of the calls that still go on."""
        await end(self._renewing)
        return list(self._calls)

    @asynccontextmanager
    async def kept(self, token: str) -> AsyncIterator[None]:
        """Renew the place of a call during the body, which ends if the place is lost."""
        # No deadline but the one that comes with the loss.
        place = asyncio.timeout(None)
        try:
            async with place:
                self._calls[token] = place
                try:
                    yield
                finally:
                    del self._calls[token]
        except TimeoutError:
            if place.expired():
                raise PlaceLostError from None
            raise

    async def _keep_renewing(self) -> None:
        while True:
            try:
                await self.renew()
            except UnavailableError as error:
                logger.warning("gate_not_renewed", why=str(error))
            except Exception:  # without this task all places are lost
                logger.exception("gate_broke")
            await asyncio.sleep(self._lease_ms / RENEWALS_PER_LEASE / 1000)

    async def renew(self) -> None:
        """Renew them; the calls of those that are lost end. Raises `UnavailableError`."""
        with away_is_unavailable():
            spent, *gone = await self._renew(
                keys=[
                    keys.gate(self._endpoint),
                    keys.gate_calls(self._endpoint),
                    keys.gates(),
                    keys.spending(),
                    keys.gate_waiting(self._endpoint),
                    keys.gate_heard(self._endpoint),
                ],
                args=[
                    self._endpoint,
                    self._provider,
                    self._max_calls,
                    self._lease_ms,
                    KEPT_MS,
                    keys.SHARD,
                    self._budget.nanousd,
                    self._budget.fallback,
                    *self._calls,
                ],
            )
        if self._budget.nanousd:
            left_usd = max(0, self._budget.nanousd - spent) / NANOUSD_PER_USD
            BUDGET.labels(provider=self._provider).set(self._budget.nanousd / NANOUSD_PER_USD)
            BUDGET_REMAINING.labels(provider=self._provider).set(left_usd)
        for token in gone:
            # One that has ended meanwhile has left by itself.
            if (place := self._calls.get(token.decode())) is not None and not place.expired():
                logger.warning("place_lost", provider=self._provider)
                place.reschedule(asyncio.get_running_loop().time())
