"""How many photos one tagger has in flight, what that takes, and how many it ends in a second.

The API takes 1 s for the rate, whose limit is what is in flight in that second. On few cores it is
not reached; the share of the CPU that each part had says how many cores would do. So that all are
in flight nevertheless, it takes longer for the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench.figures import Case, Figure, Sizes
from tests.bench.photo_clients import PhotoClients, losses, losses_figure
from tests.bench.system import System, costs, running_system

DELAY_S = 1.0
SOCKETS = 8
MOST_MB = 400.0
LEAST_SHARE = 0.9


def measure(sizes: Sizes) -> list[Figure]:
    return [*_held(sizes), *_ended(sizes)]


def _held(sizes: Sizes) -> list[Figure]:
    flight = sizes.in_flight
    with _running(flight, sizes.held_s) as (system, clients):
        told = _follow(clients, system, flight, flight)
        in_flight = system.most_calls()
        alone_mb, all_mb = system.tagger_peak_mb()
    return [
        Figure("calls in flight at most", "photos", in_flight, limit=flight, more=True),
        Figure(
            "  the tagger's memory then", "MB", alone_mb,
            goal=f"at most {MOST_MB:g}", met=alone_mb <= MOST_MB,
        ),
        Figure("  with its decoders", "MB", all_mb),
        losses_figure(losses(told)),
    ]  # fmt: skip


def _ended(sizes: Sizes) -> list[Figure]:
    flight, count = sizes.in_flight, 3 * sizes.in_flight
    with _running(flight, DELAY_S) as (system, clients):
        _follow(clients, system, sizes.warm_up, flight)
        before = system.cpu_s()
        told = _follow(clients, system, count, flight)
        spent = costs(before, system.cpu_s(), count)
    spent["clients"] = 1000 * told["cpu_s"] / count
    rate, limit = count / told["took_s"], flight / DELAY_S
    return [
        Figure(
            "to the end", "a second", rate, limit=limit, more=True,
            goal=f"{LEAST_SHARE:.0%} of the limit, where cores allow",
            met=True if rate >= LEAST_SHARE * limit else None,
        ),
        losses_figure(losses(told)),
        Figure("cores that the limit would take", "cores", sum(spent.values()) / 1000 * limit),
        *(
            Figure(f"  CPU of one, {part}", "ms", ms)
            for part, ms in spent.items()
        ),
    ]  # fmt: skip


@contextmanager
def _running(flight: int, delay_s: float) -> Iterator[tuple[System, PhotoClients]]:
    settings = {"TAGLINE_THREADS": str(flight), "TAGLINE_MAX_UPLOADS": str(2 * flight)}
    with running_system(settings, delay_s=delay_s) as system, PhotoClients() as clients:
        yield system, clients


def _follow(clients: PhotoClients, system: System, count: int, at_once: int) -> dict[str, Any]:
    return clients.follow(system.url, system.socket_url, count, at_once=at_once, sockets=SOCKETS)


CASE = Case("flight", "Photos in flight in one tagger", "", measure, limit="all in flight")
