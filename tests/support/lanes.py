"""What holds of the events in the lanes: their order, and that each end comes once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

FINALS = {"photo:complete": "complete", "photo:error": "error", "photo:cancelled": "cancelled"}

Event = tuple[str, dict[str, Any]]


def check_events(
    lanes: Iterable[Sequence[tuple[str, Mapping[str, str]]]],
    statuses: Mapping[int, str],
    *,
    restarted: Collection[int],
    restarted_batches: Collection[str],
) -> None:
    """Raise `AssertionError` where a socket was told what is not so.

    `statuses`: those of the photos that are there, by id. `restarted`: photos that may have
    been worked on again after an end; `restarted_batches`: those that they belong to.
    """
    photos: dict[tuple[str, int], list[Event]] = {}
    batches: dict[tuple[str, str], list[Event]] = {}
    for lane in lanes:
        for _, fields in lane:
            name, data = fields["event"], orjson.loads(fields["data"])
            if name.startswith("photo:"):
                photos.setdefault((fields["socket"], data["photoId"]), []).append((name, data))
            elif name.startswith("batch:"):
                batches.setdefault((fields["socket"], data["batchId"]), []).append((name, data))
    for (_, photo_id), events in photos.items():
        again = photo_id in restarted
        _check_progress(events)
        _check_end(photo_id, events, statuses.get(photo_id), again=again)
    for (_, batch_id), events in batches.items():
        _check_batch(events, again=batch_id in restarted_batches)


def _check_progress(events: Sequence[Event]) -> None:
    """Per job attempts only grow, and per attempt progress; `queued` is always 0, thus first."""
    reached: dict[str, tuple[int, int]] = {}
    ended: set[str] = set()
    job = ""
    for name, data in events:
        if name == "photo:progress":
            job, at = data["jobId"], (data["attempt"], data["progress"])
            before = reached.get(job, (0, 0))
            assert at >= before, f"{data} after {before}"
            if job in ended:
                assert at[0] > before[0], f"{data} after the end"
                ended.discard(job)
            reached[job] = at
        elif name in FINALS and job:
            ended.add(job)


def _check_end(photo_id: int, events: Sequence[Event], status: str | None, *, again: bool) -> None:
    names = [name for name, _ in events]
    finals = [name for name in names if name in FINALS]
    if not again:
        assert len(finals) <= 1, f"photo {photo_id} ended {len(finals)} times: {names}"
        assert not finals or names[-1] in FINALS, f"photo {photo_id}: {names} after its end"
    if status is None or status in FINALS.values():
        assert names[-1] in FINALS, f"photo {photo_id} is {status}, its last event {names[-1]}"
        assert status in {None, FINALS[names[-1]]}


def _check_batch(events: Sequence[Event], *, again: bool) -> None:
    ends = [sum(data[each] for each in ("complete", "failed", "cancelled")) for _, data in events]
    for (name, data), ended in zip(events, ends, strict=True):
        assert (name == "batch:complete") <= (ended == data["total"])
    if not again:
        names = [name for name, _ in events]
        told = [end for name, end in zip(names, ends, strict=True) if name == "batch:progress"]
        assert told == sorted(set(told)), f"ends of the batch were told as {told}"
        assert names.count("batch:complete") == (bool(told) and told[-1] == events[-1][1]["total"])
        assert "batch:complete" not in names[:-1]
