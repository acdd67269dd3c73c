"""The least that a notifier could do: frames, ready made, to many WebSockets in turns.

python -m tests.bench.bare_sockets
    says {"port": …}, and for each line that is a number {"first_ns": …}, of so many frames
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import cycle, islice
from typing import Any, Final, cast

import uvloop

from tests.bench.realtime_load import say

AT_ONCE: Final = 250
WELCOME: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def frame(text: str) -> bytes:
    """Return the frame of a text of 126 to 65 535 bytes."""
    data = text.encode()
    return b"\x81\x7e" + len(data).to_bytes(2, "big") + data


FIRST: Final = frame(json.dumps({"event": "connected", "data": {"socketId": "0-0"}}).ljust(126))
EVENT: Final = frame(
    json.dumps(
        {
            "id": "1764000000000-0",
            "event": "photo:progress",
            "data": {"photoId": 123, "stage": "analyzing", "progress": 10, "message": "x" * 80},
        }
    )
)


class Socket(asyncio.Protocol):
    """One socket, open as soon as it has asked for it."""

    def __init__(self, transports: list[asyncio.Transport]) -> None:
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET"):
            self._transport.write(WELCOME + FIRST)
            self._transports.append(self._transport)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    transports: list[asyncio.Transport] = []
    server: Any = await loop.create_server(lambda: Socket(transports), "127.0.0.1", 0, backlog=4096)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say({"port": server.sockets[0].getsockname()[1]})
    while line := await reader.readline():
        count, turns = int(line), cycle(transports)
        say({"first_ns": time.monotonic_ns()})
        for start in range(0, count, AT_ONCE):
            for transport in islice(turns, min(AT_ONCE, count - start)):
                transport.write(EVENT)
            await asyncio.sleep(0)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
