"""One photo's life, as its records tell it: each thing that happened, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

ENDS: Final = {"complete", "error", "cancelled"}


@dataclass(frozen=True)
class Moment:
    """Something that happened. `at`: RFC 3339; `after_ms`: since the photo was accepted."""

    at: str
    after_ms: int
    what: str
    details: dict[str, Any]


class Life:
    """The life of `photo`, whose `jobs` are the first first; both as the API gives them."""

    def __init__(self, photo: dict[str, Any], jobs: list[dict[str, Any]]) -> None:
        self.photo = photo
        self.jobs = jobs
        self._born = _time(photo["createdAt"])
        self.moments = [moment for job in jobs for moment in self._of_job(job)]

    def as_json(self) -> str:
        found = {
            "photo": self.photo,
            "jobs": self.jobs,
            "moments": [asdict(moment) for moment in self.moments],
            "now": self._now(),
        }
        return json.dumps(found, ensure_ascii=False)

    def lines(self) -> Iterator[str]:
        """Yield what is printed: UTC, and seconds since the photo was accepted."""
        photo = self.photo
        size = f"{photo['width']} x {photo['height']}, {photo['size']} bytes"
        yield f"photo {photo['id']}  {_shown(photo['originalName'] or photo['filename'])}  {size}"
        if photo["batchId"]:
            yield f"batch {photo['batchId']}"
        for job in self.jobs:
            yield f"job {job['jobId']}  trace {job['traceId']}"
        for moment in self.moments:
            details = "  ".join(f"{name} {value}" for name, value in moment.details.items())
            when = f"{moment.at}  {moment.after_ms / 1000:+10.3f} s"
            yield f"{when}  {moment.what:<11} {details}".rstrip()
        if not self.jobs:
            yield "its jobs are forgotten: they are kept for a week after their end"
        if now := self._now():
            yield f"now {now}"

    def _of_job(self, job: dict[str, Any]) -> Iterator[Moment]:
        first = job is self.jobs[0] and job["enqueuedAt"] == self.photo["createdAt"]
        yield self._at(
            job["enqueuedAt"], "accepted" if first else "queued", priority=job["priority"]
        )
        ready = job["enqueuedAt"]
        for attempt in job["attempts"]:
            yield from self._of_attempt(attempt, ready)
            ready = attempt["endedAt"] or attempt["startedAt"]
        last = job["attempts"][-1:]
        # What an attempt came to has been told with it.
        if job["endedAt"] and not (last and last[0]["endedAt"] == job["endedAt"]):
            what = job["state"] if job["state"] in ENDS else "ended"
            yield self._at(job["endedAt"], what, error=_error(job["error"]))

    def _of_attempt(self, attempt: dict[str, Any], ready: str) -> Iterator[Moment]:
        waited = _time(attempt["startedAt"]) - _time(ready)
        yield self._at(
            attempt["startedAt"],
            "begun",
            attempt=attempt["attempt"],
            by=attempt["worker"],
            waited=_ms(waited / timedelta(milliseconds=1)),
        )
        begun = _time(attempt["startedAt"])
        for stage, took_ms in attempt["stageMs"].items():
            yield self._at(_text(begun), "stage", stage=stage, took=_ms(took_ms))
            begun += timedelta(milliseconds=took_ms)
        if attempt["result"] is None:
            return
        usage = attempt["usage"] or {}
        yield self._at(
            attempt["endedAt"] or attempt["startedAt"],
            "lost" if attempt["endedAt"] is None else attempt["result"],
            error=_error(attempt["error"]),
            stood=_ms(attempt["waitedMs"]) if attempt["waitedMs"] else None,
            provider=attempt["provider"],
            cached="yes" if attempt["cached"] else None,
            calls=attempt["providerCalls"] or None,
            tokens=f"{usage['promptTokens']}+{usage['completionTokens']}" if usage else None,
            usd=f"{usage['costUsd']:.9f}".rstrip("0").rstrip(".") if usage else None,
        )

    def _at(self, at: str, what: str, **details: Any) -> Moment:
        after_ms = round((_time(at) - self._born) / timedelta(milliseconds=1))
        given = {name: value for name, value in details.items() if value is not None}
        return Moment(at, after_ms, what, given)

    def _now(self) -> str | None:
        """Say where a photo is that has not ended; None if it has."""
        if self.photo["status"] in ENDS:
            return None
        job = self.jobs[-1] if self.jobs else {"state": self.photo["status"], "dueAt": None}
        where = f"{job['state']} since {self.photo['updatedAt']}"
        if job["dueAt"]:
            return f"{where}, due {job['dueAt']}"
        if self.photo["stage"]:
            return f"{where}, stage {self.photo['stage']}, {self.photo['progress']} %"
        return where


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f}ms"


def _error(error: dict[str, str] | None) -> str | None:
    return None if error is None else f"{error['code']}: {_shown(error['message'])}"


def _shown(text: str) -> str:
    """Return a text that a terminal does not obey."""
    return "".join(char for char in text if char.isprintable())
