"""Bodies that take too long: all ways to read one are timed, and the whole of it is."""

from __future__ import annotations

import asyncio
import gc
import weakref
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from pydantic import BaseModel

from services.gateway.bodies import WHOLE_BODY_S, continue_when_read, timed
from services.gateway.requests import json_body
from services.gateway.sweep import ORPHAN_AGE
from tests.support.gateway_app import serving
from tests.support.waiting import wait_until

UNPACKED_BYTES = 32 * 2**20


class Body(BaseModel):
    tags: list[str]


@asynccontextmanager
async def gateway(timeout_s: float, whole_s: float) -> AsyncIterator[int]:
    """Serve one route that reads JSON; yields the port."""

    async def read(request: web.Request) -> web.Response:
        await json_body(request, Body)
        return web.Response()

    async with serving([web.put("/tags", read)], timed(timeout_s, whole_s=whole_s)) as url:
        yield urlsplit(url).port or 0


async def answer_to_drips(port: int) -> bytes:
    """Send a body byte for byte, and return what is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"PUT /tags HTTP/1.1\r\nHost: here\r\nContent-Length: 60000\r\n\r\n")
    heard = bytearray()
    hearing = asyncio.create_task(_hear(reader, heard))
    try:
        async with asyncio.timeout(60):
            while not hearing.done():
                writer.write(b" ")
                await asyncio.wait([hearing], timeout=0.05)
        return bytes(heard)
    finally:
        writer.close()
        hearing.cancel()
        await asyncio.gather(hearing, writer.wait_closed(), return_exceptions=True)


async def _hear(reader: asyncio.StreamReader, heard: bytearray) -> None:
    # The connection may be reset under what is still sent: what came before counts.
    with suppress(ConnectionError):
        while chunk := await reader.read(4096):
            heard += chunk


async def test_a_json_body_that_drips_is_answered_408() -> None:
    async with gateway(timeout_s=0.5, whole_s=600) as port:
        answer = await answer_to_drips(port)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"within 0.5 s" in answer


async def test_a_body_has_a_time_as_a_whole() -> None:
    async with gateway(timeout_s=600, whole_s=0.5) as port:
        answer = await answer_to_drips(port)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"within 0.5 s" in answer


async def test_a_request_is_gone_with_its_answer_and_waits_for_no_search() -> None:
    seen: list[weakref.ref[web.Request]] = []

    async def read(request: web.Request) -> web.Response:
        seen.append(weakref.ref(request))
        return web.Response(body=await request.content.readany())

    gc.disable()
    try:
        async with serving([web.put("/tags", read)], timed(600)) as url:
            async with (
                aiohttp.ClientSession() as client,
                client.put(f"{url}/tags", data=b"bytes") as answer,
            ):
                assert await answer.read() == b"bytes"
            await wait_until(lambda: seen[0]() is None)
    finally:
        gc.enable()


@asynccontextmanager
async def another() -> AsyncIterator[list[int]]:
    """Somebody else who wants to work, too; yields a list of each turn that was had."""
    turns: list[int] = []

    async def work() -> None:
        while True:
            turns.append(len(turns))
            await asyncio.sleep(0)

    working = asyncio.create_task(work())
    try:
        yield turns
    finally:
        working.cancel()


async def send_packed(url: str) -> None:
    """Send a little that is unpacked to much, and return when the connection is closed."""
    packed = zlib.compress(bytes(UNPACKED_BYTES))
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    writer.write(
        b"PUT /tags HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Encoding: deflate\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(packed), packed)
    )
    async with asyncio.timeout(60):
        await _hear(reader, bytearray())
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_others_have_their_turn_while_a_body_is_unpacked() -> None:
    async def read(request: web.Request) -> web.Response:
        while content := await request.content.readany():
            taken.append((len(content), len(turns)))
        return web.Response()

    taken: list[tuple[int, int]] = []
    async with serving([web.put("/tags", read)], timed(60)) as url, another() as turns:
        await send_packed(url)

    assert sum(size for size, _ in taken) == UNPACKED_BYTES
    assert len({at for _, at in taken}) == len(taken)


async def test_others_have_their_turn_while_a_body_is_unpacked_that_nobody_wants() -> None:
    async def refuse(_request: web.Request) -> web.Response:
        begun.append(len(turns))
        return web.Response(status=400)

    begun: list[int] = []
    refusing = serving([web.put("/tags", refuse)], timed(60), lingering_s=60)
    async with refusing as url, another() as turns:
        await send_packed(url)

    assert len(turns) - begun[0] > UNPACKED_BYTES // 2**20


async def test_who_is_answered_is_not_told_to_go_on_with_a_packed_body() -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=400, body=bytes(100))

    route = web.put("/tags", refuse, expect_handler=continue_when_read)
    heard = bytearray()
    async with serving([route], timed(60), lingering_s=60) as url:
        packed = zlib.compress(bytes(UNPACKED_BYTES))
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        writer.write(
            b"PUT /tags HTTP/1.1\r\nHost: here\r\nConnection: close\r\nExpect: 100-continue\r\n"
            b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(packed)
        )
        hearing = asyncio.create_task(_hear(reader, heard))
        await wait_until(lambda: b"\r\n\r\n" in heard)
        writer.write(packed)
        async with asyncio.timeout(60):
            await hearing
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    assert heard.startswith(b"HTTP/1.1 400 ")
    assert heard.count(b"HTTP/1.1") == 1


async def test_who_speaks_the_first_http_is_not_told_to_go_on() -> None:
    begun = asyncio.Event()

    async def read(request: web.Request) -> web.Response:
        begun.set()
        return web.Response(body=await request.content.readany())

    async with serving([web.put("/", read, expect_handler=continue_when_read)], timed(60)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        writer.write(b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        await begun.wait()  # by now it is told, if it is
        writer.write(b"body")
        async with asyncio.timeout(60):
            heard = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert heard.startswith(b"HTTP/1.0 200 ")
    assert heard.endswith(b"\r\n\r\nbody")


def test_the_sweep_does_not_reach_an_upload_under_way() -> None:
    assert ORPHAN_AGE.total_seconds() >= 2 * WHOLE_BODY_S
