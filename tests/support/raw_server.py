"""A server that answers with bytes as they are, whatever HTTP thinks of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class RawServer:
    """Answers each request with `answer`; `holds`: and says no more, but does not hang up."""

    answer: bytes = b""
    holds: bool = False
    port: int = 0
    heads: list[str] = field(default_factory=list)
    """Of the requests that came, up to their empty line."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            length = next(
                line.partition(":")[2]
                for line in head.lower().splitlines()
                if line.startswith("content-length:")
            )
            await reader.readexactly(int(length))
            writer.write(self.answer)
            await writer.drain()
            if self.holds:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def raw_server() -> AsyncIterator[RawServer]:
    raw = RawServer()
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = server.sockets[0].getsockname()[1]
    async with server:
        yield raw
