"""Taking a socket over: whoever resumes it last has it, and somebody always has."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from redis.asyncio import Redis

from services.notifier.closing import Close
from services.notifier.hub import Hub
from shared.photos import Photos
from shared.progress import Lanes
from tests.support.notifier import Recorder, connect, database, notifier, tell
from tests.support.waiting import wait_until

SOMEBODY = "0-AAAAAAAAAAAAAAAAAAAAAAAA"


class HeldBack(Lanes):
    """Lanes whose first claim is written after all that do not wait for it."""

    def __init__(self, redis: Redis, *, retention_s: int) -> None:
        super().__init__(redis, retention_s=retention_s)
        self.claimed = asyncio.Event()
        self.go_on = asyncio.Event()
        self._others = 0

    async def claim(self, lane: int, socket_id: str) -> str:
        if not self.claimed.is_set():
            self.claimed.set()
            await self.go_on.wait()
            await wait_until(lambda: not self._others)
            return await super().claim(lane, socket_id)
        self._others += 1
        entry_id = await super().claim(lane, socket_id)
        self._others -= 1
        return entry_id


@pytest.mark.parametrize("notifiers", [1, 2])
async def test_whoever_resumes_last_has_the_socket(redis_url: str, notifiers: int) -> None:
    async with (
        notifier(redis_url, TAGLINE_HOME_LANE="1") as url,
        notifier(redis_url, TAGLINE_HOME_LANE="2") as other,
        database(redis_url) as redis,
        aiohttp.ClientSession() as web,
        connect(url, web) as first,
    ):
        elsewhere = url if notifiers == 1 else other
        async with connect(
            elsewhere, web, socketId=first.socket_id, lastEventId=first.position
        ) as second:
            assert await first.close_code() == 4001
            await tell(redis, first.socket_id, "for the second")
            assert await second.hear_data(1) == ["for the second"]


async def test_of_those_that_resume_at_once_on_one_notifier_the_last_stays(redis_url: str) -> None:
    async with database(redis_url) as redis:
        # Given one that has begun to claim the socket when the next one comes
        lanes = HeldBack(redis, retention_s=600)
        hub = Hub(
            lanes,
            Photos(redis, retention_s=600),
            redis_url=redis_url, lane_count=4, retention_s=600, home_lane=2,
        )  # fmt: skip
        position = await lanes.end(0)
        recorders = [Recorder() for _ in range(3)]
        resuming = []
        for recorder in recorders:
            resuming.append(asyncio.create_task(hub.resume(SOMEBODY, position, recorder)))
            await lanes.claimed.wait()
        await wait_until(lambda: recorders[0].closed and recorders[1].closed)
        lanes.go_on.set()
        sessions = await asyncio.gather(*resuming)
        # I expect no claim to have closed the last, once all have been heard
        await tell(redis, SOMEBODY, "for the last")
        await wait_until(
            lambda: [each.data for each in recorders[-1].frames][1:] == [b'"for the last"']
        )
        for session in sessions:
            hub.leave(session)
        await hub.stopped()

    assert [each.closed for each in recorders] == [Close.TAKEN_OVER, Close.TAKEN_OVER, None]
