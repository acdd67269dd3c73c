"""`/api/photos/{id}/jobs`: all the work there has been on a photo."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from services.gateway.photos import PHOTO, record_of
from services.gateway.requests import json_response, only_queries
from shared.jobs import Jobs
from shared.photos import Photos


class PhotoJobsRoute:
    """Shows the jobs of the caller's photos."""

    def __init__(self, photos: Photos, jobs: Jobs) -> None:
        self._photos = photos
        self._jobs = jobs

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get(f"{PHOTO}/jobs", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        """Answer the jobs with their attempts, the first of them first."""
        only_queries(request, frozenset())
        record = await record_of(request, self._photos)
        jobs = await self._jobs.get_many(record.job_ids)
        return json_response({"items": [job.details() for job in jobs]})
