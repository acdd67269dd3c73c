"""What nobody has thought of: no socket is left behind silent, and the lane is read on."""

from __future__ import annotations

import aiohttp
from redis.asyncio import Redis

from services.notifier.closing import Close
from services.notifier.hub import Hub
from shared import keys
from shared.photos import Photos
from shared.progress import Lanes
from tests.support.notifier import Recorder, connect, database, notifier, tell
from tests.support.waiting import wait_until


def hub_of(redis: Redis, redis_url: str) -> Hub:
    return Hub(
        Lanes(redis, retention_s=600),
        Photos(redis, retention_s=600),
        redis_url=redis_url,
        lane_count=4,
        retention_s=600,
        home_lane=2,
    )


def broken() -> bool:
    raise RuntimeError("a fault of our own")


async def test_a_lane_that_cannot_be_read_closes_the_socket_and_is_tried_again(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url, TAGLINE_HOME_LANE="1") as url, database(redis_url) as redis,
        aiohttp.ClientSession() as web,
    ):  # fmt: skip
        await redis.set(keys.lane(1), "no stream")
        for path in ("/ws", "/socket.io/"):
            query = {"EIO": "4", "transport": "websocket"}
            async with web.ws_connect(url + path, params=query) as socket:
                await socket.send_str("40")
                while not socket.closed:
                    await socket.receive(timeout=20)
            assert socket.close_code == 1013
        await redis.delete(keys.lane(1))
        async with connect(url, web) as again:
            await tell(redis, again.socket_id, "now")
            assert await again.hear_data(1) == ["now"]


async def test_an_event_that_cannot_be_handed_out_is_passed_over(redis_url: str) -> None:
    async with database(redis_url) as redis:
        hub = hub_of(redis, redis_url)
        faulty, other, later = Recorder(accepts=broken), Recorder(), Recorder()
        sessions = [await hub.open(each) for each in (faulty, other)]
        await tell(redis, sessions[0].socket_id, "poison")
        # I expect all of its lane to be sent back, for whom it is not known what was missed
        await wait_until(lambda: faulty.closed and other.closed)
        assert {faulty.closed, other.closed} == {Close.TRY_AGAIN}
        sessions.append(await hub.open(later))
        await tell(redis, sessions[-1].socket_id, "after it")
        await wait_until(lambda: later.frames[-1].data == b'"after it"')
        for session in sessions:
            hub.leave(session)
        await hub.stopped()


async def test_a_catch_up_that_fails_sends_the_socket_back(redis_url: str) -> None:
    async with database(redis_url) as redis:
        hub = hub_of(redis, redis_url)
        first, faulty = Recorder(), Recorder(accepts=broken)
        session = await hub.open(first)
        hub.leave(session)
        await tell(redis, session.socket_id, "poison")
        hub.leave(await hub.resume(session.socket_id, session.position, faulty))
        await hub.stopped()

    assert faulty.closed is Close.TRY_AGAIN
