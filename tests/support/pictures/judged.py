"""What the gateway's own code says to a picture, without a gateway."""

from __future__ import annotations

from pathlib import Path

from services.gateway.errors import Problem
from services.gateway.parts import Parts
from services.gateway.receiving import Limits, Received, receive
from shared.blobs import open_store

HEAD = b'--b\r\nContent-Disposition: form-data; name="photo"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"
PIECE = 2**16
LIMITS = Limits(max_bytes=20 * 2**20, max_pixels=67_108_864, max_side=32_768)


class Pieces:
    """A body as it comes off the wire."""

    def __init__(self, content: bytes) -> None:
        self._pieces = (content[at : at + PIECE] for at in range(0, len(content), PIECE))

    async def readany(self) -> bytes:
        return next(self._pieces, b"")


async def judged(content: bytes, folder: Path) -> Received | Problem:
    """Take `content` as the part of a form; its file lies in `folder` if it is taken."""
    part = await Parts(Pieces(HEAD + content + TAIL), "b", of="photo").next()
    assert part is not None
    try:
        return await receive(part, open_store(folder.as_uri()), LIMITS)
    except Problem as problem:
        return problem
