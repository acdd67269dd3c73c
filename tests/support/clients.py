"""Clients as users have them: an uploader, a plain WebSocket, a Socket.IO client."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import socketio

ENDS = {"photo:complete", "photo:error", "photo:cancelled"}
PHOTOS = Path(__file__).resolve().parents[1] / "photos"


@dataclass
class Heard:
    """The events a client got, in order, and its socket ID."""

    socket_id: str = ""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, name: str, data: dict[str, Any], event_id: str = "") -> None:
        self.events.append((name, data))
        self.ids.append(event_id)
        self.changed.set()

    async def until(self, name: str, *, stage: str | None = None, timeout_s: float = 30) -> None:
        """Wait until event `name` (of `stage`) has come."""
        async with asyncio.timeout(timeout_s):
            while not any(n == name and stage in (None, d.get("stage")) for n, d in self.events):
                self.changed.clear()
                await self.changed.wait()

    def steps(self) -> list[int | str]:
        """The progress of each event that has one; else the event's name."""
        return [data.get("progress", name) for name, data in self.events]


async def upload(
    gateway: str, photo: bytes | Path, *, headers: dict[str, str] | None = None, **fields: str
) -> tuple[int, dict[str, Any]]:
    """POST a photo; returns status and JSON."""
    return await upload_batch(gateway, [photo], headers=headers, **fields)


async def upload_batch(
    gateway: str,
    photos: Sequence[bytes | Path],
    *,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> tuple[int, dict[str, Any]]:
    """POST photos in one request; returns status and JSON."""
    form = aiohttp.FormData()
    for photo in photos:
        content = photo.read_bytes() if isinstance(photo, Path) else photo
        # A file: of bytes, aiohttp wants few.
        file = io.BytesIO(content)
        form.add_field("photo", file, filename="photo.jpg", content_type="image/jpeg")
    for name, value in fields.items():
        form.add_field(name, value)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway}/api/photos/upload", data=form, headers=headers) as response,
    ):
        return response.status, orjson.loads(await response.read())


async def get(url: str) -> tuple[int, Any]:
    """GET `url`; returns status and JSON."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, orjson.loads(await response.read())


@asynccontextmanager
async def websocket(notifier: str, **query: str) -> AsyncIterator[Heard]:
    """A plain WebSocket client that hears until the end of the block."""
    heard = Heard()

    async def listen(socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frame = orjson.loads(message.data)
            heard.add(frame["event"], frame["data"], frame["id"])

    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{notifier}/ws", params=query) as socket,
    ):
        first = orjson.loads((await socket.receive()).data)
        assert first["event"] == "connected"
        heard.socket_id = first["data"]["socketId"]
        heard.add(first["event"], first["data"], first["id"])
        listening = asyncio.create_task(listen(socket))
        try:
            yield heard
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@asynccontextmanager
async def socket_io(notifier: str, transport: str = "websocket") -> AsyncIterator[Heard]:
    """The package's own Socket.IO client, which knows nothing but the events' names."""
    heard = Heard()
    client = socketio.AsyncClient()
    for name in ("photo:progress", "photo:complete", "photo:error", "photo:retrying"):
        client.on(name, lambda data, name=name: heard.add(name, data))
    await client.connect(notifier, transports=[transport])
    heard.socket_id = client.get_sid()
    try:
        yield heard
    finally:
        await client.disconnect()
        await client.shutdown()
