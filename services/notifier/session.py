"""One socket: where it stands in its lane, and the transport that carries its frames."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from services.notifier.closing import Close
from services.notifier.deliveries import tell
from services.notifier.metrics import CLOSED, EVENTS
from shared.progress import LaneEntry, after

_SENT = {
    event.encode(): EVENTS.labels(event=event)
    for event in (
        "photo:progress", "photo:complete", "photo:error", "photo:retrying", "photo:cancelled",
        "batch:progress", "batch:complete",
    )
}  # fmt: skip
_SENT_OTHER = EVENTS.labels(event="other")


def count(entries: Collection[LaneEntry]) -> None:
    """Count events that were sent, and tell of them where somebody wants to know."""
    events = [each.event for each in entries]
    for event in set(events):
        _SENT.get(event, _SENT_OTHER).inc(events.count(event))
    tell(entries)


class Transport(Protocol):
    """What carries frames to a client: WebSocket, Socket.IO, server-sent events."""

    name: str

    def offer(self, *entries: LaneEntry) -> bool:
        """Send `entries` as frames; False if too much waits already, and some were not sent.

        One that comes first of all, `connected`, comes alone.
        """

    async def room(self) -> None:
        """Wait until nothing waits to be sent, or the connection has ended."""

    def watch(self, on_stall: Callable[[], None]) -> None:
        """Have `on_stall` called when the client takes nothing for too long."""

    def close(self, code: Close) -> None:
        """Close the connection soon, saying why."""


class Session:
    """A socket's place in its lane: what comes later is sent, once and in order.

    `position` is the entry after which its frames follow. `claim` is the entry that says it
    is served here; a later claim of another notifier ends it.
    """

    __slots__ = (
        "_live_from", "_rival", "begun", "claim", "closed", "lane", "name", "position",
        "socket_id", "transport",
    )  # fmt: skip

    def __init__(self, socket_id: str, lane: int, transport: Transport, position: str) -> None:
        self.socket_id = socket_id
        self.name = socket_id.encode()
        self.lane = lane
        self.transport = transport
        self.position = position
        self.claim: str | None = None
        self.begun = False
        self.closed = False
        self._rival: str | None = None
        self._live_from: tuple[int, int] | None = None
        transport.watch(self._stalled)

    def send(self, entry: LaneEntry) -> bool:
        """Send an event, as the next one; False, and not sent, if too much waits already."""
        if not self.transport.offer(entry):
            return False
        count([entry])
        self.position = entry.id
        return True

    def go_live(self, position: str) -> None:
        """From now on take what is delivered, but for what `position` has behind it."""
        self._live_from = after(position)

    def deliver(self, entries: Sequence[LaneEntry]) -> Sequence[LaneEntry]:
        """Send live events, at least one; a client that does not take them is closed.

        Returns those that were sent, for whoever delivers to many to `count` them together.
        """
        if self._live_from is not None:
            entries = [each for each in entries if after(each.id) > self._live_from]
            if not entries:
                return ()
            self._live_from = None  # entries come in order: no later one needs a look
        if self.closed:
            return ()
        if not self.transport.offer(*entries):
            self.close(Close.TOO_SLOW)
            return ()
        self.position = entries[-1].id
        return entries

    def claimed(self, claim: str) -> None:
        """Hear that a notifier, maybe this one, serves the socket from the entry `claim` on."""
        if self._rival is None or after(claim) > after(self._rival):
            self._rival = claim
        self.settle_claims()

    def settle_claims(self) -> None:
        """Leave the socket to whoever has claimed it last; our own claim may be under way."""
        if self.claim and self._rival and after(self._rival) > after(self.claim):
            self.close(Close.TAKEN_OVER)

    def _stalled(self) -> None:
        self.close(Close.TOO_SLOW)

    def close(self, code: Close) -> None:
        """Close the socket; nothing is sent to it any more."""
        if not self.closed:
            self.closed = True
            CLOSED.labels(code=int(code)).inc()
            self.transport.close(code)
