"""Photos of 100 KB through the whole system to their end, 32 at a time, followed over sockets.

The API costs nothing. The limit: how many a second a server takes that only keeps their bytes.
Where they are copies of one photo, ours knows what they show, and does not look again.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

from tests.bench.figures import Case, Figure, Sizes
from tests.bench.photo_clients import PhotoClients, losses, losses_figure
from tests.bench.system import cost_figures, costs, running_system
from tests.bench.uploads import limit

AT_ONCE = 32
SOCKETS = 8
TIMES = 2.0


def measure(sizes: Sizes, *, copies: bool = False) -> list[Figure]:
    count = sizes.followed
    rates: dict[str, list[float]] = {"ours": [], "beside": [], "limit": []}
    lost = 0
    with running_system() as system, PhotoClients() as clients, limit() as bare:
        follow = partial(clients.follow, at_once=AT_ONCE, sockets=SOCKETS, copies=copies)
        addresses = {"ours": (system.url, system.socket_url)}
        if sizes.beside_url:
            addresses["beside"] = (sizes.beside_url, sizes.beside_url)
        for address in addresses.values():
            follow(*address, sizes.warm_up)
        spent = []
        for _ in range(sizes.rounds):
            for who, address in addresses.items():
                before = system.cpu_s()
                told = follow(*address, count)
                rates[who].append(count / told["took_s"])
                if who == "ours":
                    spent.append({**costs(before, system.cpu_s(), count), **_client(told, count)})
                    lost += losses(told)
            told = clients.upload(bare, count, at_once=AT_ONCE)
            rates["limit"].append(count / told["took_s"])
    ours, beside, least = (
        statistics.median(values) if values else None for values in rates.values()
    )
    assert ours
    return [
        Figure(
            "to the end", "a second", ours, beside, limit=least, more=True,
            goal=f"{TIMES:g} times as many" if beside else "",
            met=ours >= TIMES * beside if beside else None,
        ),
        losses_figure(lost),
        *cost_figures({part: statistics.median(each[part] for each in spent) for part in spent[0]}),
    ]  # fmt: skip


def _client(told: dict[str, Any], count: int) -> dict[str, float]:
    return {"clients": 1000 * told["cpu_s"] / count}


CASE = Case(
    "photos", "Photos to the end, 32 at a time", "beside", measure,
    limit="a server that keeps bytes",
)  # fmt: skip

COPIES = Case(
    "copies", "Copies of one photo to the end, 32 at a time", "beside",
    partial(measure, copies=True),
    limit="a server that keeps bytes",
)  # fmt: skip
