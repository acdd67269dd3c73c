"""Server-sent events, as the lines that they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest

from services.notifier.limits import Timing
from shared import keys
from tests.support.notifier import connect, database, notifier, tell

Event = dict[str, str]


class Stream:
    """One `text/event-stream`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def block(self) -> list[str]:
        """Return the lines up to the next empty one."""
        async with asyncio.timeout(20):
            text = await self.response.content.readuntil(b"\n\n")
        return text.decode().splitlines()[:-1]

    async def event(self) -> Event:
        """Return the next event's fields; comments and `retry` are passed over."""
        while True:
            fields = dict(line.partition(": ")[::2] for line in await self.block())
            if "event" in fields:
                return fields


@asynccontextmanager
async def stream(url: str, **request: Any) -> AsyncIterator[Stream]:
    async with (
        aiohttp.ClientSession() as web,
        web.get(f"{url}/sse", **request) as response,
    ):
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        yield Stream(response)


async def test_events_come_as_lines_and_last_event_id_resumes(redis_url: str) -> None:
    async with notifier(redis_url) as url, database(redis_url) as redis:
        async with stream(url) as first:
            retry = await first.block()
            connected = await first.event()
            socket_id = orjson.loads(connected["data"])["socketId"]
            event_id = await tell(redis, socket_id, {"n": 1})
            heard = await first.event()
        await tell(redis, socket_id, {"n": 2})
        headers = {"Last-Event-ID": event_id}
        async with stream(url, params={"socketId": socket_id}, headers=headers) as again:
            resumed = await again.event()
            missed = await again.event()

    assert retry[0].startswith("retry: ")
    assert connected["event"] == "connected"
    assert heard == {"id": event_id, "event": "photo:progress", "data": '{"n":1}'}
    assert resumed["id"] == event_id
    assert orjson.loads(resumed["data"]) == {"socketId": socket_id, "resumed": True}
    assert missed["data"] == '{"n":2}'


async def test_data_over_several_lines_stays_one_event(redis_url: str) -> None:
    async with notifier(redis_url) as url, database(redis_url) as redis, stream(url) as events:
        socket_id = orjson.loads((await events.event())["data"])["socketId"]
        lane = "{tagline:0}:progress:" + socket_id.partition("-")[0]
        await redis.xadd(lane, {"socket": socket_id, "event": "x", "data": '{\n"n":\n1}'})
        assert (await events.block())[1:] == ["event: x", "data: {", 'data: "n":', "data: 1}"]


async def test_the_cursor_may_stand_in_the_address_for_clients_without_headers(
    redis_url: str,
) -> None:
    async with notifier(redis_url) as url, database(redis_url) as redis:
        async with aiohttp.ClientSession() as web, connect(url, web) as socket:
            pass
        await tell(redis, socket.socket_id, "missed")
        query = {"socketId": socket.socket_id, "lastEventId": socket.position}
        async with stream(url, params=query) as events:
            assert orjson.loads((await events.event())["data"])["resumed"] is True
            assert (await events.event())["data"] == '"missed"'


async def test_a_header_without_an_id_leaves_the_cursor_in_the_address(redis_url: str) -> None:
    async with notifier(redis_url) as url:
        async with aiohttp.ClientSession() as web, connect(url, web) as socket:
            query = {"socketId": socket.socket_id, "lastEventId": socket.position}
        async with stream(url, params=query, headers={"Last-Event-ID": ""}) as events:
            assert orjson.loads((await events.event())["data"])["resumed"] is True


async def test_an_event_source_that_never_learnt_its_socket_id_begins_anew(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url) as url,
        stream(url, headers={"Last-Event-ID": "17-0"}) as events,
    ):
        assert orjson.loads((await events.event())["data"])["resumed"] is False


@pytest.mark.parametrize(
    "settings",
    [
        {"TAGLINE_MAX_SOCKETS": "1"},
        {"TAGLINE_API_KEYS": "me:mine", "TAGLINE_MAX_SOCKETS_PER_KEY": "1"},
    ],
    ids=["full", "key_full"],
)
async def test_an_event_source_is_told_in_a_stream_to_come_back_later(
    redis_url: str, settings: dict[str, Any]
) -> None:
    """Any status but 200 has it give up for good (HTML, 9.2.3)."""
    as_browsers_do = {"Accept": "text/event-stream"}
    async with (
        notifier(redis_url, **settings) as url,
        stream(url, params={"key": "mine"}),
        stream(url, params={"key": "mine"}, headers=as_browsers_do) as refused,
    ):
        after_s = int(refused.response.headers["Retry-After"])
        lines = [await refused.block(), await refused.block()]
        rest = await refused.response.content.read()

    assert after_s > 0
    assert lines == [
        [f"retry: {after_s * 1000}"],
        ["event: close", 'data: {"code":1013,"comeBack":true}'],
    ]
    assert rest == b""


@pytest.mark.parametrize("query", [{"socketId": "nonsense", "lastEventId": "1-0"}])
async def test_a_resume_request_that_makes_no_sense_is_a_400(
    redis_url: str, query: dict[str, str]
) -> None:
    async with (
        notifier(redis_url) as url, aiohttp.ClientSession() as web,
        web.get(f"{url}/sse", params=query) as response,
    ):  # fmt: skip
        assert response.status == 400


async def test_an_allowed_page_may_read_and_a_heartbeat_comes(redis_url: str) -> None:
    async with (
        notifier(
            redis_url,
            timing=Timing(ping_every_s=0.05),
            TAGLINE_ALLOWED_ORIGINS="https://page.example",
        ) as url,
        stream(url, headers={"Origin": "https://page.example"}) as events,
    ):
        allowed = events.response.headers["Access-Control-Allow-Origin"]
        await events.event()
        comment = await events.block()

    assert allowed == "https://page.example"
    assert comment == [":"]


async def test_the_last_event_says_why_the_stream_ends(redis_url: str) -> None:
    async with notifier(redis_url) as url, stream(url) as events:
        connected = await events.event()
        socket_id = orjson.loads(connected["data"])["socketId"]
        query = {"socketId": socket_id, "lastEventId": connected["id"]}
        async with aiohttp.ClientSession() as web, connect(url, web, **query):
            close = await events.event()
            assert orjson.loads(close["data"]) == {"code": 4001, "comeBack": False}
            assert await events.response.content.read() == b""


async def test_a_fault_of_ours_is_told_as_one_that_passes(redis_url: str) -> None:
    socket_id = "0-AAAAAAAAAAAAAAAAAAAAAAAA"
    async with notifier(redis_url) as url, database(redis_url) as redis:
        # Given what no service of ours writes, and cannot read
        await redis.zadd(keys.watched(socket_id), {"not a number": 1})
        async with stream(url, params={"socketId": socket_id, "lastEventId": "1-0"}) as events:
            close = await events.event()
    assert close["event"] == "close"
    assert orjson.loads(close["data"]) == {"code": 1013, "comeBack": True}
