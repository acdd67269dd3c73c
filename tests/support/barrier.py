"""A proxy that bars some paths, as the proxies of offices and hotels do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Barrier:
    """Hands every connection on, but for those whose first request is for a barred path."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        self._writers: set[asyncio.StreamWriter] = set()
        self.barred: tuple[str, ...] = ()
        self.asked: list[str] = []
        """The path of every request that opened a connection."""

    def cut(self) -> None:
        """End all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].partition(b"?")[0].decode()
            self.asked.append(path)
            if path in self.barred:
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            else:
                await self._hand_on(head, reader, writer)
        writer.close()

    async def _hand_on(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        onward_reader, onward_writer = await asyncio.open_connection(*self._target)
        both = {writer, onward_writer}
        self._writers |= both
        onward_writer.write(head)
        try:
            await asyncio.wait(
                [
                    asyncio.create_task(_pour(reader, onward_writer)),
                    asyncio.create_task(_pour(onward_reader, writer)),
                ]
            )
        finally:
            self._writers -= both


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def barrier_to(target: str) -> AsyncIterator[tuple[Barrier, str]]:
    """Run a barrier before `target`; yields it and its URL."""
    barrier = Barrier(target)
    server = await asyncio.start_server(barrier.serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield barrier, f"http://127.0.0.1:{port}"
    finally:
        server.close()
        barrier.cut()
        await server.wait_closed()
