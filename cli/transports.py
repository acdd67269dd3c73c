"""The three ways to receive events: WebSocket, server-sent events, long polling.

Each is an async generator of `Event`s from a cursor on, `connected` first, that ends by
raising `LostError`. They differ only in what gets through: a proxy that knows no WebSockets
lets the second pass; one that holds back answers until they are complete, only the third.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from cli.errors import seconds

MAX_EVENT_BYTES: Final = 16 * 2**20
"""Larger than any event; a server that sends more is not believed."""

SILENCE_S: Final = 45.0
"""The server says something every 20 s; after so long without a byte the connection is dead."""

OPEN_S: Final = 15.0
"""How long the first event may take."""


@dataclass
class Cursor:
    """Whose events, and after which one; both empty for a socket that is to be new."""

    socket_id: str = ""
    position: str = ""

    def query(self) -> dict[str, str]:
        if not self.socket_id:
            return {}
        return {"socketId": self.socket_id, "lastEventId": self.position}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a socket: its position, name and data."""

    id: str
    name: str
    data: dict[str, Any]


class LostError(Exception):
    """The connection has ended, or was never made.

    `code`: the close code, where there is one. `status`: that of an HTTP refusal, where there
    was one; None if no server answered at all. `retry_after_s`: when to come back, if it said.
    """

    def __init__(
        self, code: int | None = None, *, status: int | None = None, retry_after_s: float = 0
    ) -> None:
        super().__init__(f"connection lost (code {code}, status {status})")
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s


async def websocket(
    web: aiohttp.ClientSession, url: str, cursor: Cursor
) -> AsyncGenerator[Event, None]:
    try:
        async with web.ws_connect(
            f"{url}/ws", params=cursor.query(), heartbeat=SILENCE_S, max_msg_size=MAX_EVENT_BYTES
        ) as socket:
            message = await asyncio.wait_for(socket.receive(), OPEN_S)
            while message.type is aiohttp.WSMsgType.TEXT:
                frame = json.loads(message.data)
                yield Event(frame["id"], frame["event"], frame["data"])
                message = await socket.receive()
            # 1006 is the library's own word for a connection that broke.
            broke = socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
            raise LostError(None if broke else socket.close_code, status=101)
    except aiohttp.WSServerHandshakeError as error:
        raise _refused(error.status, error.headers) from None


async def server_sent(
    web: aiohttp.ClientSession, url: str, cursor: Cursor
) -> AsyncGenerator[Event, None]:
    patience = aiohttp.ClientTimeout(total=None, connect=OPEN_S, sock_read=SILENCE_S)
    async with web.get(f"{url}/sse", params=cursor.query(), timeout=patience) as response:
        if response.status == HTTPStatus.BAD_REQUEST:
            raise LostError(4400, status=response.status)
        if response.content_type != "text/event-stream":
            raise _refused(response.status, response.headers)
        rest = b""
        async for chunk in response.content.iter_any():
            *blocks, rest = (rest + chunk).split(b"\n\n")
            if len(rest) > MAX_EVENT_BYTES:
                raise LostError(status=200)
            for block in blocks:
                fields = _fields(block.decode())
                if fields.get("event") == "close":
                    raise LostError(json.loads(fields["data"])["code"], status=200)
                if "event" in fields:
                    yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
    raise LostError(status=200)


def _fields(block: str) -> dict[str, str]:
    """Return the fields of an event; what stands on several lines is one."""
    fields: dict[str, str] = {}
    for name, _, value in (line.partition(": ") for line in block.split("\n")):
        fields[name] = f"{fields[name]}\n{value}" if name in fields else value
    return fields


async def polling(
    web: aiohttp.ClientSession, url: str, cursor: Cursor
) -> AsyncGenerator[Event, None]:
    """Speak just enough Engine.IO 4 and Socket.IO 5 to be told events."""
    path = f"{url}/socket.io/"
    query = {"EIO": "4", "transport": "polling"}
    [handshake] = await _poll(web, path, query)
    query["sid"] = json.loads(handshake[1:])["sid"]
    await _say(web, path, query, "40" + json.dumps({"resume": True, **cursor.query()}))
    while True:
        for packet in await _poll(web, path, query):
            if packet.startswith("42"):
                name, data, event_id = json.loads(packet[2:])
                yield Event(event_id, name, data)
            elif packet == "2":
                await _say(web, path, query, "3")
            elif packet == "41":
                raise LostError(4001, status=200)
            elif packet.startswith("44"):
                raise LostError(json.loads(packet[2:])["data"]["code"], status=200)
            elif packet == "1":
                raise LostError(status=200)


async def _poll(web: aiohttp.ClientSession, path: str, query: dict[str, str]) -> list[str]:
    patience = aiohttp.ClientTimeout(total=SILENCE_S)
    # By `t` the server knows a GET that was repeated on the way, whose first answer is lost.
    stamped = {**query, "t": secrets.token_urlsafe(6)}
    async with web.get(path, params=stamped, timeout=patience) as response:
        body = await response.text()
        if not response.ok:
            raise _refused(response.status, response.headers)
        return body.split("\x1e")


async def _say(web: aiohttp.ClientSession, path: str, query: dict[str, str], packet: str) -> None:
    patience = aiohttp.ClientTimeout(total=OPEN_S)
    async with web.post(path, params=query, data=packet, timeout=patience) as response:
        if not response.ok:
            raise _refused(response.status, response.headers)


def _refused(status: int, headers: Any) -> LostError:
    return LostError(status=status, retry_after_s=seconds((headers or {}).get("Retry-After")))
