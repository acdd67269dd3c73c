"""Takes one photo off the wire into the blob store, looking at it as it comes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from ulid import ULID

from services.gateway.errors import Problem, bad_image, too_large, unsupported_image
from services.gateway.headers import Header, Size, header_of
from services.gateway.images import SIGNATURE_BYTES, Format, format_of
from services.gateway.parts import Part
from shared import tracing
from shared.blobs import BlobStore
from shared.blobs.names import original

CHUNK_BYTES: Final = 128 * 1024
"""Up to this size a photo is written at once."""

HEADER_BYTES: Final = 8 * 2**20
"""How far into a file its dimensions may stand."""

ORIGINAL_NAME_CHARS: Final = 255


@dataclass(frozen=True, slots=True)
class Received:
    """A photo whose bytes are in the blob store, and which no record names yet."""

    filename: str
    original_name: str
    content_type: str
    size_bytes: int
    width: int
    height: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo may be at most."""

    max_bytes: int
    max_pixels: int
    max_side: int


class _Bytes:
    """The bytes of a part as they come: counted, hashed, refused when too many."""

    def __init__(self, part: Part, limits: Limits) -> None:
        self._part = part
        self._limits = limits
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    async def next(self) -> bytes:
        """Return the next piece, empty at the end."""
        chunk = await self._part.read()
        self.size_bytes += len(chunk)
        if self.size_bytes > self._limits.max_bytes:
            raise too_large(self._limits.max_bytes)
        self._hash.update(chunk)
        return chunk

    async def rest(self, head: bytes) -> AsyncIterator[bytes]:
        yield head
        del head  # the rest may be long in coming
        while chunk := await self.next():
            yield chunk

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


async def receive(part: Part, blobs: BlobStore, limits: Limits) -> Received:
    """Store the photo in `part`. Raises `Problem`; nothing is stored then."""
    incoming = _Bytes(part, limits)
    head, image_format, (width, height), ended = await _look(incoming)
    _check_size(width, height, limits)
    filename = f"photo-{ULID()}.{image_format.extension}"
    # A small photo is one write; a large one is never in memory as a whole.
    content = head if ended else incoming.rest(head)
    del head
    with tracing.span("store"):
        await blobs.put(original(filename), content)
    return Received(
        filename=filename,
        original_name=as_data(part.filename),
        content_type=image_format.content_type,
        size_bytes=incoming.size_bytes,
        width=width,
        height=height,
        sha256=incoming.sha256,
    )


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise bad_image(
            f"The image has {width} x {height} pixels; at most {limits.max_pixels} are taken",
            reason="pixels",
        )
    if max(width, height) > limits.max_side:
        raise bad_image(
            f"The image has {width} x {height} pixels; a side has {limits.max_side} at most",
            reason="side",
        )


async def _look(incoming: _Bytes) -> tuple[bytes, Format, Size, bool]:
    """Read until format and dimensions are known: what was read, and whether that was all."""
    head = bytearray()
    ended = False
    while len(head) < SIGNATURE_BYTES and not ended:
        head += (chunk := await incoming.next())
        ended = not chunk
    if not head:
        raise bad_image("The photo has zero bytes", reason="empty")
    image_format = format_of(bytes(head[:SIGNATURE_BYTES]))
    if image_format is None:
        raise unsupported_image()
    header = header_of(image_format)
    while (size := _size(header, image_format, head, ended=ended)) is None:
        head += (chunk := await incoming.next())
        ended = not chunk
    # Most likely all there is: a few more reads save a streamed write.
    while not ended and len(head) < CHUNK_BYTES:
        head += (chunk := await incoming.next())
        ended = not chunk
    return bytes(head), image_format, size, ended


def _size(header: Header, image_format: Format, head: bytearray, *, ended: bool) -> Size | None:
    try:
        size = header.size(head)
    except ValueError as error:
        raise _unreadable(image_format, str(error)) from None
    if size is None and ended:
        raise _unreadable(image_format, "it ends early")
    if size is None and len(head) > HEADER_BYTES:
        raise _unreadable(image_format, f"it is longer than {HEADER_BYTES} bytes")
    return size


def _unreadable(image_format: Format, why: str) -> Problem:
    return bad_image(
        f"The header of the {image_format.extension} file is unreadable: {why}", reason="header"
    )


def as_data(name: str) -> str:
    """Return a client's file name as text to show: one line, no control characters."""
    text = name.encode("utf-8", "replace").decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable())[:ORIGINAL_NAME_CHARS]
