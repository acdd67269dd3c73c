"""Photos of 100 KB through the three services, tagged by the local models: how many a second.

Compared with the cheapest thing that could do it: a thread for each core that decodes and asks
the same two models, with no service, server or fact between; and the models alone. The CPU time
of each part, a photo, says where the rest goes.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import redis

from tests.bench.bare_models import bare_rates
from tests.bench.figures import Case, Figure, Sizes
from tests.bench.local_photos import distinct_photos
from tests.bench.notifiers import cpu_s
from tests.e2e.stack import Stack, running_stack
from tests.support.processes import descendants
from tests.support.redis_server import temporary_server

IN_FLIGHT = 32
WARM_UP = 32
LEAST_A_SECOND = 60
BESIDE = "bare decode + models"


def measure(sizes: Sizes) -> list[Figure]:
    photos = distinct_photos(WARM_UP + sizes.tagged)
    with (
        tempfile.TemporaryDirectory() as scratch,
        temporary_server() as server,
        running_stack(
            server.url, Path(scratch), Path(scratch), {"TAGLINE_PROVIDER": "local"}
        ) as stack,
        redis.Redis.from_url(server.url) as client,
    ):
        took_s, busy_s = asyncio.run(_measure(stack, client, photos))
        bare = bare_rates(Path(scratch, "models"), photos[WARM_UP:])
    count = sizes.tagged
    rate, goal = count / took_s, f"at least {LEAST_A_SECOND} on two cores"
    met = rate >= LEAST_A_SECOND if os.cpu_count() == 2 else None
    whole_s = sum(busy_s.values())
    return [
        Figure("tagged", "a second", rate, bare.decoded, more=True, goal=goal, met=met),
        Figure("tagged, beside the models alone", "a second", rate, bare.models, more=True),
        Figure("CPU of a photo", "ms", 1000 * whole_s / count, bare.decoded_cpu_ms),
        *(
            Figure(f"of it {part}", "ms", 1000 * of_it_s / count)
            for part, of_it_s in busy_s.items()
        ),
    ]


async def _measure(
    stack: Stack, client: redis.Redis, photos: Sequence[bytes]
) -> tuple[float, dict[str, float]]:
    """Return how many seconds the photos after the first took, and the CPU time of each part."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{stack.notifier.url}/ws") as socket,
    ):
        hello = orjson.loads((await socket.receive()).data)
        headers = {"X-Socket-Id": hello["data"]["socketId"]}
        url = f"{stack.gateway.url}/api/photos/upload"
        await _tag(session, socket, url, photos[:WARM_UP], headers)
        before, start = _busy_s(stack, client), time.perf_counter()
        await _tag(session, socket, url, photos[WARM_UP:], headers)
        took_s = time.perf_counter() - start
        return took_s, {part: s - before[part] for part, s in _busy_s(stack, client).items()}


async def _tag(
    session: aiohttp.ClientSession,
    socket: aiohttp.ClientWebSocketResponse,
    url: str,
    photos: Sequence[bytes],
    headers: dict[str, str],
) -> None:
    """Upload the photos, `IN_FLIGHT` from POST to end at a time; return when all are complete."""
    room = asyncio.Semaphore(IN_FLIGHT)

    async def upload(photo: bytes) -> None:
        await room.acquire()
        form = aiohttp.FormData()
        form.add_field("photo", photo, filename="photo.jpg")
        async with session.post(url, data=form, headers=headers) as response:
            assert response.status == 202, await response.text()

    async def follow() -> None:
        ended: Counter[str] = Counter()
        while ended.total() < len(photos):
            event = orjson.loads((await socket.receive()).data)["event"]
            if event in {"photo:complete", "photo:error"}:
                ended[event] += 1
                room.release()
        assert ended["photo:error"] == 0, ended

    await asyncio.gather(follow(), *map(upload, photos))


def _busy_s(stack: Stack, client: redis.Redis) -> dict[str, float]:
    """Return the CPU time that each part has had, this program's as the clients'."""
    server: Any = client.info("cpu")
    return {
        "tagger": cpu_s(stack.tagger.pid),
        "tagger's decoders": sum(map(cpu_s, descendants(stack.tagger.pid))),
        "gateway": cpu_s(stack.gateway.pid),
        "notifier": cpu_s(stack.notifier.pid),
        "server": server["used_cpu_sys"] + server["used_cpu_user"],
        "clients": time.process_time(),
    }


CASE = Case("local", "Photos tagged by the local models", BESIDE, measure)
