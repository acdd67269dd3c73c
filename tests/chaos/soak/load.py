"""A photo's whole life, as a user has it; lived as fast as possible, or at a constant rate."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import aiohttp

from tests.chaos.system.follower import Follower
from tests.support.api import picture

ENDS_WITHIN_S: Final = 60.0
RETAGGED: Final = 4
"""One of so many is tagged again."""


class Load:
    """Lives of photos: uploaded, followed, listed, looked at, tagged again, removed.

    `lived`: how many ended well; `troubles`: what did not, counted.
    """

    def __init__(
        self, gateway: str, web: aiohttp.ClientSession, followers: Sequence[Follower]
    ) -> None:
        self.lived = 0
        self.left_out = 0
        self.troubles: Counter[str] = Counter()
        self._gateway = gateway
        self._web = web
        self._followers = followers
        self._number = 0

    async def fastest(self, *, seconds: float, at_a_time: int) -> float:
        """Live as many as possible; returns how many a second."""
        before, began_s = self.lived, time.monotonic()

        async def one_after_another() -> None:
            while time.monotonic() - began_s < seconds:
                await self.live()

        await asyncio.gather(*(one_after_another() for _ in range(at_a_time)))
        return (self.lived - before) / (time.monotonic() - began_s)

    async def steadily(self, rate: float, *, seconds: float, at_a_time: int) -> None:
        """Begin `rate` lives a second; leave those out that find `at_a_time` still lived."""
        under_way: set[asyncio.Task[None]] = set()
        for begin_s in _beats(rate, seconds):
            await asyncio.sleep(max(0.0, begin_s - time.monotonic()))
            if len(under_way) >= at_a_time:
                self.left_out += 1
                continue
            task = asyncio.create_task(self.live())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def live(self) -> None:
        """Have a photo live from its upload to its removal."""
        number = self._number = self._number + 1
        follower = self._followers[number % len(self._followers)]
        await follower.connected()
        headers = {"X-Socket-Id": follower.socket_id}
        form = aiohttp.FormData()
        form.add_field("photo", picture(number), filename=f"{number}.png")
        photo = await self._call(202, "POST", "photos/upload", headers=headers, data=form)
        if photo is None or not await self._ended(follower, photo["id"], ends=1):
            return
        path = f"photos/{photo['id']}"
        await self._call(200, "GET", "photos?limit=20&q=ch")
        await self._call(200, "GET", f"{path}/thumbnail?size=64")
        if number % RETAGGED == 0:
            fresh = {"fresh": number % (2 * RETAGGED) == 0}
            again = await self._call(202, "POST", f"{path}/retag", headers=headers, json=fresh)
            if again is None or not await self._ended(follower, photo["id"], ends=2):
                return
        if await self._call(204, "DELETE", path) is not None:
            follower.forget(photo["id"])
            self.lived += 1

    async def _ended(self, follower: Follower, photo_id: int, *, ends: int) -> bool:
        ended = await follower.ended(photo_id, timeout_s=ENDS_WITHIN_S, ends=ends)
        if not ended:
            self.troubles["no end was heard in time"] += 1
        return ended

    async def _call(self, wanted: int, method: str, path: str, **request: Any) -> Any | None:
        """Return the JSON, or nothing much; None if it is not answered as wanted."""
        what = f"{method} {path.partition('?')[0].rpartition('/')[2] or path}"
        try:
            async with self._web.request(
                method, f"{self._gateway}/api/{path}", **request
            ) as response:
                if response.status != wanted:
                    self.troubles[f"{what}: {response.status}"] += 1
                    return None
                if response.content_type == "application/json":
                    return await response.json()
                await response.read()
                return {}
        except (aiohttp.ClientError, TimeoutError) as error:
            self.troubles[f"{what}: {type(error).__name__}"] += 1
            return None


def _beats(rate: float, seconds: float) -> Iterator[float]:
    began_s = time.monotonic()
    for number in range(int(rate * seconds)):
        yield began_s + number / rate
