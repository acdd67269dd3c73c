"""The API takes 1 s: how many photos one tagger has in flight, what that takes, how many it ends.

The limit of the rate is what is in flight in a second. On few cores it is not reached; the share
of the CPU that each part had says how many cores would do.
"""

from __future__ import annotations

from tests.bench.figures import Case, Figure, Sizes
from tests.bench.system import costs, photo_clients, running_system

DELAY_S = 1.0
SOCKETS = 8
MOST_MB = 400.0
LEAST_SHARE = 0.9


def measure(sizes: Sizes) -> list[Figure]:
    flight = sizes.in_flight
    settings = {"TAGLINE_THREADS": str(flight), "TAGLINE_MAX_UPLOADS": str(2 * flight)}
    with running_system(settings, delay_s=DELAY_S) as system, photo_clients() as clients:
        question = {
            "follow": system.url, "socket": system.socket_url,
            "at_once": flight, "sockets": SOCKETS,
        }  # fmt: skip
        clients.ask({**question, "count": sizes.warm_up})
        before = system.cpu_s()
        told = clients.ask({**question, "count": 3 * flight})
        count = 3 * flight
        spent = costs(before, system.cpu_s(), count)
        spent["clients"] = 1000 * told["cpu_s"] / count
        tagger_mb = system.tagger_peak_mb()
        in_flight = system.most_calls()
    rate, limit = count / told["took_s"], flight / DELAY_S
    losses = told["lost"] + told["bad"] + told["disorder"]
    whole_ms = sum(spent.values())
    return [
        Figure("calls in flight at most", "photos", in_flight, limit=flight, more=True),
        Figure(
            "the tagger's memory", "MB", tagger_mb,
            goal=f"at most {MOST_MB:g}", met=tagger_mb <= MOST_MB,
        ),
        Figure(
            "to the end", "a second", rate, limit=limit, more=True,
            goal=f"{LEAST_SHARE:.0%} of the limit, where cores allow",
            met=True if rate >= LEAST_SHARE * limit else None,
        ),
        Figure("lost, failed or out of order", "of all", losses, goal="0", met=not losses),
        Figure("cores that the limit would take", "cores", whole_ms / 1000 * limit),
        *(
            Figure(f"  CPU of one, {part}", "ms", ms)
            for part, ms in spent.items()
        ),
    ]  # fmt: skip


CASE = Case("flight", "Photos in flight, the API taking 1 s", "", measure, limit="all in flight")
