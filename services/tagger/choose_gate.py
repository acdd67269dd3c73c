"""Which gate stands before a provider."""

from __future__ import annotations

from redis.asyncio import Redis

from services.tagger.gate import NO_BUDGET, Budget, Gate, Limits, OpenGate
from services.tagger.providers.provider import Provider
from services.tagger.shared_gate import SharedGate


def gate_for(
    provider: Provider,
    redis: Redis,
    limits: Limits,
    *,
    lease_ms: int,
    budget: Budget = NO_BUDGET,
) -> Gate:
    """Return the gate before `provider`.

    What calls no other side and has no limits has nobody to spare, and costs nothing.
    """
    if provider.endpoint is None and limits == Limits():
        return OpenGate()
    return SharedGate(
        redis,
        provider=provider.name,
        endpoint=provider.endpoint or provider.name,
        limits=limits,
        lease_ms=lease_ms,
        budget=budget if provider.endpoint else NO_BUDGET,
    )
