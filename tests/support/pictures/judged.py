"""What the gateway's own code says to a picture, without a gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import BodyPartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict, CIMultiDictProxy

from services.gateway.errors import Problem
from services.gateway.receiving import Limits, Received, receive
from shared.blobs import open_store

LIMITS = Limits(max_bytes=20 * 2**20, max_pixels=67_108_864, max_side=32_768)


async def judged(content: bytes, folder: Path) -> Received | Problem:
    """Take `content` as the part of a form; its file lies in `folder` if it is taken."""
    loop = asyncio.get_running_loop()
    # With room for all at once: nobody is there to be told to wait.
    stream = StreamReader(BaseProtocol(loop), 2**26, loop=loop)
    stream.feed_data(content + b"\r\n--b--\r\n")
    stream.feed_eof()
    part = BodyPartReader(b"--b", CIMultiDictProxy(CIMultiDict()), stream)
    try:
        return await receive(part, open_store(folder.as_uri()), LIMITS)
    except Problem as problem:
        return problem
