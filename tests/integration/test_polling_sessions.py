"""Engine.IO sessions over long polling that are used, or end, in odd ways."""

from __future__ import annotations

import asyncio
import base64

import aiohttp
import orjson
import pytest

from services.notifier.limits import Timing
from tests.support.notifier import connect, database, notifier, tell
from tests.support.socketio_packets import PATH, polling


async def test_the_session_is_as_hard_to_guess_as_a_socket_id(redis_url: str) -> None:
    async with notifier(redis_url) as url, polling(url) as client:
        assert len(base64.urlsafe_b64decode(client.handshake["sid"])) * 8 >= 128


async def test_a_binary_event_of_a_client_is_not_heard_and_ends_nothing(redis_url: str) -> None:
    async with notifier(redis_url) as url, database(redis_url) as redis, polling(url) as client:
        await client.post("40")
        socket_id = orjson.loads((await client.get())[0][2:])["sid"]
        event = '451-["hello",{"_placeholder":true,"num":0}]'
        assert await client.post(event, "bAQIDBA==") == 200
        await tell(redis, socket_id, 1)
        assert await client.get() == ['42["photo:progress",1]']


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "undefined", "latin-1", "utf-16"])
async def test_packets_are_utf_8_whatever_a_header_says(redis_url: str, charset: str) -> None:
    async with (
        notifier(redis_url) as url, polling(url) as client, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        headers = {"Content-Type": f"text/plain; charset={charset}"}
        body = "40/\u00e9+2AA-\\ud800,".encode()
        async with web.post(
            url + PATH, params=client.query, data=body, headers=headers
        ) as response:
            assert response.status == 200
        [refused] = await client.get()
        assert refused == '44/\u00e9+2AA-\\ud800,{"message":"Invalid namespace"}'


async def test_a_session_that_is_closed_ends_in_time_and_holds_no_request(redis_url: str) -> None:
    timing = Timing(close_within_s=0.5)
    async with (
        notifier(redis_url, timing=timing) as url, polling(url) as client,
        aiohttp.ClientSession() as web,
    ):  # fmt: skip
        await client.post('40{"resume":true}')
        heard: list[str] = []
        while len(heard) < 2:
            heard += await client.get()
        [_, connected, position] = orjson.loads(heard[1][2:])
        query = {"socketId": connected["socketId"], "lastEventId": position}
        async with connect(url, web, **query), asyncio.timeout(20):
            assert await client.get() == ["41", "1"]
            # A client that goes on all the same
            assert await client.get() == ["1"]
            while await client.post("3") == 200:
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("path", ["/ws", "/sse", PATH + "?EIO=4&transport=polling"])
async def test_a_head_opens_no_socket(redis_url: str, path: str) -> None:
    async with (
        notifier(redis_url) as url, aiohttp.ClientSession() as web,
        web.head(url + path) as response,
    ):  # fmt: skip
        assert response.status == 405
