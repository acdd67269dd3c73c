"""One upload at a time on an idle system, from the POST to each event, through the three services.

Compared with the cheapest thing that could do the accepting: a bare XADD with the same fsync
setting, measured in the same run.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
import orjson
from redis.asyncio import Redis

from tests.bench.figures import Case, Figure, Sizes, percentile
from tests.e2e.stack import running_stack
from tests.support.clients import PHOTOS
from tests.support.redis_server import temporary_server

WARM_UP = 20
XADD = "bare XADD"
NAMES = ("POST to 202", "POST to first event", "202 to first event", "POST to complete (local)")


def measure(sizes: Sizes) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as scratch,
        temporary_server() as server,
        running_stack(server.url, Path(scratch), Path(scratch)) as stack,
    ):
        taken_s = asyncio.run(
            _measure(stack.gateway.url, stack.notifier.url, server.url, sizes.photos)
        )
    xadd_ms = statistics.median(taken_s[XADD]) * 1000
    return [
        Figure(f"{name} p{percent}", "ms", percentile(taken_s[name], percent) * 1000, xadd_ms)
        for name in NAMES
        for percent in (50, 99)
    ]


async def _measure(
    gateway: str, notifier: str, redis_url: str, photos: int
) -> dict[str, list[float]]:
    photo = (PHOTOS / "cat.jpg").read_bytes()
    taken_s: dict[str, list[float]] = {name: [] for name in (*NAMES, XADD)}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{notifier}/ws") as socket,
        Redis.from_url(redis_url) as redis,
    ):
        headers = {"X-Socket-Id": orjson.loads((await socket.receive()).data)["data"]["socketId"]}
        for number in range(WARM_UP + photos):
            start = time.perf_counter()
            posting = asyncio.create_task(_post(session, gateway, photo, headers))
            first, last = await _first_and_last_event(socket)
            answered = await posting
            before = time.perf_counter()
            await redis.xadd("bench", {"m": b"x" * 300})
            if number >= WARM_UP:
                taken_s[XADD].append(time.perf_counter() - before)
                ends = (answered - start, first - start, first - answered, last - start)
                for name, seconds in zip(NAMES, ends, strict=True):
                    taken_s[name].append(seconds)
    return taken_s


async def _first_and_last_event(socket: aiohttp.ClientWebSocketResponse) -> tuple[float, float]:
    times: list[float] = []
    while True:
        event = orjson.loads((await socket.receive()).data)["event"]
        times.append(time.perf_counter())
        if event == "photo:complete":
            return times[0], times[-1]


async def _post(
    session: aiohttp.ClientSession, gateway: str, photo: bytes, headers: dict[str, str]
) -> float:
    form = aiohttp.FormData()
    form.add_field("photo", photo, filename="cat.jpg")
    async with session.post(f"{gateway}/api/photos/upload", data=form, headers=headers) as response:
        assert response.status == 202
        return time.perf_counter()


CASE = Case("uploads", "One upload on an idle system", XADD, measure)
