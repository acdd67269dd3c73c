"""Takes one photo off the wire into the blob store, looking at it as it comes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ulid import ULID

from services.gateway.errors import Problem, bad_image, busy, too_large, unsupported_image
from services.gateway.headers import Head, Header, Size, header_of
from services.gateway.images import SIGNATURE_BYTES, Format, format_of
from services.gateway.parts import Part
from shared import tracing
from shared.blobs import BlobStore
from shared.blobs.names import original

CHUNK_BYTES: Final = 128 * 1024
"""Up to this size a photo is written at once."""

HEADER_BYTES: Final = 8 * 2**20
"""How far into a file its dimensions may stand."""

LONG_AT_A_TIME: Final = 64
"""Headers of which more than `CHUNK_BYTES` are in memory, for as long as clients like: 512 MiB."""

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


class LongHeaders:
    """The headers longer than `CHUNK_BYTES` that are still awaited: few photos have such."""

    def __init__(self) -> None:
        self._left = LONG_AT_A_TIME

    @contextmanager
    def one(self) -> Iterator[None]:
        """Await one more. Raises `Problem` where there are too many."""
        if not self._left:
            raise busy("photos with headers this long")
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1


class _Bytes:
    """The bytes of a part as they come: counted, hashed, refused when too many."""

    def __init__(self, part: Part, limits: Limits) -> None:
        self._part = part
        self._limits = limits
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self.ended = False
        self.head: Head = b""
        """The first of them, as long as they are looked at."""

    async def next(self) -> bytes:
        """Return the next piece, empty at the end."""
        chunk = await self._part.read()
        self.ended = not chunk
        self.size_bytes += len(chunk)
        if self.size_bytes > self._limits.max_bytes:
            raise too_large(self._limits.max_bytes)
        self._hash.update(chunk)
        return chunk

    async def look_further(self) -> None:
        """Have the next piece in `head`, too."""
        chunk = await self.next()
        if not self.head:
            self.head = chunk  # mostly the whole photo, which is not copied
            return
        if isinstance(self.head, bytes):
            self.head = bytearray(self.head)
        self.head += chunk

    def take_head(self) -> bytes:
        """Return `head`, and let go of it."""
        head, self.head = bytes(self.head), b""
        return head

    async def rest(self, head: bytes) -> AsyncIterator[bytes]:
        yield head
        del head  # the rest may be long in coming
        while chunk := await self.next():
            yield chunk

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


async def receive(part: Part, blobs: BlobStore, limits: Limits, long: LongHeaders) -> Received:
    """Store the photo in `part`. Raises `Problem`; nothing is stored then."""
    incoming = _Bytes(part, limits)
    image_format, (width, height) = await _look(incoming, long)
    _check_size(width, height, limits)
    filename = f"photo-{ULID()}.{image_format.extension}"
    # A small photo is one write; a large one is never in memory as a whole.
    head = incoming.take_head()
    content = head if incoming.ended else incoming.rest(head)
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


async def _look(incoming: _Bytes, long: LongHeaders) -> tuple[Format, Size]:
    """Read until format and dimensions are known."""
    while len(incoming.head) < SIGNATURE_BYTES and not incoming.ended:
        await incoming.look_further()
    if not incoming.head:
        raise bad_image("The photo has zero bytes", reason="empty")
    image_format = format_of(bytes(incoming.head[:SIGNATURE_BYTES]))
    if image_format is None:
        raise unsupported_image()
    header = header_of(image_format)
    size = await _size(header, image_format, incoming, within=CHUNK_BYTES)
    if size is None:
        with long.one():
            size = await _size(header, image_format, incoming, within=HEADER_BYTES)
    if size is None:
        raise _unreadable(image_format, f"it is longer than {HEADER_BYTES} bytes")
    # Most likely all there is: a few more reads save a streamed write.
    while not incoming.ended and len(incoming.head) < CHUNK_BYTES:
        await incoming.look_further()
    return image_format, size


async def _size(
    header: Header, image_format: Format, incoming: _Bytes, *, within: int
) -> Size | None:
    """Read on until the dimensions are known, or the head has more bytes than `within`."""
    while (size := _said(header, image_format, incoming.head)) is None:
        if len(incoming.head) > within:
            return None
        if incoming.ended:
            raise _unreadable(image_format, "it ends early")
        await incoming.look_further()
    return size


def _said(header: Header, image_format: Format, head: Head) -> Size | None:
    try:
        return header.size(head)
    except ValueError as error:
        raise _unreadable(image_format, str(error)) from None


def _unreadable(image_format: Format, why: str) -> Problem:
    return bad_image(
        f"The header of the {image_format.extension} file is unreadable: {why}", reason="header"
    )


def as_data(name: str) -> str:
    """Return a client's file name as text to show: one line, no control characters."""
    text = name.encode("utf-8", "replace").decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable())[:ORIGINAL_NAME_CHARS]
