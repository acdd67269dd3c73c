"""Photos of 100 KB through the whole system to their end, 32 at a time, followed over sockets.

The API costs nothing. The limit: how many a second a server takes that only keeps their bytes.
Where they are copies of one photo, ours knows what they show, and does not look again.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

from tests.bench.asked import Asked
from tests.bench.figures import Case, Figure, Sizes
from tests.bench.system import cost_figures, costs, photo_clients, running_system
from tests.bench.uploads import limit

AT_ONCE = 32
SOCKETS = 8
TIMES = 2.0


def measure(sizes: Sizes, *, copies: bool = False) -> list[Figure]:
    count = sizes.followed
    rates: dict[str, list[float]] = {"ours": [], "beside": [], "limit": []}
    losses = 0
    with running_system() as system, photo_clients() as clients, limit() as bare:
        addresses = {"ours": (system.url, system.socket_url)}
        if sizes.beside_url:
            addresses["beside"] = (sizes.beside_url, sizes.beside_url)
        for address in addresses.values():
            follow(clients, *address, sizes.warm_up, copies=copies)
        spent = []
        for _ in range(sizes.rounds):
            for who, address in addresses.items():
                before = system.cpu_s()
                told = follow(clients, *address, count, copies=copies)
                rates[who].append(count / told["took_s"])
                if who == "ours":
                    spent.append({**costs(before, system.cpu_s(), count), **_client(told, count)})
                    losses += told["lost"] + told["disorder"] + told["bad"]
            told = clients.ask({"upload": bare, "count": count, "at_once": AT_ONCE})
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
        Figure("lost, failed or out of order", "of all", losses, goal="0", met=not losses),
        *cost_figures({part: statistics.median(each[part] for each in spent) for part in spent[0]}),
    ]  # fmt: skip


def follow(
    clients: Asked, url: str, socket: str, count: int, *, copies: bool = False
) -> dict[str, Any]:
    return clients.ask(
        {
            "follow": url,
            "socket": socket,
            "count": count,
            "at_once": AT_ONCE,
            "sockets": SOCKETS,
            "copies": copies,
        }
    )


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
