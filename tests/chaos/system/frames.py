"""Whether each socket was sent its part of the lanes: every event, once, in order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.check import Finding
from tests.chaos.system.history import History, Told
from tests.chaos.system.notes import Frame

Place = tuple[int, int]


def place(entry_id: str) -> Place:
    """Return a stream entry's id as numbers, in the order of the stream."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)


@dataclass
class _Socket:
    """A socket: all that it is owed, and where its client stands. `held`: entries of its lane."""

    owed: list[Told]
    held: set[str]
    next: int = 0
    position: str = ""
    resync: bool = False

    def take(self, frame: Frame) -> Iterator[str]:
        """Yield what is wrong with the next frame."""
        if frame.event == "connected":
            yield from self._connected(frame)
            return
        if self.resync != (frame.event == "resync"):
            yield f"{frame.event} at {frame.id}: begun anew without a resync, or a resync within"
        self.resync = False
        if frame.event != "resync":
            yield from self._event(frame)
        self.position = frame.id

    def _connected(self, frame: Frame) -> Iterator[str]:
        if frame.data["resumed"]:
            if frame.id != self.position:
                yield f"resumed at {frame.id}, not at {self.position}"
            return
        if self.position:
            self.resync = True
            if self.position in self.held:
                yield f"begun anew at {frame.id}, though the lane reaches back to {self.position}"
        self.position = frame.id
        self._skip_to(frame.id)

    def _event(self, frame: Frame) -> Iterator[str]:
        if self.next < len(self.owed):
            owed = self.owed[self.next]
            if frame.id == owed.id:
                self.next += 1
                if (frame.event, frame.data) != (owed.event, owed.data):
                    yield f"{frame.id} was sent as {frame.event}, {frame.data}"
                return
        before = self.next
        self._skip_to(frame.id)
        if self.next > before:
            yield f"{self.next - before - 1} events missing before {frame.id}"
        else:
            yield f"{frame.id} was sent again, or to the wrong socket"

    def _skip_to(self, entry_id: str) -> None:
        ids = [place(told.id) for told in self.owed]
        self.next = max(self.next, bisect_right(ids, place(entry_id)))

    def missing(self) -> Iterator[str]:
        """Yield what never came."""
        if self.next < len(self.owed):
            yield f"the last {len(self.owed) - self.next} events never came"


def every_frame(history: History) -> Finding:
    owed: dict[str, list[Told]] = {}
    lane_of: dict[str, set[str]] = {}
    for lane in history.lanes:
        held = {told.id for told in lane}
        for told in lane:
            if told.socket_id:
                owed.setdefault(told.socket_id, []).append(told)
                lane_of[told.socket_id] = held
    broken: list[str] = []
    count = resumed = anew = 0
    for client, frames in sorted(history.frames.items()):
        broken += [f"{client}: {fault}" for fault in _faults(frames, owed, lane_of)]
        count += sum(frame.event != "connected" for frame in frames)
        resumed += sum(f.event == "connected" and f.data["resumed"] for f in frames)
        anew += sum(frame.event == "resync" for frame in frames)
    return Finding(
        "each socket is sent its part of the stream, once and in order",
        f"{count} frames to {len(history.frames)} clients, resumed {resumed} times, anew {anew}",
        broken,
    )


def _faults(
    frames: Sequence[Frame], owed: dict[str, list[Told]], lane_of: dict[str, set[str]]
) -> Iterator[str]:
    sockets: dict[str, _Socket] = {}
    socket: _Socket | None = None
    for frame in frames:
        if frame.event == "connected":
            name = frame.data["socketId"]
            if name not in sockets:
                sockets[name] = _Socket(owed.get(name, []), lane_of.get(name, set()))
            socket = sockets[name]
        if socket is None:
            yield f"{frame.event} before it was connected"
        else:
            yield from socket.take(frame)
    for each in sockets.values():
        yield from each.missing()
