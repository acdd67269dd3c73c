"""Events that other services write into a lane: whatever they are, those after them arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from redis.asyncio import Redis

from shared import keys
from tests.support.notifier import connect, database, notifier
from tests.support.socketio_packets import hear, websocket

ODD = [
    (b"empty", b""),
    (b"text", b'not "json"'),
    (b"bytes", b"\xff\x00"),
    (b"more", b'{} ,"x":1'),
    (b"number", b"NaN"),
    (b"\xff\n", b"[\n1]"),
    (b"last", b"{}"),
]
"""Names and data, as they are written."""

READ = [
    ("empty", ""),
    ("text", 'not "json"'),
    ("bytes", "\ufffd\x00"),
    ("more", '{} ,"x":1'),
    ("number", "NaN"),
    ("\ufffd\n", [1]),
    ("last", {}),
]
"""The same, as clients read them."""


async def write(redis: Redis, socket_id: str, events: Sequence[tuple[bytes, bytes]]) -> None:
    """Write events in one transaction, so that they may be read together."""
    lane = keys.lane(int(socket_id.partition("-")[0]))
    async with redis.pipeline() as pipeline:
        for event, data in events:
            fields: Any = {"socket": socket_id, "event": event, "data": data}
            pipeline.xadd(lane, fields)
        await pipeline.execute()


@asynccontextmanager
async def connected(redis_url: str, auth: str = "") -> AsyncIterator[tuple[Redis, Any, str]]:
    """The database, a Socket.IO client's socket, and its ID, once it is connected."""
    async with notifier(redis_url) as url, database(redis_url) as redis, websocket(url) as socket:
        await hear(socket)
        await socket.send_str("40" + auth)
        socket_id = orjson.loads((await hear(socket))[2:])["sid"]
        if auth:
            assert "connected" in await hear(socket)
        yield redis, socket, socket_id


async def test_what_is_no_json_reaches_a_plain_websocket_as_text(redis_url: str) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis, aiohttp.ClientSession() as web,
        connect(url, web) as socket,
    ):  # fmt: skip
        await write(redis, socket.socket_id, ODD)
        frames = [await socket.hear() for _ in READ]
        assert [(each["event"], each["data"]) for each in frames] == READ


async def test_what_is_no_json_reaches_server_sent_events_as_text(redis_url: str) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis, aiohttp.ClientSession() as web,
        web.get(f"{url}/sse") as response, asyncio.timeout(20),
    ):  # fmt: skip
        await response.content.readuntil(b"data: ")
        connected = orjson.loads(await response.content.readuntil(b"\n\n"))
        await write(redis, connected["socketId"], ODD)
        for event, data in READ:
            block = (await response.content.readuntil(b"\n\n")).decode().split("\n")
            assert block[1] == f"event: {event.replace(chr(10), ' ')}"
            lines = [line.removeprefix("data: ") for line in block[2:-2]]
            assert orjson.loads("\n".join(lines)) == data


@pytest.mark.parametrize("auth", ["", '{"resume":true}'], ids=["names", "ids"])
async def test_what_is_no_json_reaches_socketio_as_text(redis_url: str, auth: str) -> None:
    async with connected(redis_url, auth) as (redis, socket, socket_id):
        await write(redis, socket_id, ODD)
        events = [orjson.loads((await hear(socket))[2:]) for _ in READ]
        assert [tuple(each[:2]) for each in events] == READ


@pytest.mark.parametrize("auth", ["", '{"resume":true}'], ids=["names", "ids"])
async def test_an_event_named_connected_connects_nobody_a_second_time(
    redis_url: str, auth: str
) -> None:
    async with connected(redis_url, auth) as (redis, socket, socket_id):
        await write(redis, socket_id, [(b"connected", b"1"), (b"photo:progress", b"2")])
        assert (await hear(socket)).startswith('42["connected",1')
        assert (await hear(socket)).startswith('42["photo:progress",2')


async def test_names_that_socketio_has_for_itself_are_not_sent_there(redis_url: str) -> None:
    reserved = [
        b"connect", b"connect_error", b"disconnect", b"disconnecting", b"newListener",
        b"removeListener",
    ]  # fmt: skip
    async with connected(redis_url) as (redis, socket, socket_id):
        await write(redis, socket_id, [(name, b"{}") for name in [*reserved, b"heard", *reserved]])
        await write(redis, socket_id, [(b"last", b"{}")])
        assert await hear(socket) == '42["heard",{}]'
        assert await hear(socket) == '42["last",{}]'
