"""`/api/photos`: the photos as they are now, and what their owners do with them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Annotated, Final

import structlog
from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.gateway.callers import owner_of
from services.gateway.errors import Problem, bad_request, not_found
from services.gateway.requests import (
    accepted_view,
    cursor_in,
    json_body,
    json_response,
    limit_in,
    only_queries,
    socket_id_in,
    word_in,
)
from services.gateway.tracing import traceparent_of
from shared import tracing
from shared.blobs import BlobStore
from shared.blobs.names import original, thumbnails
from shared.broker import DEFAULT_PRIORITY, Priority
from shared.errors import UnavailableError
from shared.names import NAME_CHARS, cleaned
from shared.photos import MAX_WATCHERS, Accepted, Photos, Retag, Watch
from shared.record import STATUSES, Record
from shared.tags import MOST_MATCHES, Tags, TooManyMatchesError

PHOTO: Final = "/api/photos/{id:[0-9]{1,16}}"

MAX_ID: Final = 2**53
"""Ids stay below it, so that every client's numbers hold them."""

MAX_TAGS: Final = 50
MAX_FILTERS: Final = 20

_QUERIES: Final = frozenset({"limit", "cursor", "tag", "status", "q"})

logger = structlog.stdlib.get_logger()


def _named(name: str) -> str:
    if not cleaned(name):
        raise ValueError("a tag's name must have a letter or a digit")
    return cleaned(name)


class TagsBody(BaseModel):
    """What `PUT /api/photos/{id}/tags` takes."""

    model_config = ConfigDict(extra="forbid")

    tags: Annotated[
        list[
            Annotated[
                str,
                StringConstraints(min_length=1, max_length=NAME_CHARS),
                AfterValidator(_named),
            ]
        ],
        Field(max_length=MAX_TAGS),
    ]


class RetagBody(BaseModel):
    """What `POST /api/photos/{id}/retag` takes, all of it optional.

    `fresh`: ask the provider even if its answer for these bytes is known.
    """

    model_config = ConfigDict(extra="forbid")

    priority: Priority | None = None
    fresh: bool = False


class PhotoRoutes:
    """Finds photos, edits their tags, has them analysed again, removes them."""

    def __init__(self, photos: Photos, tags: Tags, blobs: BlobStore, *, lanes: int) -> None:
        self._photos = photos
        self._tags = tags
        self._blobs = blobs
        self._lanes = lanes

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get("/api/photos", self.list),
            web.get(PHOTO, self.get),
            web.delete(PHOTO, self.delete),
            web.put(f"{PHOTO}/tags", self.edit_tags),
            web.post(f"{PHOTO}/retag", self.retag),
            web.post(f"{PHOTO}/watch", self.watch),
        ]

    async def list(self, request: web.Request) -> web.Response:
        only_queries(request, _QUERIES, repeatable=frozenset({"tag"}))
        owner = owner_of(request)
        limit = limit_in(request)
        before = cursor_in(request)
        status = word_in(request, "status", STATUSES)
        groups = await self._tag_groups(request, owner)
        if not all(groups):  # no photo has a tag that there is not
            return json_response({"items": [], "nextCursor": None})
        page = await self._photos.page(
            owner, before=before, limit=limit, status=status, tags=groups
        )
        return json_response(
            {
                "items": [record.photo().view() for record in page.items],
                "nextCursor": page.next or None,
            }
        )

    async def get(self, request: web.Request) -> web.Response:
        record = await record_of(request, self._photos)
        return json_response(record.photo().view())

    async def watch(self, request: web.Request) -> web.Response:
        socket_id = socket_id_in(request, None, lanes=self._lanes)
        if socket_id is None:
            raise bad_request("X-Socket-Id must say which socket is to watch the photo")
        record = await record_of(request, self._photos)
        match await self._photos.watch(record.id, socket_id):
            case Watch.MISSING:
                raise not_found("photo")
            case Watch.TOO_MANY:
                raise _too_many_watchers()
            case Watch.WATCHING:
                # Read after it is watched: what happens from here on comes as an event.
                return json_response((await record_of(request, self._photos)).photo().view())

    async def edit_tags(self, request: web.Request) -> web.Response:
        record = await record_of(request, self._photos)
        body = await json_body(request, TagsBody)
        if not await self._tags.edit(record.id, body.tags, locale=record.locale):
            raise not_found("photo")
        return json_response((await record_of(request, self._photos)).photo().view())

    async def retag(self, request: web.Request) -> web.Response:
        record = await record_of(request, self._photos)
        body = await json_body(request, RetagBody, optional=True)
        job_id, trace = str(uuid.uuid4()), traceparent_of(request)
        done = await self._photos.retag(
            record.id,
            job_id=job_id,
            priority=body.priority or DEFAULT_PRIORITY,
            fresh=body.fresh,
            socket_id=socket_id_in(request, None, lanes=self._lanes),
            traceparent=trace,
        )
        match done:
            case Retag.MISSING:
                raise not_found("photo")
            case Retag.TOO_MANY:
                raise _too_many_watchers()
            case Retag.IN_WORK:
                raise Problem(
                    409, "in_work", "The photo is being analysed: cancel its job, or wait for it"
                )
            case Retag.ACCEPTED:
                logger.info(
                    "photo_retagged",
                    photo_id=record.id,
                    job_id=job_id,
                    trace_id=tracing.trace_id(trace, job_id),
                )
                accepted = Accepted(record.id, record.filename, job_id)
                return json_response(
                    accepted_view(accepted, record.locale),
                    status=202,
                    headers={"Location": f"/api/photos/{record.id}"},
                )

    async def delete(self, request: web.Request) -> web.Response:
        record = await record_of(request, self._photos)
        await self._photos.delete(record)
        try:
            await self._blobs.delete([original(record.filename), *thumbnails(record.filename)])
        except UnavailableError:
            # The photo is gone already; no record names its files any more.
            logger.warning("blob_left_for_the_sweep", filename=record.filename)
        logger.info("photo_deleted", photo_id=record.id)
        return web.Response(status=204)

    async def _tag_groups(self, request: web.Request, owner: str) -> Sequence[Sequence[int]]:
        """Return the groups of tag ids of which a photo must have one each."""
        names = request.query.getall("tag", [])
        if len(names) > MAX_FILTERS:
            raise bad_request(f"tag may be given {MAX_FILTERS} times at most")
        if not all(cleaned(name) for name in names):
            raise bad_request("tag must be the name of a tag")
        groups = await asyncio.gather(*(self._tags.ids_named(owner, name) for name in names))
        if start := request.query.get("q", "").strip():
            return [*groups, await self._ids_starting(owner, start)]
        return groups

    async def _ids_starting(self, owner: str, start: str) -> Sequence[int]:
        if not cleaned(start):
            return []  # no tag has a name that starts so
        try:
            # Also what is called so on a photo, while the index has its other number: `cats`.
            starting, named = await asyncio.gather(
                self._tags.ids_starting(owner, start), self._tags.ids_named(owner, start)
            )
        except TooManyMatchesError:
            raise _search_too_wide() from None
        return sorted({*starting, *named})


async def record_of(request: web.Request, photos: Photos) -> Record:
    """Return the record of the photo in the request's path, if it is the caller's."""
    photo_id = int(request.match_info["id"])
    record = await photos.get(photo_id) if photo_id <= MAX_ID else None
    if record is None or record.owner != owner_of(request):
        raise not_found("photo")
    return record


def _search_too_wide() -> Problem:
    why = f"More than {MOST_MATCHES} tags start with q: type more letters"
    return Problem(400, "search_too_wide", why)


def _too_many_watchers() -> Problem:
    return Problem(409, "too_many_watchers", f"{MAX_WATCHERS} sockets watch this photo already")
