"""What a socket costs while nothing happens, how fast sockets connect, how long an event takes.

From XADD to client: at a steady rate, to few sockets. The bytes are what the notifier's resident
memory grows by; an idle socket has been told `connected` and nothing else.
"""

from __future__ import annotations

from tests.bench.figures import Case, Figure, Sizes
from tests.bench.notifiers import running
from tests.support.memory import rss_mb

FEW = 100
STEADY_A_SECOND = 1_000
MOST_P99_MS = 20.0
MOST_KIB = 15.0


def measure(sizes: Sizes) -> list[Figure]:
    with running() as setup:
        few = min(FEW, sizes.sockets // 2)
        setup.open(few - 1)
        setup.publish(STEADY_A_SECOND, STEADY_A_SECOND)  # warm
        told = setup.publish(STEADY_A_SECOND * sizes.steady_s, STEADY_A_SECOND)
        more = sizes.sockets - few
        before_mb = rss_mb(setup.notifiers[0].pid)
        took_s = setup.open(more)
        each_kib = (rss_mb(setup.notifiers[0].pid) - before_mb) / more * 1024
    return [
        Figure(f"XADD to client, {STEADY_A_SECOND}/s, p50", "ms", told.p50_ms),
        Figure(
            f"XADD to client, {STEADY_A_SECOND}/s, p99", "ms", told.p99_ms,
            goal=f"at most {MOST_P99_MS:g}", met=told.p99_ms <= MOST_P99_MS,
        ),
        Figure(
            f"each of {more} idle sockets", "KiB", each_kib,
            goal=f"at most {MOST_KIB:g}", met=each_kib <= MOST_KIB,
        ),
        Figure("connections", "a second", more / took_s, more=True),
    ]  # fmt: skip


CASE = Case("sockets", "Sockets, and one event's way", "", measure)
