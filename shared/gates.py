"""How it stands at the gates: whether the providers' endpoints take calls, for others to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from redis.asyncio import Redis

from shared import keys
from shared.redis import away_is_unavailable, script

HEARD_OF_MS: Final = 60_000
"""An endpoint is shown as long as one of its taggers has been heard of within this time."""


@dataclass(frozen=True, slots=True)
class GateState:
    """One gate. `held`: the provider wants no calls until then; `down`: it is tried again then.

    `until_ms`: the wait that is left; None where there is none, or where a call is trying right
    now. `limit`: calls in flight at most, None for any number.
    """

    provider: str
    state: Literal["ok", "held", "down"]
    until_ms: int | None
    in_flight: int
    limit: int | None
    waiting: int

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
        provider, held_until, down_until, in_flight, limit, waiting, now = await script(
            redis, "gate_state"
        )(keys=[keys.gate(endpoint), keys.gate_calls(endpoint), keys.gate_waiting(endpoint)])
    name: Literal["ok", "held", "down"] = "ok"
    until = 0
    if held_until > now:
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
    )


async def states(redis: Redis) -> list[GateState]:
    """Return how it stands at each gate that has a tagger. Raises `UnavailableError`."""
    with away_is_unavailable():
        seconds, _ = await redis.time()
        since_ms = seconds * 1000 - HEARD_OF_MS
        endpoints: Any = await redis.zrange(keys.gates(), since_ms, "+inf", byscore=True)
    return [await state(redis, endpoint.decode()) for endpoint in endpoints]
