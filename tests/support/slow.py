"""Connections that are slow or stop, each until the other side ends it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

PAUSE_S = 0.1
READER_BUFFER_BYTES = 4096

Slow = Callable[[int], Awaitable[bytes]]
"""Connects to a port; returns what came, once the connection has been ended there."""


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READER_BUFFER_BYTES)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=1000)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def silent(port: int) -> bytes:
    """Says nothing at all."""
    async with connected(port) as (reader, _):
        return await _rest(reader)


async def slow_head(port: int) -> bytes:
    """Sends a header that never ends, a byte now and then."""
    return await _drip(port, b"GET /healthz HTTP/1.1\r\nHost: here\r\nX-Slow: ")


def slow_body(path: str, content_type: str = "multipart/form-data; boundary=b") -> Slow:
    """Sends a body in the same way."""
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Length: 10000\r\n"

    async def connect(port: int) -> bytes:
        return await _drip(port, f"{head}Content-Type: {content_type}\r\n\r\n".encode())

    return connect


def stopped_reader(path: str) -> Slow:
    """Asks for more than it ever reads."""

    async def connect(port: int) -> bytes:
        async with connected(port) as (_, writer):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
            while not writer.transport.is_closing():
                await asyncio.sleep(PAUSE_S)
                writer.write(b"\r\n")  # of which one learns that the connection has gone
            return b""

    return connect


async def _drip(port: int, begun: bytes) -> bytes:
    async with connected(port) as (reader, writer):
        writer.write(begun)
        answer = asyncio.ensure_future(_rest(reader))
        while not answer.done():
            await asyncio.wait([answer], timeout=PAUSE_S)
            writer.write(b"x")
        return answer.result()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""
