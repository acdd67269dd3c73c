"""Clients that do not read what they asked for: who stops is let go, who is slow is not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web

from shared.metrics import UNREAD
from shared.server import Runner
from shared.unread import Unread
from tests.support.waiting import wait_until

FAR_OFF_S = 1000.0
ANSWER_BYTES = 40_000
"""More than the kernels take here, and less than makes a transport say that it is full."""


class Kept(asyncio.Protocol):
    """What the server side of a connection is told."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, _exc: Exception | None) -> None:
        self.lost = True


@asynccontextmanager
async def sent(size_bytes: int) -> AsyncIterator[tuple[Kept, asyncio.Transport, socket.socket]]:
    """Send so much over a connection; yields both sides, the other as it is read from."""
    kept = Kept()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: kept, "127.0.0.1", 0)
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(client, server.sockets[0].getsockname())
        await wait_until(lambda: kept.transport)
        assert kept.transport is not None
        kept.transport.write(bytes(size_bytes))
        try:
            yield kept, kept.transport, client
        finally:
            kept.transport.abort()
            server.close()
            await server.wait_closed()


async def take(client: socket.socket, size_bytes: int) -> None:
    loop = asyncio.get_running_loop()
    while size_bytes > 0:
        size_bytes -= len(await loop.sock_recv(client, size_bytes))


def taken_since(unread: Unread, before: int) -> bool:
    return before - unread._held_bytes() >= 500_000


async def test_a_client_is_kept_as_long_as_it_takes_some() -> None:
    async with sent(20_000_000) as (kept, transport, client):
        unread = Unread(transport, every_s=FAR_OFF_S)
        unread.watch()
        for _ in range(3):
            before = unread._left_bytes
            await take(client, 1_000_000)
            # Of which the system may know a little later
            await wait_until(partial(taken_since, unread, before))
            unread._look()
            assert not transport.is_closing()
        ended = UNREAD._value.get()

        unread._look()

        await wait_until(lambda: kept.lost)
        assert UNREAD._value.get() == ended + 1


async def test_who_takes_next_to_nothing_is_let_go() -> None:
    async with sent(20_000_000) as (kept, transport, client):
        unread = Unread(transport, every_s=FAR_OFF_S)
        unread.watch()
        await take(client, 10_000)

        unread._look()

        await wait_until(lambda: kept.lost)


async def test_a_connection_that_is_left_alone_stays() -> None:
    async with sent(20_000_000) as (_, transport, _client):
        unread = Unread(transport, every_s=0.05)
        unread.watch()
        unread.leave()
        await asyncio.sleep(0.3)

        assert not transport.is_closing()


async def test_an_answer_whose_end_is_not_taken_does_not_hold_its_connection() -> None:
    connections: list[asyncio.Transport] = []

    async def answer(request: web.Request) -> web.Response:
        transport = request.transport
        assert transport is not None
        connections.append(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return web.Response(body=bytes(ANSWER_BYTES))

    app = web.Application()
    app.add_routes([web.get("/", answer)])
    runner = Runner(app, unread_s=0.3, keepalive_timeout=0.3, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(client, runner.addresses[0])
            await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            await wait_until(lambda: connections and connections[0].get_write_buffer_size())
            server = runner.server
            assert server is not None
            await wait_until(lambda: not server.connections, what="it is let go")
            # The transport that was closed kept its bytes until it was cut
            await wait_until(lambda: connections[0].get_write_buffer_size() == 0)
    finally:
        await runner.cleanup()
