"""What the notifier counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

SOCKETS: Final = Gauge("tagline_sockets", "Sockets connected, by transport.", ["transport"])
LANES: Final = Gauge("tagline_lanes", "Lanes that are read, because a socket's events are there.")
EVENTS: Final = Counter(
    "tagline_events_sent_total", "Events handed to sockets, by event.", ["event"]
)
CONNECTS: Final = Counter(
    "tagline_connects_total", "Connections by what they got: new, resumed or resync.", ["result"]
)
CLOSED: Final = Counter("tagline_closes_total", "Sockets closed by us, by close code.", ["code"])
