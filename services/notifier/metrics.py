"""What the notifier counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from services.notifier.closing import Close
from shared.metrics import from_zero
from shared.presence import TRANSPORTS

SOCKETS: Final = Gauge("tagline_sockets", "Sockets connected, by transport.", ["transport"])
LANES: Final = Gauge("tagline_lanes", "Lanes that are read, because a socket's events are there.")
LANE_READS: Final = Counter(
    "tagline_lane_reads_total", "Reads of lanes: following one, or catching up.", ["kind"]
)
LANE_ENTRIES: Final = Counter("tagline_lane_entries_total", "Entries read while following lanes.")
LANE_BREAKS: Final = Counter(
    "tagline_lane_breaks_total", "Times a lane no longer held the place where it was followed."
)
CATCHING_UP: Final = Gauge("tagline_sockets_catching_up", "Sockets that are sent what they missed.")
EVENTS: Final = Counter(
    "tagline_events_sent_total", "Events handed to sockets, by event.", ["event"]
)
CONNECTS: Final = Counter(
    "tagline_connects_total", "Connections by what they got: new, resumed or resync.", ["result"]
)
REFUSED: Final = Counter(
    "tagline_refusals_total",
    "Connections refused: rate, full, key_full, draining, origin, key, bad_resume.",
    ["reason"],
)
CLOSED: Final = Counter(
    "tagline_closes_total",
    "Sockets closed by us, by close code; 4008: its outbox was full, what came then was dropped.",
    ["code"],
)
CUT_OFF: Final = Counter(
    "tagline_cut_offs_total", "Sockets cut off because they did not answer a close."
)
BACKLOGGED: Final = Counter(
    "tagline_backlogs_total", "Times a socket did not take what was written at once."
)
EVENT_DELAY: Final = Histogram(
    "tagline_event_delay_seconds",
    "From when an event was written, by the clock of Redis, to when sockets were handed it, by "
    "ours: that of the oldest of each read.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

from_zero(SOCKETS, *TRANSPORTS)
from_zero(CONNECTS, "new", "resumed", "resync")
from_zero(REFUSED, "rate", "full", "key_full", "draining", "origin", "key", "bad_resume")
from_zero(CLOSED, *(str(int(code)) for code in Close))
