"""`POST /api/photos/upload`: takes photos and answers before anyone has looked at them.

The bytes go to the blob store, then one script writes record, indexes and queue entry,
then the client gets its 202. A crash in between leaves a blob that no record names, which
a sweep removes: never a record without a message, nor a message without a record.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiohttp import hdrs, web
from multipart import parse_options_header

from services.gateway.admission import Admission
from services.gateway.bodies import ENVELOPE_BYTES, continue_when_read
from services.gateway.callers import owner_of
from services.gateway.errors import Problem, bad_request, too_long, too_many
from services.gateway.metrics import UPLOAD_BYTES, UPLOAD_SECONDS, UPLOADS, UPLOADS_REFUSED
from services.gateway.parts import PART_BYTES, Part, Parts
from services.gateway.receiving import Limits, LongHeaders, Received, as_data, receive
from services.gateway.requests import (
    WHERE_CHARS,
    accepted_view,
    idempotency_key,
    json_response,
    locale_of,
    socket_id_in,
)
from services.gateway.tracing import traceparent_of
from shared import messages, tracing
from shared.blobs import BlobStore
from shared.blobs.names import original
from shared.broker import DEFAULT_PRIORITY, PRIORITIES
from shared.commands import tag_photo_entry
from shared.errors import NoRoomError, UnavailableError
from shared.photos import ANSWER_KEPT_MS, IDEMPOTENCY_KEPT_MS, Answer, NewPhoto, Photos

FIELDS: Final = frozenset({"socketId", "priority", "locale"})
FIELD_BYTES: Final = 1024
"""Most bytes of a form field that is not the photo."""

MOST_FIELDS: Final = 100
"""Most parts that are no photos; a form may have some that we do not know."""

logger = structlog.stdlib.get_logger()


@dataclass(slots=True)
class _Form:
    """The parts of an upload."""

    photos: list[Received] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    submitted: bool = False
    """Whether the database may know the photos: their files are to stay."""

    @property
    def digest(self) -> str:
        """The SHA-256 of the photo, or of those of a batch in their order."""
        if len(self.photos) == 1:
            return self.photos[0].sha256
        return hashlib.sha256("".join(photo.sha256 for photo in self.photos).encode()).hexdigest()


class Uploads:
    """Takes uploads into the blob store and the queue.

    `max_batch`: how many photos one request may bring.
    """

    def __init__(
        self,
        photos: Photos,
        blobs: BlobStore,
        *,
        limits: Limits,
        max_batch: int,
        lanes: int,
        locale: str,
    ) -> None:
        self._photos = photos
        self._blobs = blobs
        self._limits = limits
        self._long = LongHeaders()
        self._max_batch = max_batch
        self._lanes = lanes
        self._locale = locale

    def routes(self, admission: Admission) -> Sequence[web.RouteDef]:
        """Return the route; `admission` decides whose request is taken."""
        return [
            web.post(
                "/api/photos/upload",
                admission.of(self.upload),
                expect_handler=continue_when_read,
            )
        ]

    async def upload(self, request: web.Request) -> web.Response:
        """Handle the request."""
        started = time.perf_counter()
        form = _Form()
        try:
            response = await self._accept(request, form)
        except Exception as error:
            result, reason = _refusal(error)
            UPLOADS.labels(result=result).inc()
            UPLOADS_REFUSED.labels(reason=reason).inc()
            if not form.submitted:
                await self._discard(form)
            raise
        UPLOADS.labels(result="accepted").inc()
        UPLOAD_SECONDS.observe(time.perf_counter() - started)
        return response

    async def _accept(self, request: web.Request, form: _Form) -> web.Response:
        key = idempotency_key(request)
        await self._blobs.check_room()
        await self._read(request, form)
        socket_id, priority, locale = self._options(request, form)
        request_id = str(uuid.uuid4())
        # From here on: where its answer is lost, nobody knows what it has done. What it has not
        # done leaves blobs without a record, which are swept.
        form.submitted = True
        trace = traceparent_of(request)
        new = [
            _new_photo(photo, locale=locale, priority=priority, traceparent=trace)
            for photo in form.photos
        ]
        with tracing.span("submit", photos=len(new)):
            answer = await self._photos.submit(
                new,
                owner=owner_of(request),
                socket_id=socket_id,
                request_id=key or request_id,
                digest=form.digest,
                kept_ms=IDEMPOTENCY_KEPT_MS if key else ANSWER_KEPT_MS,
                batch_id=request_id if len(form.photos) > 1 else None,
                traceparent=trace,
            )
        if answer.digest != form.digest:
            form.submitted = False
            raise Problem(
                422,
                "idempotency_mismatch",
                "This Idempotency-Key was used with other bytes; take a new key for a new photo",
            )
        if answer.new:
            _tell(answer, form, trace)
        else:
            await self._discard(form)
        return _accepted(answer, answer.locale or locale)

    def _options(self, request: web.Request, form: _Form) -> tuple[str | None, str, str]:
        """Return the socket ID, the priority and the language that are asked for."""
        if not form.photos:
            raise bad_request("The form has no part named photo")
        socket_id = socket_id_in(request, form.fields.get("socketId"), lanes=self._lanes)
        priority = form.fields.get("priority", DEFAULT_PRIORITY)
        if priority not in PRIORITIES:
            raise bad_request(f"priority must be one of {', '.join(PRIORITIES)}")
        return (
            socket_id,
            priority,
            locale_of(request, form.fields.get("locale"), default=self._locale),
        )

    async def _read(self, request: web.Request, form: _Form) -> None:
        # aiohttp would read it by the parser of mails, anew for each form: their boundaries differ.
        content_type, options = parse_options_header(request.headers.get(hdrs.CONTENT_TYPE, ""))
        if content_type != "multipart/form-data":
            raise bad_request("The body must be multipart/form-data with a part named photo")
        most_bytes = self._max_batch * (self._limits.max_bytes + PART_BYTES) + ENVELOPE_BYTES
        if (request.content_length or 0) > most_bytes:
            raise too_long(most_bytes)
        fields = 0
        parts = Parts(request.content, options.get("boundary", ""), of="photo")
        while (part := await parts.next()) is not None:
            if part.is_form:
                raise bad_request("A part of the form is a multipart body itself")
            if part.name != "photo":
                fields += 1
                if fields > MOST_FIELDS:
                    raise bad_request(f"The form has more than {MOST_FIELDS} fields")
                await self._read_field(part, form)
            elif len(form.photos) < self._max_batch:
                form.photos.append(await self._receive(part, len(form.photos)))
            else:
                raise too_many(self._max_batch)

    async def _receive(self, part: Part, index: int) -> Received:
        try:
            with tracing.span("receive"):
                return await receive(part, self._blobs, self._limits, self._long)
        except Problem as problem:
            # One of many, maybe: say which, by more than a name, which others may have too.
            problem.members |= {"file": as_data(part.filename), "index": index}
            raise

    async def _read_field(self, part: Part, form: _Form) -> None:
        value = b""
        while chunk := await part.read():
            value += chunk
            if len(value) > FIELD_BYTES:
                name = as_data(part.name or "")[:WHERE_CHARS]
                why = f"The field {name!r} is longer than {FIELD_BYTES} bytes"
                raise bad_request(f"{why}; a photo's part is named photo")
        if part.name in FIELDS:
            form.fields[part.name] = value.decode("utf-8", "replace").strip()

    async def _discard(self, form: _Form) -> None:
        """Remove the blobs of an upload that was refused or had been made before."""
        try:
            await self._blobs.delete([original(photo.filename) for photo in form.photos])
        except UnavailableError:
            logger.warning("blobs_left_for_the_sweep", photos=len(form.photos))


def _refusal(error: Exception) -> tuple[str, str]:
    """Return what an upload that failed is counted as: the result and the reason."""
    match error:
        case Problem():
            return error.code, error.reason
        case NoRoomError():
            return "unavailable", "no_room"
        case UnavailableError():
            return "unavailable", error.what
        case ConnectionError():
            return "gone", "gone"
        case _:
            return "internal_error", "internal_error"


def _new_photo(photo: Received, *, locale: str, priority: str, traceparent: str) -> NewPhoto:
    job_id = str(uuid.uuid4())
    fields = {
        "filename": photo.filename,
        "original_name": photo.original_name,
        "content_type": photo.content_type,
        "size_bytes": str(photo.size_bytes),
        "width": str(photo.width),
        "height": str(photo.height),
        "sha256": photo.sha256,
        "job_id": job_id,
        "locale": locale,
        "priority": priority,
    }
    return NewPhoto(fields, tag_photo_entry(job_id, priority, traceparent=traceparent))


def _tell(answer: Answer, form: _Form, traceparent: str) -> None:
    """Count and log what was accepted for the first time."""
    UPLOAD_BYTES.inc(sum(photo.size_bytes for photo in form.photos))
    for photo in answer.photos:
        logger.info(
            "photo_accepted",
            photo_id=photo.id,
            job_id=photo.job_id,
            trace_id=tracing.trace_id(traceparent, photo.job_id),
        )


def _accepted(answer: Answer, locale: str) -> web.Response:
    views = [accepted_view(photo, locale) for photo in answer.photos]
    if answer.batch_id is None:
        location = f"/api/photos/{answer.photos[0].id}"
        return json_response(views[0], status=202, headers={"Location": location})
    body: dict[str, Any] = {
        "batchId": answer.batch_id,
        "photos": [{**view, "batchId": answer.batch_id} for view in views],
        "message": messages.text("batch_accepted", locale, total=len(views)),
    }
    location = f"/api/batches/{answer.batch_id}"
    return json_response(body, status=202, headers={"Location": location})
