"""Socket.IO, packet by packet, over long polling and over a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

PATH = "/socket.io/"


class Polling:
    """An Engine.IO session over long polling."""

    def __init__(self, url: str, web: aiohttp.ClientSession) -> None:
        self._url = url + PATH
        self._web = web
        self.query = {"EIO": "4", "transport": "polling"}
        self.handshake: dict[str, Any] = {}

    async def open(self) -> None:
        [packet] = await self.get()
        assert packet[0] == "0"
        self.handshake = orjson.loads(packet[1:])
        self.query["sid"] = self.handshake["sid"]

    async def get(self, **more: str) -> list[str]:
        async with self._web.get(self._url, params={**self.query, **more}) as response:
            assert response.status == 200, await response.text()
            assert response.headers["Content-Type"] == "text/plain; charset=UTF-8"
            return (await response.text()).split("\x1e")

    async def post(self, *packets: str) -> int:
        body = "\x1e".join(packets)
        async with self._web.post(self._url, params=self.query, data=body) as response:
            assert response.status != 200 or await response.text() == "ok"
            return response.status


@asynccontextmanager
async def polling(url: str) -> AsyncIterator[Polling]:
    async with aiohttp.ClientSession() as web:
        client = Polling(url, web)
        await client.open()
        yield client


@asynccontextmanager
async def websocket(url: str, **query: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    params = {"EIO": "4", "transport": "websocket", **query}
    async with (
        aiohttp.ClientSession() as web,
        web.ws_connect(url + PATH, params=params) as socket,
    ):
        yield socket


async def hear(socket: aiohttp.ClientWebSocketResponse) -> str:
    async with asyncio.timeout(20):
        message = await socket.receive()
    assert message.type is aiohttp.WSMsgType.TEXT, message
    return str(message.data)
