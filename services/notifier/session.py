"""One socket: where it stands in its lane, and the transport that carries its frames."""

from __future__ import annotations

from typing import Final, Protocol

from services.notifier.closing import Close
from services.notifier.frames import Frame
from services.notifier.metrics import CLOSED, EVENTS
from services.notifier.outbox import MAX_FRAMES
from shared.progress import LaneEntry, after

MAX_HELD_BACK: Final = 4 * MAX_FRAMES
"""How many live events may wait for the end of a replay."""


class Transport(Protocol):
    """What carries frames to a client: WebSocket, Socket.IO."""

    name: str

    def offer(self, frame: Frame) -> bool:
        """Take `frame` to be sent; False if too much waits to be sent already."""

    async def put(self, frame: Frame) -> None:
        """Take `frame` to be sent, waiting until there is room."""

    def close(self, code: Close) -> None:
        """Close the connection soon, saying why."""


class Session:
    """A socket's place in its lane: what comes later is sent, once and in order."""

    def __init__(self, socket_id: str, lane: int, transport: Transport, position: str) -> None:
        self.socket_id = socket_id
        self.lane = lane
        self.transport = transport
        self.closed = False
        self._position = after(position)
        self._held_back: list[LaneEntry] | None = []

    def deliver(self, entry: LaneEntry) -> None:
        """Send a live event; it waits while the past is being replayed."""
        if self.closed:
            return
        if self._held_back is not None:
            self._held_back.append(entry)
            if len(self._held_back) > MAX_HELD_BACK:
                self.close(Close.TOO_SLOW)
        elif self._is_next(entry) and not self.transport.offer(Frame.of(entry)):
            self.close(Close.TOO_SLOW)

    async def replay(self, entry: LaneEntry) -> None:
        """Send an event of the past, waiting for the client to take it."""
        if self._is_next(entry):
            await self.transport.put(Frame.of(entry))

    def go_live(self) -> None:
        """Send what has waited, and from now on every event as it comes."""
        waiting, self._held_back = self._held_back or [], None
        for entry in waiting:
            self.deliver(entry)

    def restart(self, position: str) -> None:
        """Go live from `position`: what lies before it has been told by a snapshot."""
        self._position = after(position)
        self.go_live()

    def close(self, code: Close) -> None:
        """Close the socket; nothing is sent to it any more."""
        if not self.closed:
            self.closed = True
            CLOSED.labels(code=int(code)).inc()
            self.transport.close(code)

    def _is_next(self, entry: LaneEntry) -> bool:
        """Whether `entry` has not been sent yet; notes that it is now."""
        place = after(entry.id)
        if place <= self._position:
            return False
        self._position = place
        EVENTS.labels(event=entry.event.decode("utf-8", "replace")).inc()
        return True
