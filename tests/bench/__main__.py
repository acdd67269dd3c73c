"""`make bench`: one upload at a time on an idle system, from the POST to each event.

Prints milliseconds at p50 and p99, and as a share of the cheapest thing that could do the
accepting: a bare XADD with the same fsync setting, measured in the same run.
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

from tests.e2e.stack import running_stack
from tests.support.clients import PHOTOS
from tests.support.redis_server import temporary_server

PHOTOS_MEASURED = 200
WARM_UP = 20


def _line(name: str, seconds: list[float], limit_s: float) -> str:
    p50, p99 = statistics.median(seconds), sorted(seconds)[int(0.99 * len(seconds))]
    return (
        f"{name:24} p50 {p50 * 1e3:7.2f} ms  p99 {p99 * 1e3:7.2f} ms  {p50 / limit_s:6.1f} x XADD"
    )


async def _measure(gateway: str, notifier: str, redis_url: str) -> None:
    photo = (PHOTOS / "cat.jpg").read_bytes()
    answer_s, first_s, after_s, complete_s, xadd_s = [], [], [], [], []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{notifier}/ws") as socket,
        Redis.from_url(redis_url) as redis,
    ):
        headers = {"X-Socket-Id": orjson.loads((await socket.receive()).data)["data"]["socketId"]}
        for number in range(WARM_UP + PHOTOS_MEASURED):
            form = aiohttp.FormData()
            form.add_field("photo", photo, filename="cat.jpg")
            start = time.perf_counter()
            posting = asyncio.create_task(_post(session, gateway, form, headers))
            times: list[float] = []
            while True:
                event = orjson.loads((await socket.receive()).data)["event"]
                times.append(time.perf_counter())
                if event == "photo:complete":
                    break
            answered = await posting
            before = time.perf_counter()
            await redis.xadd("bench", {"m": b"x" * 300})
            if number >= WARM_UP:
                xadd_s.append(time.perf_counter() - before)
                answer_s.append(answered - start)
                first_s.append(times[0] - start)
                after_s.append(times[0] - answered)
                complete_s.append(times[-1] - start)
    limit_s = statistics.median(xadd_s)
    print(_line("bare XADD", xadd_s, limit_s))  # noqa: T201
    for name, seconds in (
        ("POST to 202", answer_s),
        ("POST to first event", first_s),
        ("202 to first event", after_s),
        ("POST to complete (local)", complete_s),
    ):
        print(_line(name, seconds, limit_s))  # noqa: T201


async def _post(
    session: aiohttp.ClientSession, gateway: str, form: aiohttp.FormData, headers: dict[str, str]
) -> float:
    async with session.post(f"{gateway}/api/photos/upload", data=form, headers=headers) as response:
        assert response.status == 202
        return time.perf_counter()


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as scratch,
        temporary_server() as server,
        running_stack(server.url, Path(scratch), Path(scratch)) as stack,
    ):
        asyncio.run(_measure(stack.gateway.url, stack.notifier.url, server.url))
