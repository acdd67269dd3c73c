"""How many uploads a second are accepted over 32 connections: of 100 KB, and of 5 MB.

The whole system runs and tags meanwhile; the API costs nothing. Each round has a system of its
own, so that it does not also tag what the round before has left. The limit: a server that writes
each body to a file and answers, nginx where there is one, else as little as Python can do.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.bench.asked import Asked
from tests.bench.bare_nginx import running_nginx
from tests.bench.figures import Case, Figure, Sizes
from tests.bench.local_photos import distinct_photos, large_photo
from tests.bench.photo_clients import PhotoClients
from tests.bench.system import System, cost_figures, costs, running_system

CONNECTIONS = 32
LARGE_BYTES = 5_000_000
MOST_MB = 1.0
TIMES = {"100 KB": 2.0, "5 MB": 1.0}
MOST_P99_TIMES = 0.5


@dataclass
class Runs:
    """What each round has told."""

    rates: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def add(self, told: dict[str, Any], count: int) -> None:
        assert not told["bad"], f"{told['bad']} uploads were refused"
        self.rates.append(count / told["took_s"])
        self.p50_ms.append(told["ms"]["answer"][0])
        self.p99_ms.append(told["ms"]["answer"][1])


@dataclass
class Seen:
    """What was seen of one size."""

    ours: Runs = field(default_factory=Runs)
    beside: Runs = field(default_factory=Runs)
    limit: Runs = field(default_factory=Runs)
    cpu_ms: list[dict[str, float]] = field(default_factory=list)
    connection_mb: list[float] = field(default_factory=list)


def measure(sizes: Sizes) -> list[Figure]:
    figures = []
    for name, photo, count in (
        ("100 KB", distinct_photos(1)[0], sizes.uploads),
        ("5 MB", large_photo(LARGE_BYTES), sizes.large_uploads),
    ):
        seen = Seen()
        with PhotoClients(photo) as clients:
            for _ in range(sizes.rounds):
                _round(clients, sizes, count, seen)
        figures += _figures(name, seen)
    return figures


def _round(clients: PhotoClients, sizes: Sizes, count: int, seen: Seen) -> None:
    with running_system() as system:
        _ours(clients, system, sizes, count, seen)
    if sizes.beside_url:
        _upload(clients, sizes.beside_url, sizes.warm_up)
        seen.beside.add(_upload(clients, sizes.beside_url, count), count)
        # Photos are taken in turns: when this one has ended, so have all before it.
        clients.follow(sizes.beside_url, sizes.beside_url, 1, at_once=1, sockets=1)
    with limit() as url:
        _upload(clients, url, sizes.warm_up)
        seen.limit.add(_upload(clients, url, count), count)


def _ours(clients: PhotoClients, system: System, sizes: Sizes, count: int, seen: Seen) -> None:
    idle_mb = system.gateway_mb()
    _upload(clients, system.url, sizes.warm_up)
    before = system.cpu_s()
    seen.ours.add(_upload(clients, system.url, count), count)
    seen.cpu_ms.append(costs(before, system.cpu_s(), count))
    seen.connection_mb.append(max(0.0, system.gateway_peak_mb() - idle_mb) / CONNECTIONS)


def _upload(clients: PhotoClients, url: str, count: int) -> dict[str, Any]:
    return clients.upload(url, count, at_once=CONNECTIONS)


@contextmanager
def limit() -> Iterator[str]:
    """The address of a server that only takes bytes."""
    with tempfile.TemporaryDirectory() as folder:
        if nginx := shutil.which("nginx"):
            with running_nginx(nginx, Path(folder)) as url:
                yield url
        else:
            with Asked("tests.bench.bare_server", f"--folder={folder}") as bare:
                yield bare.said()["url"]


def _figures(name: str, seen: Seen) -> list[Figure]:
    return [
        _compared(f"{name}: uploads", "a second", "rates", seen, least=TIMES[name]),
        _compared(f"{name}: POST to 202 p50", "ms", "p50_ms", seen),
        _compared(
            f"{name}: POST to 202 p99", "ms", "p99_ms", seen,
            least=1 / MOST_P99_TIMES if name == "100 KB" else 0,
        ),
        Figure(
            f"{name}: the gateway's memory, a connection", "MB", max(seen.connection_mb),
            goal=f"at most {MOST_MB:g}", met=max(seen.connection_mb) <= MOST_MB,
        ),
        *cost_figures(
            {part: statistics.median(each[part] for each in seen.cpu_ms) for part in seen.cpu_ms[0]}
        ),
    ]  # fmt: skip


def _compared(name: str, unit: str, of: str, seen: Seen, *, least: float = 0.0) -> Figure:
    """Compare the medians; `least`: how many times as good as beside it has to be, if any."""
    ours, beside, bare = (
        statistics.median(values) if (values := getattr(runs, of)) else None
        for runs in (seen.ours, seen.beside, seen.limit)
    )
    assert ours is not None
    figure = Figure(name, unit, ours, beside, limit=bare, more=of == "rates")
    if not least or figure.times_better is None:
        return figure
    return replace(figure, goal=f"{least:g} times as good", met=figure.times_better >= least)


CASE = Case(
    "uploads", "Uploads over 32 connections", "beside", measure, limit="a server that keeps bytes"
)
