"""The parts of a form, read from a request's body as they come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

import structlog
from aiohttp import hdrs, parse_content_disposition, web
from aiohttp.http import HttpProcessingError
from aiohttp.multipart import content_disposition_filename
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from services.gateway.bodies import ENVELOPE_BYTES
from services.gateway.errors import Problem, bad_request, too_long

PART_BYTES: Final = 1024
"""What a photo's part may hold besides its bytes: boundary and headers."""

BOUNDARY_CHARS: Final = 70
HEADER_BYTES: Final = 8190
"""Most bytes of one header of a part."""

MOST_HEADERS: Final = 128

_ANY: Final = "latin-1"
"""Headers are read as bytes would be: old clients send names in whatever encoding they have."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PLAIN: Final = re.compile(r'form-data; name="([^"*\\]*)"(?:; filename="([^"*\\]*)")?')
"""What browsers send. All else that HTTP knows, RFC 5987 and escapes, is slower to read."""

_ENDED: Final = b""
"""Comes after the last part; the bytes of a part are never none."""

logger = structlog.stdlib.get_logger()


class Content(Protocol):
    """A body."""

    async def readany(self) -> bytes:
        """Return what has come, at least a byte; nothing at the end."""


class Part:
    """A part of a form; it is read before the next one is asked for, or passed over."""

    def __init__(self, parts: Parts, head: MultipartSegment) -> None:
        self._parts = parts
        self._head = head
        self.name, self.filename = _names(head[hdrs.CONTENT_DISPOSITION])
        self.is_form = (head.content_type or "").startswith("multipart/")

    async def read(self) -> bytes:
        """Return the part's next bytes as they come, empty at its end. Raises `Problem`."""
        return b"" if self._head.complete else await self._parts.content_of(self)


def _names(disposition: str) -> tuple[str | None, str]:
    """Return the name of a part and that of its file, as the client gave it."""
    text = disposition.encode(_ANY).decode("utf-8", "surrogateescape")
    if plain := _PLAIN.fullmatch(text):
        return plain[1], plain[2] or ""
    _, parameters = parse_content_disposition(text)
    try:
        filename = content_disposition_filename(parameters)
    except ValueError:  # aiohttp's: `filename*0=it's.jpg` has no encoding before the apostrophe
        filename = None
    return parameters.get("name"), filename or ""


class Parts:
    """The parts of a form, one after the other. Raises `Problem`.

    `content`, `boundary`: those of the request. What is no content of parts named `of` may be
    `ENVELOPE_BYTES` long.
    """

    def __init__(self, content: Content, boundary: str, *, of: str) -> None:
        if not 1 <= len(boundary) <= BOUNDARY_CHARS:
            raise bad_request(
                f"Content-Type must name the form's boundary, of 1 to {BOUNDARY_CHARS} characters"
            )
        self._content = content
        self._of = of
        self._parser = PushMultipartParser(
            boundary.encode("utf-8", "surrogateescape"),
            max_header_size=HEADER_BYTES,
            max_header_count=MOST_HEADERS,
            header_charset=_ANY,
        )
        self._events: Iterator[MultipartSegment | bytes | None] = iter(())
        self._taken_bytes = 0
        self._allowed_bytes = ENVELOPE_BYTES

    async def next(self) -> Part | None:
        """Return the next part, None after the last."""
        while (event := await self._next()) is not _ENDED:
            if isinstance(event, MultipartSegment):
                if any(_CONTROL.search(value) for _, value in event.headerlist):
                    raise _malformed("a control character in a header")
                part = Part(self, event)
                if part.name == self._of:
                    self._allowed_bytes += PART_BYTES
                return part
        return None

    async def content_of(self, part: Part) -> bytes:
        """Return the next bytes of `part`, the one that is being read; empty at its end."""
        chunk = await self._next()
        if not isinstance(chunk, bytes):
            return b""
        if part.name == self._of:
            self._allowed_bytes += len(chunk)
        return chunk

    async def _next(self) -> MultipartSegment | bytes | None:
        while True:
            try:
                for event in self._events:
                    return event
                self._check_envelope()
                if self._parser.closed:
                    return _ENDED
                chunk = await self._content.readany()
                self._events = self._parser.parse(chunk)
            except (MultipartError, HttpProcessingError, web.RequestPayloadError) as error:
                raise _malformed(f"{type(error).__name__}: {error}") from None
            self._taken_bytes += len(chunk)

    def _check_envelope(self) -> None:
        if self._taken_bytes > self._allowed_bytes:
            raise too_long(ENVELOPE_BYTES, "besides its photos")


def _malformed(why: str) -> Problem:
    logger.info("malformed_upload", why=why[:200])
    return bad_request("The multipart body is malformed or ends early")
