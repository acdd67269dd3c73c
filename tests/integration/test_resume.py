"""Resuming: everything after a position once, in order; or a snapshot, and never a hole."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from services.notifier.limits import MAX_BYTES, Timing
from shared import keys
from shared.photos import MOST_WATCHED, Photos
from tests.support.notifier import connect, database, notifier, tell, tell_many
from tests.support.redis_server import temporary_server
from tests.support.tagging import submit
from tests.support.waiting import wait_until

UNKNOWN = "99999999999999-0"
SOMEBODY = "0-AAAAAAAAAAAAAAAAAAAAAAAA"


async def test_a_socket_that_heard_nothing_yet_resumes_from_its_first_position(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        async with connect(url, web) as socket:
            pass
        for number in range(3):
            await tell(redis, socket.socket_id, number)
        async with connect(
            url, web, socketId=socket.socket_id, lastEventId=socket.position
        ) as again:
            assert again.connected == {"socketId": socket.socket_id, "resumed": True}
            assert again.position == socket.position
            assert await again.hear_data(3) == [0, 1, 2]


async def test_a_long_absence_is_told_in_order_once_and_joined_to_what_happens_now(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        async with connect(url, web) as socket:
            pass
        await tell_many(redis, socket.socket_id, range(3500))

        async def go_on() -> None:
            for start in range(3500, 5000, 50):
                await tell_many(redis, socket.socket_id, range(start, start + 50))

        # If it comes back while more is written
        going_on = asyncio.create_task(go_on())
        async with connect(
            url, web, socketId=socket.socket_id, lastEventId=socket.position
        ) as again:
            assert await again.hear_data(5000) == list(range(5000))
        await going_on


async def test_many_who_come_back_at_once_each_get_their_own(redis_url: str) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis, aiohttp.ClientSession() as web,
    ):  # fmt: skip

        async def meet() -> tuple[str, str]:
            async with connect(url, web) as socket:
                return socket.socket_id, socket.position

        async def come_back(socket_id: str, position: str) -> list[object]:
            async with connect(url, web, socketId=socket_id, lastEventId=position) as socket:
                return await socket.hear_data(10)

        met = await asyncio.gather(*(meet() for _ in range(40)))
        for number in range(10):
            for socket_id, _ in met:
                await tell(redis, socket_id, [socket_id, number])
        told = await asyncio.gather(*(come_back(*each) for each in met))

        for (socket_id, _), heard in zip(met, told, strict=True):
            assert heard == [[socket_id, number] for number in range(10)]


@pytest.mark.parametrize("reason", ["history_trimmed", "unknown_position"])
async def test_a_position_that_is_not_there_is_answered_with_a_snapshot(
    redis_url: str, reason: str
) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        async with connect(url, web) as socket:
            lane = keys.lane(int(socket.socket_id.partition("-")[0]))
            position = socket.position if reason == "history_trimmed" else UNKNOWN
            await tell(redis, socket.socket_id, "early")
            last = await tell(redis, socket.socket_id, "late")
            await redis.xtrim(lane, maxlen=1, approximate=False)
        async with connect(url, web, socketId=socket.socket_id, lastEventId=position) as again:
            assert again.connected == {"socketId": socket.socket_id, "resumed": False}
            assert again.position > last
            resync = await again.hear()
            assert resync["event"] == "resync"
            assert resync["id"] == again.position
            assert resync["data"] == {"reason": reason, "photos": []}
            await tell(redis, socket.socket_id, "new")
            assert await again.hear_data(1) == ["new"]


async def test_a_snapshot_of_very_many_photos_is_of_the_newest_and_bounded(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        async with connect(url, web) as socket:
            pass
        photos = Photos(redis, retention_s=600)
        accepted = await submit(photos, count=MOST_WATCHED + 50, socket_id=socket.socket_id)
        ids = [photo.id for photo in accepted.photos]
        watched = await photos.watched_by(socket.socket_id)
        await redis.hset(keys.photo(ids[-2]), "original_name", "x" * MAX_BYTES)
        async with connect(url, web, socketId=socket.socket_id, lastEventId=UNKNOWN) as again:
            few = await again.hear()
        await redis.hset(keys.photo(ids[-2]), "original_name", "x")
        async with connect(url, web, socketId=socket.socket_id, lastEventId=UNKNOWN) as again:
            many = await again.hear()

    assert [record.id for record in watched] == ids[-MOST_WATCHED:]
    assert [photo["id"] for photo in few["data"]["photos"]] == ids[-2:]
    told = [photo["id"] for photo in many["data"]["photos"]]
    assert 100 < len(told) <= MOST_WATCHED
    assert told == ids[-len(told) :]


@pytest.mark.parametrize(
    "query",
    [
        {"socketId": SOMEBODY},
        {"lastEventId": "1-0"},
        {"socketId": SOMEBODY, "lastEventId": "yesterday"},
        {"socketId": SOMEBODY, "lastEventId": "1-99999999999999999999"},
        {"socketId": "99-AAAAAAAAAAAAAAAAAAAAAAAA", "lastEventId": "1-0"},
        {"socketId": "0-short", "lastEventId": "1-0"},
    ],
)
async def test_a_resume_request_that_makes_no_sense_is_closed_with_4400(
    redis_url: str, query: dict[str, str]
) -> None:
    async with (
        notifier(redis_url) as url, aiohttp.ClientSession() as web,
        web.ws_connect(f"{url}/ws", params=query) as socket,
    ):  # fmt: skip
        await socket.receive()

    assert socket.close_code == 4400


async def test_a_wiped_server_sends_everybody_back_for_a_snapshot(redis_url: str) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        async with connect(url, web) as socket:
            await redis.flushall()
            await tell(redis, socket.socket_id, "after the flood")
            assert await socket.close_code() == 1013
        async with connect(
            url, web, socketId=socket.socket_id, lastEventId=socket.position
        ) as again:
            assert again.connected["resumed"] is False
            assert (await again.hear())["event"] == "resync"


async def test_sockets_stay_while_redis_is_away_and_miss_nothing() -> None:
    with temporary_server() as server, capture_logs() as logs:
        async with (
            notifier(server.url) as url, aiohttp.ClientSession() as web,
            connect(url, web) as socket,
        ):  # fmt: skip
            for number in range(3):
                server.kill()
                server.start()
                async with database(server.url) as redis:
                    await tell(redis, socket.socket_id, number)
                assert await socket.hear_data(1) == [number]
    # I expect a word at the beginning and at the end, however often it is tried
    told = [each["event"] for each in logs if each["event"].startswith("tailer")]
    assert told == ["tailer_waits", "tailer_goes_on"] * 3


async def test_an_idle_lane_is_kept_fresh_so_that_its_next_event_is_no_gap(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url, TAGLINE_RETENTION_S="1") as url, database(redis_url) as redis,
        aiohttp.ClientSession() as web, connect(url, web) as socket,
    ):  # fmt: skip
        lane = keys.lane(int(socket.socket_id.partition("-")[0]))

        async def last_is_newer_than(entry_id: str) -> bool:
            entries: Any = await redis.xrevrange(lane, count=1)
            return bool(entries[0][0].decode() > entry_id)

        await wait_until(lambda: last_is_newer_than(socket.position), what="a mark")
        await tell(redis, socket.socket_id, "at last")
        await redis.xtrim(lane, maxlen=2, approximate=False)
        assert await socket.hear_data(1) == ["at last"]


async def test_a_client_that_answers_pings_is_waited_for_however_long_a_resume_takes(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url, timing=Timing(ping_every_s=1)) as url,
        database(redis_url) as redis, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        async with connect(url, web) as socket:
            query = {"socketId": socket.socket_id, "lastEventId": socket.position}
        await redis.client_pause(3000, all=False)  # longer than a silent one is given
        async with connect(url, web, **query) as socket:
            assert socket.connected["resumed"] is True


async def test_a_client_that_leaves_as_it_is_resumed_is_let_go_at_once(redis_url: str) -> None:
    async with (
        notifier(redis_url) as url, database(redis_url) as redis, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        async with connect(url, web) as socket:
            query = {"socketId": socket.socket_id, "lastEventId": socket.position}
        await redis.client_pause(60_000, all=False)
        try:
            websocket = await web.ws_connect(f"{url}/ws", params=query)
            await websocket.close()
        finally:
            await redis.client_unpause()
        assert websocket.close_code == 1000  # its close was answered
