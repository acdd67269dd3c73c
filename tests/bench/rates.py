"""How many messages a second one thread enqueues, and a worker of eight threads runs.

The actor does nothing: what is measured is Dramatiq, the client and the server. The brokers take
turns; the median round counts.
"""

from __future__ import annotations

import statistics
import time

from tests.bench.figures import Case, Figure, Sizes
from tests.bench.subjects import BESIDE, BROKERS, OURS, drain_rate, emptied, message, opened
from tests.support.redis_server import temporary_server

TIMES_FASTER = 1.5


def measure(sizes: Sizes) -> list[Figure]:
    enqueued: dict[str, list[float]] = {kind: [] for kind in BROKERS}
    drained: dict[str, list[float]] = {kind: [] for kind in BROKERS}
    with temporary_server() as server:
        for _ in range(sizes.rounds):
            for kind in BROKERS:
                with emptied(server.url), opened(kind, server.url) as broker:
                    broker.declare_queue("default")
                    start = time.perf_counter()
                    for number in range(sizes.messages):
                        broker.enqueue(message(number))
                    enqueued[kind].append(sizes.messages / (time.perf_counter() - start))
                    drained[kind].append(drain_rate(broker, sizes.messages))
    figures = []
    for name, rates in (("enqueued", enqueued), ("drained", drained)):
        ours, beside = (statistics.median(rates[kind]) for kind in (OURS, BESIDE))
        goal, met = "", None
        if name == "drained":
            goal, met = f"{TIMES_FASTER:g} times as fast", ours >= TIMES_FASTER * beside
        figures.append(Figure(name, "a second", ours, beside, more=True, goal=goal, met=met))
    return figures


CASE = Case("rates", "Messages enqueued and drained", BESIDE, measure)
