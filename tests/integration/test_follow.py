"""The client that people copy: it gets everything once, through whatever gets through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from aiohttp.web import Application
from redis.asyncio import Redis

from cli.errors import TaglineError
from cli.follow import follow
from cli.transports import Cursor, Event
from shared import keys
from tests.support.barrier import Barrier, barrier_to
from tests.support.notifier import connect, database, notifier, tell
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until


class Followed:
    """What a follower has yielded."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.events: list[Event] = []
        self.failed: TaglineError | None = None

    async def run(self, url: str) -> None:
        try:
            async with aiohttp.ClientSession() as web:
                async for event in follow(web, url, self.cursor):
                    self.events.append(event)
        except TaglineError as error:
            self.failed = error

    @property
    def data(self) -> list[object]:
        return [event.data for event in self.events if event.name == "photo:progress"]

    async def heard(self, count: int) -> None:
        await wait_until(lambda: len(self.events) >= count, timeout_s=30, what=f"{count} events")


@asynccontextmanager
async def following(url: str, cursor: Cursor | None = None) -> AsyncIterator[Followed]:
    followed = Followed(cursor or Cursor())
    task = asyncio.create_task(followed.run(url))
    try:
        yield followed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def followed_without(
    redis_url: str, barred: tuple[str, ...]
) -> AsyncIterator[tuple[Followed, Barrier, Redis]]:
    """A client that is connected although the ways of `barred` are closed to it."""
    async with (
        notifier(redis_url) as url, database(redis_url) as redis,
        barrier_to(url) as (barrier, through),
    ):  # fmt: skip
        barrier.barred = barred
        async with following(through) as followed:
            await followed.heard(1)
            yield followed, barrier, redis


@pytest.mark.parametrize("barred", [(), ("/ws",), ("/ws", "/sse")])
async def test_each_way_tells_the_same_and_is_resumed_where_it_was_cut(
    redis_url: str, barred: tuple[str, ...]
) -> None:
    async with followed_without(redis_url, barred) as (followed, barrier, redis):
        for number in range(6):
            await tell(redis, followed.cursor.socket_id, number)
            if number % 2:
                barrier.cut()
            else:
                await followed.heard(number + 2)
        await followed.heard(7)

    assert followed.events[0].name == "connected"
    assert followed.data == [0, 1, 2, 3, 4, 5]
    ways = ["/ws", "/sse", "/socket.io/"]
    assert [way for way in ways if way in barrier.asked] == ways[: len(barred) + 1]


@pytest.mark.parametrize("barred", [(), ("/ws",), ("/ws", "/sse")])
async def test_data_that_another_service_wrote_over_several_lines_is_told_whole(
    redis_url: str, barred: tuple[str, ...]
) -> None:
    async with followed_without(redis_url, barred) as (followed, _, redis):
        socket_id = followed.cursor.socket_id
        lane = keys.lane(int(socket_id.partition("-")[0]))
        data = '{\n  "n":\n  1\n}'
        await redis.xadd(lane, {"socket": socket_id, "event": "photo:progress", "data": data})
        await followed.heard(2)

    assert followed.data == [{"n": 1}]


async def test_the_cursor_survives_a_change_of_way(redis_url: str) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis,
        barrier_to(url) as (barrier, through), following(through) as followed,
    ):  # fmt: skip
        await followed.heard(1)
        for number, barred in enumerate([("/ws",), ("/ws", "/sse"), ("/socket.io/", "/sse")]):
            barrier.barred = barred
            barrier.cut()
            await tell(redis, followed.cursor.socket_id, number)
            await followed.heard(number + 2)

    assert followed.data == [0, 1, 2]


async def test_a_socket_that_begins_anew_says_so_and_brings_a_snapshot(redis_url: str) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis,
        barrier_to(url) as (barrier, through), following(through) as followed,
    ):  # fmt: skip
        await followed.heard(1)
        socket_id = followed.cursor.socket_id
        barrier.barred = ("/ws", "/sse", "/socket.io/")
        barrier.cut()
        await redis.delete(keys.lane(int(socket_id.partition("-")[0])))
        barrier.barred = ()
        await followed.heard(3)
        await tell(redis, socket_id, "after")
        await followed.heard(4)

    assert [event.name for event in followed.events] == [
        "connected", "connected", "resync", "photo:progress",
    ]  # fmt: skip
    assert followed.events[1].data == {"socketId": socket_id, "resumed": False}


@pytest.mark.parametrize("barred", [(), ("/ws",), ("/ws", "/sse")])
async def test_where_its_cursor_means_nothing_it_begins_anew_by_whichever_way(
    redis_url: str, barred: tuple[str, ...]
) -> None:
    cursor = Cursor("99-AAAAAAAAAAAAAAAAAAAAAAAA", "1-0")
    async with (
        notifier(redis_url) as url, database(redis_url) as redis,
        barrier_to(url) as (barrier, through),
    ):  # fmt: skip
        barrier.barred = barred
        async with following(through, cursor) as followed:
            await followed.heard(1)
            await tell(redis, cursor.socket_id, "anew")
            await followed.heard(2)

    assert followed.events[0].data == {"socketId": cursor.socket_id, "resumed": False}
    assert followed.data == ["anew"]


async def test_who_is_told_to_come_back_does_so_by_the_same_way() -> None:
    with temporary_server() as server:
        async with notifier(server.url) as url, barrier_to(url) as (barrier, through):
            # Given a notifier that closes each new socket with 1013
            server.kill()
            async with following(through) as followed:
                await wait_until(lambda: len(barrier.asked) > 1, timeout_s=30)
                server.start()
                await followed.heard(1)

    assert set(barrier.asked) == {"/ws"}


async def test_who_is_taken_over_stays_away(redis_url: str) -> None:
    async with notifier(redis_url) as url, following(url) as followed:
        await followed.heard(1)
        cursor = followed.cursor
        query = {"socketId": cursor.socket_id, "lastEventId": cursor.position}
        async with aiohttp.ClientSession() as web, connect(url, web, **query):
            await wait_until(lambda: followed.failed is not None)

    assert "taken this socket over" in str(followed.failed)


async def test_it_comes_back_no_sooner_than_it_was_told_and_by_the_same_way(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url, TAGLINE_CONNECTS_PER_S="1") as url,
        barrier_to(url) as (barrier, through),
        following(through) as first,
    ):
        await first.heard(1)
        # Given that the next second's place is the only one
        async with aiohttp.ClientSession() as web:
            while (await web.get(f"{url}/sse")).status != 503:
                pass
        started_s = time.monotonic()
        async with following(through) as second:
            await second.heard(1)

    assert time.monotonic() - started_s >= 1
    assert "/sse" not in barrier.asked


async def test_a_wrong_key_is_not_tried_again(redis_url: str) -> None:
    async with (
        notifier(redis_url, TAGLINE_API_KEYS="me:secret") as url, following(url) as followed,
    ):  # fmt: skip
        await wait_until(lambda: followed.failed is not None)

    assert followed.failed is not None
    assert followed.failed.status == 401


async def test_a_server_that_is_no_notifier_is_told_as_what_it_is() -> None:
    async with TestServer(Application()) as other:
        url = str(other.make_url("")).rstrip("/")
        async with following(url) as followed:
            await wait_until(lambda: followed.failed is not None, timeout_s=30)

    assert str(followed.failed) == f"{url} is no notifier of Tagline: it answered 404"
