"""Whether each photo's events come in order, nothing after an end, nothing by a void attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.chaos.check import Finding
from tests.chaos.system.history import History, Told

FINALS = frozenset({"photo:complete", "photo:error", "photo:cancelled"})
RETRYING = 101
"""Where an attempt stands that is to be repeated: after all of its progress."""


@dataclass
class _Photo:
    """What has been told of a photo so far. `reached`: attempt and progress of the job `job_id`."""

    job_id: str = ""
    reached: tuple[int, int] = (0, 0)
    over: set[str] = field(default_factory=set)
    ended: bool = False

    def take(self, told: Told) -> Iterator[str]:
        """Yield what is wrong with the next event."""
        if told.event == "photo:progress":
            yield from self._progress(told)
        elif told.event == "photo:retrying":
            # Whoever began to watch in the middle of an attempt has heard of no job yet.
            if self.ended and not self.job_id:
                yield "tried again after its end"
            elif told.data["attempt"] < self.reached[0]:
                yield f"tried again by attempt {told.data['attempt']} after {self.reached[0]}"
            self.reached = (told.data["attempt"], RETRYING)
        elif told.event in FINALS:
            yield from self._final(told)

    def _progress(self, told: Told) -> Iterator[str]:
        job_id, at = told.data["jobId"], (told.data["attempt"], told.data["progress"])
        if job_id in self.over:
            yield f"{told.data['stage']} after its end"
            return
        if job_id != self.job_id:
            if self.job_id:
                yield f"job {job_id} began before the end of {self.job_id}"
            self.job_id, self.reached = job_id, (0, 0)
        if at[0] < self.reached[0]:
            yield f"attempt {at[0]} wrote after attempt {self.reached[0]}"
        elif at < self.reached:
            yield f"attempt and progress {at} after {self.reached}"
        self.reached = max(at, self.reached)

    def _final(self, told: Told) -> Iterator[str]:
        if told.event == "photo:complete":
            job_id = told.data["photo"]["jobId"]
            if job_id != self.job_id:
                yield f"complete by job {job_id}, which had not begun"
            elif self.reached[1] != 100:
                yield f"complete at {self.reached[1]} %"
        if self.job_id:
            self.over.add(self.job_id)
        self.job_id, self.ended = "", True


def in_order(history: History) -> Finding:
    events = history.by_socket_and_photo()
    broken = [
        f"photo {photo_id}: {fault}"
        for (_, photo_id), each in sorted(events.items())
        for fault in _faults(each)
    ]
    count = sum(map(len, events.values()))
    return Finding(
        "events come in order, none after the end, none of a void attempt",
        f"{count} events of {len(events)} photos and sockets",
        broken,
    )


def _faults(events: Sequence[Told]) -> Iterator[str]:
    photo = _Photo()
    for told in events:
        yield from photo.take(told)
