"""Lanes are trimmed while sockets come back: 'resumed' is never said over a hole."""

from __future__ import annotations

import asyncio
import os
import random

from redis.asyncio import Redis

from services.notifier.hub import Hub
from shared import keys
from shared.photos import Photos
from shared.progress import Lanes, after
from tests.support.notifier import Recorder, database, tell
from tests.support.waiting import wait_until

PAIRS = int(os.environ.get("TAGLINE_TEST_TRIMS", "150"))
"""`make chaos` sets more."""

LANE = keys.lane(2)


class Story:
    """All that was ever written for one socket, in order, whatever has been trimmed since."""

    def __init__(self, redis: Redis, socket_id: str, chance: random.Random) -> None:
        self.ids: list[str] = []
        self._redis = redis
        self._socket_id = socket_id
        self._chance = chance

    async def go_on(self) -> None:
        """Write some events, of which most are for the socket, and trim here and there."""
        for number in range(self._chance.randint(1, 6)):
            if self._chance.random() < 0.7:
                self.ids.append(await tell(self._redis, self._socket_id, number))
            else:
                await tell(self._redis, "2-somebodyelsesomebodyelse00", number)
            if self._chance.random() < 0.25:
                await self.trim()

    async def trim(self) -> None:
        length = await self._redis.xlen(LANE)
        await self._redis.xtrim(LANE, maxlen=self._chance.randint(0, length), approximate=False)

    def following(self, position: str) -> list[str]:
        return [each for each in self.ids if after(each) > after(position)]


async def come_back(hub: Hub, story: Story, socket_id: str, position: str, redis: Redis) -> str:
    """Resume from `position` until all has been heard; return the position then.

    AssertionError if anything that was owed did not come, or came twice or in disorder.
    """
    recorder = Recorder(accepts=lambda: random.random() < 0.9)
    session, _ = await asyncio.gather(hub.resume(socket_id, position, recorder), story.go_on())
    # An event after all others: when it is heard, so were they.
    story.ids.append(await tell(redis, socket_id, "last"))
    try:
        await wait_until(
            lambda: recorder.closed or recorder.frames[-1].id == story.ids[-1], what="the last"
        )
    finally:
        hub.leave(session)
    first = next((frame for frame in recorder.frames if frame.event == b"connected"), None)
    if first is None:
        assert recorder.closed
        return position
    if b'"resumed":true' in first.data:
        assert first.id == position
        heard = [frame.id for frame in recorder.frames[1:]]
    else:
        # I expect a snapshot only where the past has really gone
        assert not await redis.xrange(LANE, position, position)
        assert recorder.frames[1].event == b"resync"
        heard = [frame.id for frame in recorder.frames[2:]]
    owed = story.following(first.id)
    # A socket that was closed has heard the beginning, and will hear the rest.
    assert heard == (owed[: len(heard)] if recorder.closed else owed)
    return heard[-1] if heard else first.id


async def test_resumed_is_never_said_over_a_hole(redis_url: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # to repeat a failure
    chance = random.Random(seed)
    async with database(redis_url) as redis, database(redis_url) as writing:
        hub = Hub(
            # Pages so small that trims fall between them
            Lanes(redis, retention_s=600, page_size=3),
            Photos(redis, retention_s=600),
            redis_url=redis_url,
            lane_count=4,
            retention_s=600,
            home_lane=2,
        )
        recorder = Recorder()
        session = await hub.open(recorder)
        hub.leave(session)
        socket_id = session.socket_id
        position = recorder.frames[0].id
        story = Story(writing, socket_id, chance)
        for _ in range(PAIRS):
            await story.go_on()
            position = await come_back(hub, story, socket_id, position, writing)
            story.ids = story.following(position)
