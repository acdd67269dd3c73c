"""Whether pickup and drain hold when many messages wait, and what a waiting message weighs.

Each depth is what waits at least, from the first message measured to the last. Pickup is the time
from a consumer's asking for a message to its holding it; *urgent* (ours only) that from the
sending of a message of high priority, behind which all others wait, to a consumer's holding it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from dramatiq import Broker

from tests.bench.costs import server_bytes
from tests.bench.figures import Case, Figure, Sizes, percentile
from tests.bench.filling import fill
from tests.bench.subjects import (
    BESIDE,
    BROKERS,
    OURS,
    drain_rate,
    emptied,
    message,
    opened,
    wait_until_at_rest,
)
from tests.support.redis_server import temporary_server

MOST_TIMES = 1.3


@dataclass
class AtDepth:
    """What one broker does while so many messages wait."""

    pickup_ms: list[float]
    urgent_ms: list[float]
    drained: float
    message_bytes: float


def measure(sizes: Sizes) -> list[Figure]:
    with temporary_server() as server:
        seen = {
            (kind, depth): _at_depth(kind, server.url, depth, sizes)
            for depth in sizes.depths
            for kind in BROKERS
        }
    figures = []
    for depth in sizes.depths:
        figures += _figures(f"{depth:,}".replace(",", " "), seen[OURS, depth], seen[BESIDE, depth])
    return figures + _growth(seen, min(sizes.depths), max(sizes.depths))


def _figures(depth: str, ours: AtDepth, beside: AtDepth) -> list[Figure]:
    p50, p99 = (
        [percentile(each.pickup_ms, percent) for each in (ours, beside)] for percent in (50, 99)
    )
    return [
        Figure(f"{depth} waiting: pickup p50", "ms", p50[0], p50[1]),
        Figure(f"{depth} waiting: pickup p99", "ms", p99[0], p99[1]),
        Figure(f"{depth} waiting: urgent p50", "ms", statistics.median(ours.urgent_ms)),
        Figure(f"{depth} waiting: drained", "a second", ours.drained, beside.drained, more=True),
        Figure(f"{depth} waiting: a message", "bytes", ours.message_bytes, beside.message_bytes),
    ]


def _growth(seen: dict[tuple[str, int], AtDepth], least: int, most: int) -> list[Figure]:
    """Return how many times worse it is with the most waiting than with the least."""

    def times(kind: str, cost: Callable[[AtDepth], float]) -> float:
        return cost(seen[kind, most]) / cost(seen[kind, least])

    pickup = (times(kind, lambda at: statistics.median(at.pickup_ms)) for kind in (OURS, BESIDE))
    urgent = times(OURS, lambda at: statistics.median(at.urgent_ms))
    drain = (times(kind, lambda at: 1 / at.drained) for kind in (OURS, BESIDE))
    return [
        _held("pickup p50", *pickup),
        _held("urgent p50", urgent),
        _held("drain", *drain),
    ]


def _held(name: str, ours: float, beside: float | None = None) -> Figure:
    goal, met = f"at most {MOST_TIMES:g}", ours <= MOST_TIMES
    return Figure(f"{name}, most / least waiting", "times", ours, beside, goal=goal, met=met)


def _at_depth(kind: str, url: str, depth: int, sizes: Sizes) -> AtDepth:
    with emptied(url) as client, opened(kind, url) as broker:
        broker.declare_queue("default")
        before = server_bytes(client)
        filled = depth + sizes.pickups + sizes.messages
        fill(client, broker, filled)
        message_bytes = (server_bytes(client) - before) / filled
        wait_until_at_rest(client)
        pickup_ms = _pickups(broker, sizes.pickups)
        urgent_ms = _pickups(broker, sizes.pickups, urgent=True) if kind == OURS else []
        return AtDepth(pickup_ms, urgent_ms, drain_rate(broker, sizes.messages), message_bytes)


def _pickups(broker: Broker, count: int, *, urgent: bool = False) -> list[float]:
    took_ms = []
    consumer = broker.consume("default", prefetch=1, timeout=1000)
    wanted = "high" if urgent else None
    for _ in range(count):
        start = time.perf_counter()
        if urgent:
            broker.enqueue(message().copy(options={"priority": wanted}))
        held = None
        while held is None or held.options.get("priority") != wanted:
            if held is not None:
                consumer.ack(held)  # it was a less urgent one's turn, for which this one waits
            held = next(consumer)
        took_ms.append((time.perf_counter() - start) * 1000)
        consumer.ack(held)
    consumer.close()
    return took_ms


CASE = Case("backlog", "With messages waiting", BESIDE, measure)
