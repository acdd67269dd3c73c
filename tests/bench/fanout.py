"""How many events a second one notifier delivers to few and to many sockets, and two of them.

From the first XADD to the last arrival, events published as fast as the server takes them.
The publisher and the clients share the machine's cores with what is measured: so the cores that
each has had are told, and what is met is judged only where they could have shown it. The limit: a
process that has the frames ready, and writes them to the same clients.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from tests.bench.asked import Asked
from tests.bench.figures import Case, Figure, Sizes
from tests.bench.notifiers import LOAD, Setup, running

FEW = 100
LEAST_A_SECOND = 40_000
LEAST_OF_TWO = 1.6
CORES_FOR_TWO = 5
"""Two notifiers, the server, the clients and the publisher."""

LEAST_CORES = 0.01
"""A short run may end before a tick of the clock by which the notifier's time is counted."""


@dataclass(frozen=True)
class Run:
    """What one measurement gave."""

    delivered: float
    published: float
    cores: dict[str, float]
    reads: int
    strays: int
    """How many entries notifiers have read that were on the lane of another."""

    @property
    def by_a_core(self) -> float:
        """How many events a second a notifier delivers for each whole core that it has."""
        return self.delivered / max(self.cores["notifiers"], LEAST_CORES)


def measure(sizes: Sizes) -> list[Figure]:
    few_sockets = min(FEW, sizes.fanned)
    few = _run(few_sockets, 1, sizes.events)
    many = _run(sizes.fanned, 1, sizes.events)
    two = _run(sizes.fanned, 2, sizes.events)
    return [
        *_figures(f"to {few_sockets} sockets", few, _bare(few_sockets, sizes.events)),
        *_figures(f"to {sizes.fanned} sockets", many, _bare(sizes.fanned, sizes.events)),
        *_figures(f"to {sizes.fanned} on two notifiers", two),
        *_of_two(many, two),
    ]


def _run(sockets: int, notifiers: int, events: int) -> Run:
    with running(notifiers) as setup:
        setup.open(sockets - notifiers)
        setup.publish(events // 10)  # warm
        busy_s, reads, read = setup.busy_s(), setup.lane_reads(), setup.entries_read()
        told = setup.publish(events)
        return Run(
            delivered=events / told.took_s,
            published=events / told.published_s,
            cores={
                name: (now_s - busy_s[name]) / told.took_s for name, now_s in setup.busy_s().items()
            },
            reads=setup.lane_reads() - reads,
            strays=_strays(setup, read, events),
        )


def _strays(setup: Setup, before: list[int], events: int) -> int:
    """Return how many more entries than `events` were read: each is due on one notifier."""
    read = [now - then for now, then in zip(setup.entries_read(), before, strict=True)]
    return sum(read) - events


def _bare(sockets: int, events: int) -> float:
    """Return how many frames a second reach the same clients if nobody has to find out whose."""
    with (
        Asked("tests.bench.bare_sockets") as bare,
        Asked(LOAD, "sockets", str(bare.said()["port"])) as clients,
    ):
        clients.ask(sockets)
        clients.ask(None)
        first_ns, received = bare.ask(events)["first_ns"], 0
        last_ns = first_ns
        while received < events:
            told = clients.ask(None)
            received, last_ns = received + told["received"], told["last_ns"]
            time.sleep(0.01)
    return float(events / ((last_ns - first_ns) / 1e9))


def _figures(where: str, run: Run, limit: float | None = None) -> list[Figure]:
    """With a limit, it is judged."""
    goal, met = "", None
    if limit:
        goal = f"{LEAST_A_SECOND}, if so many are published"
        if max(run.delivered, run.published) >= LEAST_A_SECOND:
            met = run.delivered >= LEAST_A_SECOND
    return [
        Figure(where, "a second", run.delivered, limit=limit, more=True, goal=goal, met=met),
        Figure("  published", "a second", run.published),
        Figure("  by a whole core of a notifier", "a second", run.by_a_core),
        *(Figure(f"  {name}", "cores", cores) for name, cores in run.cores.items()),
        Figure("  XREADs", "in all", run.reads),
    ]


def _of_two(one: Run, two: Run) -> list[Figure]:
    times = two.delivered / one.delivered
    had_they_cores = 2 * two.by_a_core / one.by_a_core
    goal = f"{LEAST_OF_TWO:g}"
    shown = times >= LEAST_OF_TWO or (os.cpu_count() or 1) >= CORES_FOR_TWO
    return [
        Figure(
            "  two deliver", "times what one does", times, goal=f"{goal}, on {CORES_FOR_TWO} cores",
            met=times >= LEAST_OF_TWO if shown else None,
        ),
        Figure(
            "  if each had a core", "times", had_they_cores,
            goal=goal, met=had_they_cores >= LEAST_OF_TWO,
        ),
        Figure(
            "  entries read of another's lane", "of all", two.strays, goal="0", met=not two.strays
        ),
    ]  # fmt: skip


CASE = Case(
    "fanout", "Events from XADD to sockets", "", measure, limit="ready frames, no server between"
)
