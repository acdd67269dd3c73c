"""A client that follows its socket: cut off and resumed, over one transport, noting every frame."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

import aiohttp
import socketio

from cli.transports import Cursor, Event, LostError, polling, server_sent, websocket
from tests.chaos.system.notes import Frame

Transport = Callable[[aiohttp.ClientSession, str, Cursor], AsyncGenerator[Event, None]]

STAYS_S: Final = (4.0, 40.0)
"""How long a client stays on a connection before it leaves by itself, at least and at most."""

AWAY_S: Final = (0.05, 0.6)
CONNECT_S: Final = 10
ENDS: Final = frozenset({"photo:complete", "photo:error", "photo:cancelled"})


async def socket_io(
    web: aiohttp.ClientSession, url: str, cursor: Cursor
) -> AsyncGenerator[Event, None]:
    """Follow by the Socket.IO package's own client."""
    heard: asyncio.Queue[Event | None] = asyncio.Queue()
    client = socketio.AsyncClient(reconnection=False, http_session=web)
    client.on("*", lambda name, data, event_id: heard.put_nowait(Event(event_id, name, data)))
    client.on("disconnect", lambda *_: heard.put_nowait(None))
    try:
        await client.connect(
            url,
            transports=["websocket"],
            auth={"resume": True, **cursor.query()},
            wait_timeout=CONNECT_S,
        )
        while (event := await heard.get()) is not None:
            yield event
        raise LostError
    except socketio.exceptions.SocketIOError:
        raise LostError from None
    finally:
        await client.disconnect()


TRANSPORTS: Final[tuple[Transport, ...]] = (
    websocket, socket_io, server_sent, websocket, socket_io, polling,
)  # fmt: skip


class Follower:
    """One client. `urls`: the notifiers, of which it takes any each time.

    `frames`: all it was sent. `ends`: how many ends of each photo. `cut_off`: from when until when
    it was without events, by the wall clock, s. `troubles`: closings that no client should see.
    """

    def __init__(self, number: int, seed: int, urls: Sequence[str]) -> None:
        self._transport = TRANSPORTS[number % len(TRANSPORTS)]
        self.name = f"client {number} ({self._transport.__name__})"
        self._urls = urls
        self._chance = random.Random(f"{seed} follower {number}")
        self._cursor = Cursor()
        self.frames: list[Frame] = []
        self.ends: dict[int, int] = {}
        self.cut_off: list[tuple[float, float]] = []
        self.troubles: list[str] = []
        self._news = asyncio.Event()

    @property
    def socket_id(self) -> str:
        return self._cursor.socket_id

    @property
    def position(self) -> str:
        return self._cursor.position

    async def run(self, web: aiohttp.ClientSession) -> None:
        """Follow without end."""
        lost_s: float | None = None
        while True:
            url, stays_s = self._chance.choice(self._urls), self._chance.uniform(*STAYS_S)
            away_s = self._chance.uniform(*AWAY_S)
            staying = asyncio.timeout(stays_s)
            try:
                async with (
                    staying,
                    aclosing(self._transport(web, url, self._cursor)) as events,
                ):
                    async for event in events:
                        if lost_s is not None:
                            self.cut_off.append((lost_s, time.time()))
                            lost_s = None
                        self._note(event)
            except (LostError, aiohttp.ClientError, OSError, ValueError) as error:
                if isinstance(error, LostError) and error.code == 4400:
                    self.troubles.append(f"{self.name} was not resumed at {self._cursor}")
                    self._cursor = Cursor()
            if lost_s is None and not staying.expired():
                lost_s = time.time()
            await asyncio.sleep(away_s)

    def _note(self, event: Event) -> None:
        self.frames.append(Frame(event.id, event.name, event.data, time.time()))
        if event.name == "connected":
            self._cursor.socket_id = event.data["socketId"]
        self._cursor.position = event.id
        if event.name in ENDS:
            photo_id = event.data["photoId"]
            self.ends[photo_id] = self.ends.get(photo_id, 0) + 1
        self._news.set()

    async def connected(self) -> None:
        """Wait until it has a socket ID."""
        while not self.socket_id:
            self._news.clear()
            await self._news.wait()

    def forget(self, photo_id: int) -> None:
        """Keep nothing of a photo that is gone."""
        self.ends.pop(photo_id, None)

    async def ended(self, photo_id: int, *, timeout_s: float, ends: int = 1) -> bool:
        """Wait until so many ends of a photo are heard; False if they are not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.ends.get(photo_id, 0) < ends:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True
