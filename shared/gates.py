"""How it stands at the gates: whether the providers' endpoints take calls, for others to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from redis.asyncio import Redis

from shared import keys
from shared.record import rfc3339
from shared.redis import away_is_unavailable, script
from shared.usage import NANOUSD_PER_USD

HEARD_OF_MS: Final = 60_000
"""An endpoint is shown as long as one of its taggers has been heard of within this time."""


State = Literal["ok", "held", "down", "budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What calls may cost in a day (UTC); amounts in billionths of a US dollar.

    `is_spent`: what is left pays for no call. `ends_at_ms`: when the next day begins. `fallback`:
    the provider that is asked until then, None where photos wait.
    """

    nanousd: int
    spent_nanousd: int
    is_spent: bool
    ends_at_ms: int
    fallback: str | None

    def view(self) -> dict[str, Any]:
        """Return the JSON object that clients get."""
        left = max(0, self.nanousd - self.spent_nanousd)
        return {
            "usd": self.nanousd / NANOUSD_PER_USD,
            "remainingUsd": left / NANOUSD_PER_USD,
            "spent": self.is_spent,
            "endsAt": rfc3339(self.ends_at_ms),
            "fallback": self.fallback,
        }


@dataclass(frozen=True, slots=True)
class GateState:
    """One gate.

    `held`: the provider wants no calls until then; `down`: it is tried again then; `budget`: the
    day's is spent, until the day ends.
    `until_ms`: the wait that is left; None where there is none, or where a call is trying right
    now. `limit`: calls in flight at most, None for any number.
    """

    provider: str
    state: State
    until_ms: int | None
    in_flight: int
    limit: int | None
    waiting: int
    budget: Budget | None = None

    def view(self) -> dict[str, Any]:
        """Return the JSON object that clients get."""
        return {
            "provider": self.provider,
            "state": self.state,
            "untilMs": self.until_ms,
            "inFlight": self.in_flight,
            "limit": self.limit,
            "waiting": self.waiting,
        }


async def state(redis: Redis, endpoint: str) -> GateState:
    """Return how it stands at one gate. Raises `UnavailableError`."""
    with away_is_unavailable():
        found = await script(redis, "gate_state")(
            keys=[
                keys.gate(endpoint),
                keys.gate_calls(endpoint),
                keys.gate_waiting(endpoint),
                keys.gate_costs(endpoint),
            ],
            args=[keys.SHARD],
        )
    provider, held_until, down_until, in_flight, limit, waiting, now, *of_budget = found
    budget = _budget(*of_budget)
    name: State = "ok"
    until = 0
    if budget and budget.is_spent:
        name, until = "budget", budget.ends_at_ms
    elif held_until > now:
        name, until = "held", held_until
    elif down_until:
        name, until = "down", down_until
    return GateState(
        provider=provider.decode(),
        state=name,
        until_ms=until - now if until > now else None,
        in_flight=in_flight,
        limit=limit or None,
        waiting=waiting,
        budget=budget,
    )


def _budget(
    nanousd: int, spent_nanousd: int, is_spent: int, ends_at_ms: int, fallback: bytes
) -> Budget | None:
    if not nanousd:
        return None
    return Budget(nanousd, spent_nanousd, bool(is_spent), ends_at_ms, fallback.decode() or None)


async def states(redis: Redis) -> list[GateState]:
    """Return how it stands at each gate that has a tagger. Raises `UnavailableError`."""
    with away_is_unavailable():
        seconds, _ = await redis.time()
        since_ms = seconds * 1000 - HEARD_OF_MS
        endpoints: Any = await redis.zrange(keys.gates(), since_ms, "+inf", byscore=True)
    return [await state(redis, endpoint.decode()) for endpoint in endpoints]
