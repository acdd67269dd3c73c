"""`GET /api/stats`: how it has gone in the last hour, and what it has cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from redis.asyncio import Redis

from services.gateway.requests import json_response, only_queries
from shared import gates
from shared.gates import GateState
from shared.presence import Presence
from shared.record import rfc3339
from shared.spending import Spending, spending
from shared.statistics import Hour, Minute, Percentiles, last_hour
from shared.usage import NANOUSD_PER_USD


class StatisticsRoute:
    """Tells operators how much was done, how fast, and what it cost."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._presence = Presence(redis)

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get("/api/stats", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        only_queries(request, frozenset())
        hour = await last_hour(self._redis)
        states = await gates.states(self._redis)
        return json_response(
            {
                "minutes": [_minute(minute) for minute in hour.minutes],
                **_ends(hour.counters),
                "retries": hour.counters.get("retries", 0),
                "reconciled": hour.counters.get("reconciled", 0),
                "failures": hour.labelled("failure"),
                "pickup": _percentiles(hour, "pickup"),
                "stages": {
                    name.removeprefix("stage:"): found.view()
                    for name, found in sorted(hour.histograms.items())
                    if name.startswith("stage:")
                },
                "total": _percentiles(hour, "total"),
                "provider": _provider(hour),
                "sockets": await self._presence.connected(),
                "providers": [gate.view() for gate in states],
                "cost": _cost(await spending(self._redis), states),
            }
        )


def _minute(minute: Minute) -> dict[str, Any]:
    return {
        "minute": rfc3339(minute.minute * 60_000),
        **_ends(minute.counters),
        "pickup": _percentiles(minute, "pickup"),
        "total": _percentiles(minute, "total"),
    }


def _ends(counters: Mapping[str, int]) -> dict[str, int]:
    return {
        "accepted": counters.get("accepted", 0),
        "complete": counters.get("complete", 0),
        "failed": counters.get("error", 0),
        "cancelled": counters.get("cancelled", 0),
    }


def _percentiles(of: Minute | Hour, histogram: str) -> dict[str, Any]:
    return of.histograms.get(histogram, Percentiles(0, None, None, None)).view()


def _provider(hour: Hour) -> dict[str, Any]:
    tokens = hour.labelled("tokens")
    return {
        "calls": hour.labelled("calls"),
        "promptTokens": tokens.get("prompt", 0),
        "completionTokens": tokens.get("completion", 0),
        "costUsd": hour.counters.get("cost_nanousd", 0) / NANOUSD_PER_USD,
        "cacheHits": hour.counters.get("cache_hits", 0),
    }


def _cost(spent: Spending, states: Sequence[GateState]) -> dict[str, Any]:
    days = [{"day": day, **each.view()} for day, each in spent.days.items()]
    today = list(spent.days.values())[-1]
    # All taggers are to have the same one.
    budget = next((gate.budget for gate in states if gate.budget), None)
    return {
        "today": {**days[-1], "models": today.models()},
        "last30Days": days,
        "total": {**spent.total.view(), "models": spent.total.models()},
        "budget": budget.view() if budget else None,
    }
