"""One upload at a time on an idle system, from the POST to each event, through the three services.

The API costs nothing. The limit of each is a bare XADD with the same fsync setting, in turns with
the uploads: nothing that is accepted can be answered before.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

import redis

from tests.bench.figures import Case, Figure, Sizes
from tests.bench.photo_clients import PhotoClients
from tests.bench.system import cost_figures, costs, running_system

NAMES = {"answer": "POST to 202", "first": "POST to first event", "complete": "POST to complete"}
ENTRY: Final[dict[Any, Any]] = {"m": b"x" * 300}


def measure(sizes: Sizes, *, copies: bool = False) -> list[Figure]:
    ours: list[dict[str, Any]] = []
    beside: list[dict[str, Any]] = []
    xadd_ms: list[float] = []
    with ExitStack() as exits:
        system = exits.enter_context(running_system())
        clients = exits.enter_context(PhotoClients())
        follow = partial(clients.follow, at_once=1, sockets=1, copies=copies)
        client = exits.enter_context(redis.Redis.from_url(system.redis_url))
        addresses = {(system.url, system.socket_url): ours}
        if sizes.beside_url:
            addresses[sizes.beside_url, sizes.beside_url] = beside
        for url, socket in addresses:
            follow(url, socket, sizes.warm_up)
        spent = dict.fromkeys(system.cpu_s(), 0.0)
        for _ in range(sizes.rounds):
            for (url, socket), told in addresses.items():
                before = system.cpu_s()
                told.append(follow(url, socket, sizes.photos))
                if told is ours:
                    for part, now_s in system.cpu_s().items():
                        spent[part] += now_s - before[part]
            xadd_ms += [_xadd_ms(client) for _ in range(sizes.photos)]
    each = costs(dict.fromkeys(spent, 0.0), spent, sizes.photos * sizes.rounds)
    return [*_figures(ours, beside, statistics.median(xadd_ms)), *cost_figures(each)]


def _xadd_ms(client: redis.Redis) -> float:
    start = time.perf_counter()
    client.xadd("bench", ENTRY)
    return (time.perf_counter() - start) * 1000


def _figures(
    ours: list[dict[str, Any]], beside: list[dict[str, Any]], xadd_ms: float
) -> list[Figure]:
    def middle(runs: list[dict[str, Any]], name: str, at: int) -> float:
        return statistics.median(float(run["ms"][name][at]) for run in runs)

    figures = []
    for name, said in NAMES.items():
        for at, percent in enumerate((50, 99)):
            is_ours = middle(ours, name, at)
            is_beside = middle(beside, name, at) if beside else None
            figures.append(
                Figure(
                    f"{said} p{percent}", "ms", is_ours, is_beside, limit=xadd_ms,
                    goal="no more than beside" if beside else "",
                    met=None if is_beside is None else is_ours <= is_beside,
                )
            )  # fmt: skip
    return figures


CASE = Case(
    "latency", "One upload on an idle system", "beside", measure,
    limit="a bare XADD with the same fsync",
)  # fmt: skip

COPIES = Case(
    "latency-copies", "One copy of a photo on an idle system", "beside",
    partial(measure, copies=True),
    limit="a bare XADD with the same fsync",
)  # fmt: skip
