"""How long a message waits for an idle worker.

From before `send` to the first line of the actor, in one process: the sender, a worker of each
broker and its eight threads share Python's lock, so a separate worker is no slower. The brokers
take turns, message by message; random pauses keep the workers idle and out of step with their
polling.
"""

from __future__ import annotations

import queue
import random
import time
from contextlib import ExitStack

from tests.bench.figures import Case, Figure, Sizes, percentile
from tests.bench.subjects import BESIDE, BROKERS, OURS, opened, worked
from tests.support.redis_server import temporary_server

WARM_UP = 5
PAUSE_S = (0.0, 0.12)
SEED = 20261124
TIMES_FASTER = 30
GOALS_MS = {50: 1.5, 90: None, 99: 10.0}


class Waits:
    """A worker of one broker, and how long its messages waited."""

    def __init__(self, kind: str, url: str, exits: ExitStack) -> None:
        self.ms: list[float] = []
        self._started: queue.Queue[float] = queue.Queue()
        broker = exits.enter_context(opened(kind, url))
        self._actor = exits.enter_context(worked(broker, self._run))

    def _run(self) -> None:
        self._started.put(time.perf_counter())

    def send(self) -> None:
        sent = time.perf_counter()
        self._actor.send()
        self.ms.append((self._started.get(timeout=30) - sent) * 1000)


def measure(sizes: Sizes) -> list[Figure]:
    with ExitStack() as exits:
        url = exits.enter_context(temporary_server()).url
        waits = {kind: Waits(kind, url, exits) for kind in BROKERS}
        pauses = random.Random(SEED)
        for _ in range(WARM_UP + sizes.pickups):
            for each in waits.values():
                time.sleep(pauses.uniform(*PAUSE_S))
                each.send()
    figures = []
    for percent, goal_ms in GOALS_MS.items():
        ours, beside = (percentile(waits[kind].ms[WARM_UP:], percent) for kind in (OURS, BESIDE))
        goal = f"at most {goal_ms:g}" if goal_ms else ""
        met = ours <= goal_ms if goal_ms else None
        if percent == 50:
            goal += f", {TIMES_FASTER} times as fast"
            met = bool(met) and beside >= TIMES_FASTER * ours
        figures.append(Figure(f"p{percent}", "ms", ours, beside, goal=goal, met=met))
    return figures


CASE = Case("pickup", "Pickup by an idle worker", BESIDE, measure)
