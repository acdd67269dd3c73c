"""What may stand between a browser and the notifier: a proxy with habits of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from typing import Final
from urllib.parse import urlsplit

CHUNK_BYTES: Final = 65536
REFUSAL: Final = b"HTTP/1.1 %b\r\nContent-Length: 0\r\nConnection: close\r\n%b\r\n"


class Habit(Enum):
    OPEN = auto()
    NO_UPGRADES = auto()
    """WebSockets are refused, as by a proxy that knows only HTTP."""

    BUSY = auto()
    """All is refused, and a second asked for."""

    SHUT = auto()
    """All connections are closed."""


class WebProxy:
    """Passes on connections to `target`, a URL that may be changed, as its habit is."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.habit = Habit.OPEN
        self.asked_s: list[float] = []
        """When it was asked for something, in seconds of the monotonic clock."""

        self.frozen: set[asyncio.StreamWriter] = set()
        """Clients to whom nothing is passed on, though they stay connected."""

        self._clients: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    def cut(self, habit: Habit) -> None:
        """Take on a habit, and close all connections there are."""
        self.habit = habit
        for client in self._clients:
            client.close()

    def freeze(self) -> None:
        """Pass on nothing more over the connections there are, but leave them open."""
        self.frozen |= set(self._clients)

    async def close(self) -> None:
        self._server.close()
        self.cut(Habit.SHUT)
        for task in self._clients.values():
            task.cancel()
        await asyncio.gather(*self._clients.values(), return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[writer] = task
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            writer.close()
            del self._clients[writer]
            self.frozen.discard(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.habit is Habit.SHUT:
            return
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked_s.append(time.monotonic())
        if self.habit is Habit.BUSY:
            writer.write(REFUSAL % (b"503 Service Unavailable", b"Retry-After: 1\r\n"))
        elif self.habit is Habit.NO_UPGRADES and b"\r\nupgrade:" in head.lower():
            writer.write(REFUSAL % (b"400 Bad Request", b""))
        else:
            await self._pass_on(head, reader, writer)

    async def _pass_on(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        address = urlsplit(self.target)
        from_server, to_server = await asyncio.open_connection(address.hostname, address.port)
        try:
            to_server.write(head)
            upwards = asyncio.create_task(self._pump(reader, to_server, writer))
            downwards = asyncio.create_task(self._pump(from_server, writer, writer))
            await asyncio.wait([upwards, downwards], return_when=asyncio.FIRST_COMPLETED)
            for pump in (upwards, downwards):
                pump.cancel()
            await asyncio.gather(upwards, downwards, return_exceptions=True)
        finally:
            to_server.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while chunk := await source.read(CHUNK_BYTES):
            if client not in self.frozen:
                sink.write(chunk)
                await sink.drain()


@asynccontextmanager
async def web_proxy(target: str) -> AsyncIterator[WebProxy]:
    proxy = WebProxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
