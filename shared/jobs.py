"""The jobs: one tagging message and its attempts, as clients and operators see them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast, get_args

import orjson
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from redis.asyncio import Redis

from shared import keys
from shared.broker import GROUP, MESSAGE, Priority
from shared.commands import TAGGING, tag_photo_entry
from shared.pages import Page, Pages
from shared.photos import cancelled
from shared.record import PhotoProblem, Record, Time, rfc3339
from shared.redis import away_is_unavailable, script
from shared.tracing import trace_id
from shared.usage import Usage, usage_of

State = Literal["waiting", "active", "delayed", "dead", "complete", "cancelled"]
ListedState = Literal["waiting", "active", "delayed", "dead"]
LISTED: Final[tuple[ListedState, ...]] = get_args(ListedState)


class _View(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    def view(self) -> dict[str, Any]:
        """Return the JSON object that clients get."""
        return self.model_dump(by_alias=True)


class JobAttempt(_View):
    """One start of the work.

    `result` is None while it runs, `complete`, `error`, `retry`, or `lost` where the worker
    died, gave it back or was told to stop. `worker`: host and process. `cached`: whether
    the answer was known already.
    `usage`: of its calls, however it ended; None where the provider told none. `stage_ms`: how
    long each stage took, in their order, without `waited_ms`, which they waited for others.
    """

    attempt: int
    started_at: Time
    ended_at: Time | None
    result: Literal["complete", "error", "retry", "lost"] | None
    worker: str | None
    error: PhotoProblem | None
    provider: str | None
    cached: bool
    provider_calls: int
    usage: Usage | None
    stage_ms: dict[str, float]
    waited_ms: float


class Job(_View):
    """A job. `attempt`: the number of starts so far; `due_at`: when a delayed one goes on."""

    job_id: str
    photo_id: int
    batch_id: str | None
    queue: str
    priority: Priority
    state: State
    attempt: int
    enqueued_at: Time
    started_at: Time | None
    ended_at: Time | None
    due_at: Time | None
    error: PhotoProblem | None


class JobDetails(Job):
    """A job with its last attempts, the first of them first.

    `trace_id`: 32 hex digits, in all that is logged of it.
    """

    trace_id: str
    attempts: tuple[JobAttempt, ...]


class JobRecord:
    """A job's hash in Redis, its fields as text, read at `now_ms` by the server's clock."""

    def __init__(self, fields: Mapping[str, str], now_ms: int) -> None:
        self.fields = fields
        self._now_ms = now_ms

    @property
    def id(self) -> str:
        return self.fields["id"]

    @property
    def traceparent(self) -> str:
        """What its messages carry; `` if its trace is its own."""
        return self.fields.get("traceparent", "")

    @property
    def owner(self) -> str:
        return self.fields["owner"]

    @property
    def photo_id(self) -> int:
        return int(self.fields["photo_id"])

    @property
    def state(self) -> State:
        state = cast("State", self.fields["state"])
        if state == "delayed" and int(self.fields.get("due_at_ms", "0")) <= self._now_ms:
            return "waiting"  # its message has moved by itself
        return state

    def view(self) -> dict[str, Any]:
        """Return the JSON object of a list."""
        return Job.model_validate(self._fields()).view()

    def details(self) -> dict[str, Any]:
        """Return the JSON object of the job alone."""
        details = {"trace_id": trace_id(self.traceparent, self.id), "attempts": self._attempts()}
        return JobDetails.model_validate({**self._fields(), **details}).view()

    def _fields(self) -> dict[str, Any]:
        fields = self.fields
        return {
            "job_id": self.id,
            "photo_id": self.photo_id,
            "batch_id": fields.get("batch_id"),
            "queue": keys.TAGGING_QUEUE,
            "priority": fields["priority"],
            "state": self.state,
            "attempt": int(fields.get("attempt", "0")),
            "enqueued_at": rfc3339(int(fields["enqueued_at_ms"])),
            "started_at": _time(fields.get("started_at_ms")),
            "ended_at": _time(fields.get("ended_at_ms")),
            "due_at": _time(fields.get("due_at_ms")) if self.state == "delayed" else None,
            "error": self._report(int(fields.get("attempt", "0"))).get("error"),
        }

    def _attempts(self) -> list[JobAttempt]:
        started = [name.partition(":")[2] for name in self.fields if name.startswith("started:")]
        return [self._attempt(number) for number in sorted(map(int, started))]

    def _attempt(self, number: int) -> JobAttempt:
        report = self._report(number)
        over = number < int(self.fields["attempt"]) or self.state != "active"
        return JobAttempt(
            attempt=number,
            started_at=rfc3339(int(self.fields[f"started:{number}"])),
            ended_at=_time(self.fields.get(f"ended:{number}")),
            result=report.get("result", "lost" if over else None),
            error=report.get("error"),
            worker=report.get("worker") or self.fields.get(f"worker:{number}"),
            provider=report.get("provider"),
            cached=report.get("cached", False),
            provider_calls=int(self.fields.get(f"calls:{number}", "0")),
            usage=usage_of(self.fields, f":{number}"),
            stage_ms=report.get("stage_ms", {}),
            waited_ms=report.get("waited_ms", 0),
        )

    def _report(self, number: int) -> dict[str, Any]:
        report: dict[str, Any] = orjson.loads(self.fields.get(f"outcome:{number}", "{}"))
        return report


class Jobs:
    """The jobs of one shard. Raises `UnavailableError` when Redis is away."""

    def __init__(self, redis: Redis, *, retention_s: int) -> None:
        self._redis = redis
        self._retention_ms = retention_s * 1000
        self._pages = Pages(redis)
        self._cancel = script(redis, "cancel")
        self._revive = script(redis, "revive")
        self._drop = script(redis, "drop")

    async def get(self, job_id: str) -> JobRecord | None:
        """Return a job, None if there is none."""
        return next(iter(await self.get_many([job_id])), None)

    async def page(
        self, owner: str, states: Sequence[ListedState], *, before: str, limit: int
    ) -> Page[JobRecord]:
        """Return jobs of `owner` in one of `states`, newest first."""
        sources = [keys.jobs(owner, state) for state in states]
        page = await self._pages.get(sources, before=before, limit=limit)
        return Page(await self.get_many(page.items), page.next)

    async def cancel(self, record: Record) -> bool:
        """Cancel the current job of a photo; False if it has ended already."""
        event = cancelled(record)
        with away_is_unavailable():
            done = await self._cancel(
                keys=[keys.photo(record.id), TAGGING.delayed],
                args=[
                    keys.SHARD,
                    self._retention_ms,
                    record.job_id,
                    uuid.uuid4().hex,
                    GROUP,
                    event.name,
                    event.data(),
                ],
            )
        return bool(done)

    async def revive(self, job: JobRecord) -> bool:
        """Have a dead job wait again, its tries uncounted; False if it is not dead."""
        entry = tag_photo_entry(
            job.id, job.fields["priority"], job.photo_id, traceparent=job.traceparent
        )
        with away_is_unavailable():
            done = await self._revive(
                keys=[keys.photo(job.photo_id), entry.stream, TAGGING.dead],
                args=[keys.SHARD, job.id, uuid.uuid4().hex, MESSAGE, entry.fields[MESSAGE]],
            )
        return bool(done)

    async def drop(self, job: JobRecord) -> bool:
        """Forget a dead job; False if it is not dead."""
        with away_is_unavailable():
            return bool(await self._drop(keys=[keys.job(job.id), TAGGING.dead], args=[keys.SHARD]))

    async def get_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """Return those of `job_ids` that exist, in that order."""
        with away_is_unavailable():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in job_ids:
                    pipeline.hgetall(keys.job(job_id))
                pipeline.time()
                *found, (now_s, now_us) = await pipeline.execute()
        now_ms = now_s * 1000 + now_us // 1000
        return [
            JobRecord({name.decode(): value.decode() for name, value in raw.items()}, now_ms)
            for raw in found
            if raw
        ]


def _time(time_ms: str | None) -> str | None:
    return None if time_ms is None else rfc3339(int(time_ms))
