"""What the notifier counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

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
CLOSED: Final = Counter("tagline_closes_total", "Sockets closed by us, by close code.", ["code"])
CUT_OFF: Final = Counter(
    "tagline_cut_offs_total", "Sockets cut off because they did not answer a close."
)
BACKLOGGED: Final = Counter(
    "tagline_backlogs_total", "Times a socket did not take what was written at once."
)
