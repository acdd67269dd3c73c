"""A notifier in the test's own process, and what tests say to it and hear from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from redis.asyncio import Redis

from services.notifier.app import build
from services.notifier.closing import Close
from services.notifier.limits import Timing
from services.notifier.settings import NotifierSettings
from shared import keys
from shared.progress import LaneEntry
from shared.server import Runner


@asynccontextmanager
async def notifier(
    redis_url: str, *, timing: Timing | None = None, idle_s: float = 15, **settings: str
) -> AsyncIterator[str]:
    """Run a notifier; yields its URL. `settings` are as in the environment."""
    given: dict[str, Any] = {"REDIS_URL": redis_url, "TAGLINE_GRACE_S": "1", **settings}
    app, _ = await build(NotifierSettings(**given), timing)
    runner = Runner(
        app, access_log=None, handler_cancellation=True, keepalive_timeout=idle_s,
        shutdown_timeout=1, lingering_time=0.2,
    )  # fmt: skip
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def database(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    try:
        yield client
    finally:
        await client.aclose()


async def tell(redis: Redis, socket_id: str, data: object, event: str = "photo:progress") -> str:
    """Write an event for a socket to its lane, as the tagger would; returns its id."""
    lane = keys.lane(int(socket_id.partition("-")[0]))
    fields: Any = {"socket": socket_id, "event": event, "data": orjson.dumps(data)}
    entry_id: Any = await redis.xadd(lane, fields)
    return str(entry_id.decode())


async def tell_many(redis: Redis, socket_id: str, numbers: Iterable[int]) -> None:
    """Write events with numbers as their data, all at once."""
    lane = keys.lane(int(socket_id.partition("-")[0]))
    async with redis.pipeline(transaction=False) as pipeline:
        for number in numbers:
            pipeline.xadd(
                lane, {"socket": socket_id, "event": "photo:progress", "data": str(number)}
            )
        await pipeline.execute()


class Socket:
    """A plain WebSocket that was given, or has resumed, a socket ID."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.connected: dict[str, Any] = {}
        self.position = ""

    @property
    def socket_id(self) -> str:
        return str(self.connected["socketId"])

    async def hear(self) -> dict[str, Any]:
        """Return the next frame. AssertionError if there comes none."""
        async with asyncio.timeout(20):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, (message.type, message.data)
        frame: dict[str, Any] = orjson.loads(message.data)
        self.position = frame["id"]
        return frame

    async def hear_data(self, count: int) -> list[Any]:
        return [(await self.hear())["data"] for _ in range(count)]

    async def close_code(self) -> int | None:
        """Wait until the server closes; return its code."""
        async with asyncio.timeout(20):
            while not self.socket.closed:
                await self.socket.receive()
        return self.socket.close_code


@asynccontextmanager
async def connect(url: str, session: aiohttp.ClientSession, **query: str) -> AsyncIterator[Socket]:
    """Connect to `/ws` and hear the first frame."""
    async with session.ws_connect(f"{url}/ws", params=query) as websocket:
        socket = Socket(websocket)
        first = await socket.hear()
        assert first["event"] == "connected"
        socket.connected = first["data"]
        yield socket


@dataclass
class Recorder:
    """A transport that keeps what it is given; full of events when `accepts` says so."""

    name: str = "websocket"
    frames: list[LaneEntry] = field(default_factory=list)
    closed: Close | None = None
    accepts: Callable[[], bool] = lambda: True

    def offer(self, *entries: LaneEntry) -> bool:
        for entry in entries:
            if entry.event not in {b"connected", b"resync"} and not self.accepts():
                return False
            self.frames.append(entry)
        return True

    async def room(self) -> None:
        await asyncio.sleep(0)

    def watch(self, on_stall: Callable[[], None]) -> None:
        """Never stalls."""

    def close(self, code: Close) -> None:
        self.closed = code
