"""The parts of a multipart body, as aiohttp reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError

from services.gateway.errors import bad_request

_MALFORMED: Final = (
    ValueError,
    AssertionError,
    LookupError,
    RuntimeError,
    HttpProcessingError,
    web.RequestPayloadError,
)
"""What aiohttp raises on boundaries, headers and encodings that are not well-formed."""

logger = structlog.stdlib.get_logger()


@contextmanager
def well_formed() -> Iterator[None]:
    """Around aiohttp's reading, and nothing else: what it raises is the client's fault."""
    try:
        yield
    except _MALFORMED as error:
        logger.info("malformed_upload", why=f"{type(error).__name__}: {error}"[:200])
        raise bad_request("The multipart body is malformed or ends early") from None


async def read_chunk(part: BodyPartReader, size: int) -> bytes:
    """Return the next bytes of a part, about `size`; empty at its end. Raises `Problem`."""
    with well_formed():
        return bytes(await part.read_chunk(size))
