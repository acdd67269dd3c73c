"""How much of everything one run does, by its seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Plan:
    """`seconds`: in how long uploads and faults come; to rest takes more.

    `kills`, `stops`, `terms`: how many SIGKILL, SIGSTOP (past the lease, of a tagger) and SIGTERM
    each kind of process is sent. `overtaken`: how often a tagger stands still within an attempt
    until another one is at the photo. `replies`: how many replies of the server are lost on the
    way, `delays` and `resets`: how often they are held back, and all connections cut.
    `patience_s`: how long a process has to come by its failpoint, before it is killed from
    outside; `settle_s`: how long it may take, after the last fault, until all is at rest.
    `recovery_s`: how long anything may take to go on after a kill; None where a machine may be
    too busy for that to be told.
    """

    seed: int
    uploads: int = 2000
    seconds: float = 240.0
    clients: int = 20
    poison: int = 3
    claim_after_ms: int = 15_000
    kills: dict[str, int] = field(
        default_factory=lambda: {"tagger": 50, "gateway": 20, "notifier": 20, "server": 10}
    )
    stops: dict[str, int] = field(
        default_factory=lambda: {"tagger": 6, "gateway": 2, "notifier": 2, "server": 2}
    )
    terms: dict[str, int] = field(
        default_factory=lambda: {"tagger": 10, "gateway": 5, "notifier": 5, "server": 2}
    )
    overtaken: int = 3
    replies: int = 200
    delays: int = 20
    resets: int = 20
    patience_s: float = 15.0
    settle_s: float = 240.0
    recovery_s: float | None = 20.0


def short(seed: int) -> Plan:
    """The form for `make test`: each kind of fault, on a lease that lapses soon."""
    return Plan(
        seed,
        uploads=100,
        seconds=14.0,
        clients=10,
        poison=1,
        claim_after_ms=2000,
        kills={"tagger": 4, "gateway": 2, "notifier": 2, "server": 1},
        stops={"tagger": 1, "gateway": 0, "notifier": 1, "server": 0},
        terms={"tagger": 1, "gateway": 1, "notifier": 1, "server": 0},
        overtaken=2,
        replies=12,
        delays=1,
        resets=2,
        patience_s=5.0,
        settle_s=120.0,
        recovery_s=None,
    )


COPIES: Final = {"tagger": 2, "gateway": 1, "notifier": 2}
"""How many of each service there are."""

CLOCKS_S: Final = {"tagger": (-3600.0, 3600.0), "gateway": (-3600.0,), "notifier": (0.0, 3600.0)}
"""How far the clock of each is ahead: everything goes by the server's."""

LIMITS_MB: Final = {
    "tagger": 400,
    "gateway": 250,
    "notifier": 150,
    "child": 512,
    "server": 250,
}
"""What a process may take at most; `child`: one that decodes."""
