"""`POST /api/photos/upload`: takes a photo and answers before anyone has looked at it.

The bytes go to the blob store, then one script writes record, indexes and queue entry,
then the client gets its 202. A crash in between leaves a blob that no record names, which
a sweep removes: never a record without a message, nor a message without a record.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError

from services.gateway.callers import owner_of
from services.gateway.errors import Problem, bad_request, too_large
from services.gateway.metrics import UPLOAD_BYTES, UPLOAD_SECONDS, UPLOADS
from services.gateway.receiving import Limits, Received, receive
from services.gateway.requests import idempotency_key, json_response, locale_of, socket_id_in
from shared import messages
from shared.blobs import BlobStore
from shared.blobs.names import original
from shared.broker import PRIORITIES
from shared.commands import tag_photo_entry
from shared.errors import UnavailableError
from shared.photos import ANSWER_KEPT_MS, IDEMPOTENCY_KEPT_MS, Answer, NewPhoto, Photos

FIELD_BYTES: Final = 1024
"""Most bytes of a form field that is not the photo."""

ENVELOPE_BYTES: Final = 64 * 1024
"""What a request's body may hold besides the photo: boundaries, headers, fields."""

logger = structlog.stdlib.get_logger()


@dataclass(slots=True)
class _Form:
    """The parts of an upload."""

    photo: Received | None = None
    fields: dict[str, str] = field(default_factory=dict)


class Uploads:
    """Takes uploads into the blob store and the queue."""

    def __init__(
        self,
        photos: Photos,
        blobs: BlobStore,
        *,
        limits: Limits,
        lanes: int,
        locale: str,
    ) -> None:
        self._photos = photos
        self._blobs = blobs
        self._limits = limits
        self._lanes = lanes
        self._locale = locale

    async def upload(self, request: web.Request) -> web.Response:
        """Handle the request."""
        started = time.perf_counter()
        form = _Form()
        try:
            response = await self._accept(request, form)
        except Problem as problem:
            UPLOADS.labels(result=problem.code).inc()
            await self._discard(form)
            raise
        except UnavailableError:
            # Submitted or not: nobody knows. If not, the blob has no record, and is swept.
            UPLOADS.labels(result="unavailable").inc()
            raise
        UPLOADS.labels(result="accepted").inc()
        UPLOAD_SECONDS.observe(time.perf_counter() - started)
        return response

    async def _accept(self, request: web.Request, form: _Form) -> web.Response:
        key = idempotency_key(request)
        await self._read(request, form)
        photo = form.photo
        if photo is None:
            raise bad_request("The form has no part named photo")
        socket_id = socket_id_in(request, form.fields.get("socketId"), lanes=self._lanes)
        priority = form.fields.get("priority", "normal")
        if priority not in PRIORITIES:
            raise bad_request(f"priority must be one of {', '.join(PRIORITIES)}")
        locale = locale_of(request, form.fields.get("locale"), default=self._locale)

        job_id = str(uuid.uuid4())
        answer = await self._photos.submit(
            [
                NewPhoto(
                    fields=_fields(photo, job_id=job_id, locale=locale, priority=priority),
                    entry=tag_photo_entry(job_id, priority),
                )
            ],
            owner=owner_of(request),
            socket_id=socket_id,
            request_id=key or job_id,
            digest=photo.sha256,
            kept_ms=IDEMPOTENCY_KEPT_MS if key else ANSWER_KEPT_MS,
        )
        if answer.digest != photo.sha256:
            raise Problem(
                422,
                "idempotency_mismatch",
                "This Idempotency-Key was used with other bytes; take a new key for a new photo",
            )
        if answer.new:
            UPLOAD_BYTES.inc(photo.size_bytes)
            logger.info("photo_accepted", photo_id=answer.photos[0].id, job_id=job_id)
        else:
            await self._discard(form)
        return _accepted(answer, locale)

    async def _read(self, request: web.Request, form: _Form) -> None:
        if request.content_type != "multipart/form-data":
            raise bad_request("The body must be multipart/form-data with a part named photo")
        if (request.content_length or 0) > self._limits.max_bytes + ENVELOPE_BYTES:
            raise too_large(self._limits.max_bytes)
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    raise bad_request("A part of the form is a multipart body itself")
                if part.name != "photo":
                    await self._read_field(part, form)
                elif form.photo is None:
                    form.photo = await receive(part, self._blobs, self._limits)
                else:
                    raise bad_request("Send one photo in a request")
        except (ValueError, AssertionError, LookupError, HttpProcessingError) as error:
            # What aiohttp raises on boundaries, headers and encodings that are not well-formed.
            logger.info("malformed_upload", why=f"{type(error).__name__}: {error}"[:200])
            raise bad_request("The multipart body is malformed or ends early") from None

    async def _read_field(self, part: BodyPartReader, form: _Form) -> None:
        value = b""
        while chunk := await part.read_chunk(FIELD_BYTES):
            value += chunk
            if len(value) > FIELD_BYTES:
                raise bad_request(f"A field is longer than {FIELD_BYTES} bytes")
        if part.name:
            form.fields[part.name] = value.decode("utf-8", "replace").strip()

    async def _discard(self, form: _Form) -> None:
        """Remove the blob of an upload that was refused or had been made before."""
        if form.photo is None:
            return
        try:
            await self._blobs.delete([original(form.photo.filename)])
        except UnavailableError:
            logger.warning("blob_left_for_the_sweep", filename=form.photo.filename)


def _fields(photo: Received, *, job_id: str, locale: str, priority: str) -> dict[str, str]:
    return {
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


def _accepted(answer: Answer, locale: str) -> web.Response:
    photo = answer.photos[0]
    body: dict[str, Any] = {
        "id": photo.id,
        "filename": photo.filename,
        "tags": [],
        "processing": True,
        "jobId": photo.job_id,
        "message": messages.text("accepted", locale),
    }
    return json_response(body, status=202, headers={"Location": f"/api/photos/{photo.id}"})
