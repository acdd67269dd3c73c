"""`/api/jobs`: the work on photos, attempt by attempt, and control of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from aiohttp import web

from services.gateway.callers import owner_of
from services.gateway.errors import Problem, not_found
from services.gateway.requests import cursor_in, json_response, limit_in, only_queries, word_in
from shared.jobs import LISTED, JobRecord, Jobs
from shared.photos import Photos

JOB: Final = r"/api/jobs/{id:[0-9a-f-]{36}}"


logger = structlog.stdlib.get_logger()


class JobRoutes:
    """Shows the caller's jobs; cancels, retries and drops them."""

    def __init__(self, jobs: Jobs, photos: Photos) -> None:
        self._jobs = jobs
        self._photos = photos

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get("/api/jobs", self.list),
            web.get(JOB, self.get),
            web.delete(JOB, self.drop),
            web.post(f"{JOB}/cancel", self.cancel),
            web.post(f"{JOB}/retry", self.retry),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Answer the jobs that wait, run, are delayed or dead: of one state, or of all four."""
        only_queries(request, frozenset({"state", "limit", "cursor"}))
        state = word_in(request, "state", LISTED)
        page = await self._jobs.page(
            owner_of(request),
            [state] if state else LISTED,
            before=cursor_in(request),
            limit=limit_in(request),
        )
        return json_response(
            {"items": [job.view() for job in page.items], "nextCursor": page.next or None}
        )

    async def get(self, request: web.Request) -> web.Response:
        return json_response((await self._job(request)).details())

    async def cancel(self, request: web.Request) -> web.Response:
        job = await self._job(request)
        record = await self._photos.get(job.photo_id)
        current = record is not None and record.job_id == job.id
        if record is None or not current or not await self._jobs.cancel(record):
            raise Problem(409, "job_ended", "The job has ended already")
        logger.info("job_cancelled", job_id=job.id, photo_id=job.photo_id)
        return await self._now(job)

    async def retry(self, request: web.Request) -> web.Response:
        job = await self._job(request)
        if not await self._jobs.revive(job):
            raise _not_dead(await self._job(request))
        logger.info("job_revived", job_id=job.id, photo_id=job.photo_id)
        return await self._now(job)

    async def drop(self, request: web.Request) -> web.Response:
        job = await self._job(request)
        if not await self._jobs.drop(job) and (left := await self._jobs.get(job.id)):
            raise _not_dead(left)
        logger.info("job_dropped", job_id=job.id, photo_id=job.photo_id)
        return web.Response(status=204)

    async def _job(self, request: web.Request) -> JobRecord:
        job = await self._jobs.get(request.match_info["id"])
        if job is None or job.owner != owner_of(request):
            raise not_found("job")
        return job

    async def _now(self, job: JobRecord) -> web.Response:
        # Gone by now if its photo was removed meanwhile: then as it was.
        return json_response((await self._jobs.get(job.id) or job).details(), status=202)


def _not_dead(job: JobRecord) -> Problem:
    return Problem(409, "job_not_dead", f"The job is not dead but {job.state}")
