"""Photos of 100 KB through the three services, tagged by the local models: how many a second.

Compared with the cheapest thing that could do it: a thread for each core that decodes and asks
the same two models, with no service, server or fact between; and the models alone. The CPU time
of each part, a photo, says where the rest goes.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import orjson

from tests.bench.bare_models import bare_rates
from tests.bench.figures import Case, Figure, Sizes
from tests.bench.local_photos import distinct_photos
from tests.bench.system import System, cost_figures, costs, running_system

IN_FLIGHT = 32
LEAST_SHARE = 0.7


def measure(sizes: Sizes) -> list[Figure]:
    photos = distinct_photos(sizes.warm_up + sizes.tagged)
    first, count = photos[: sizes.warm_up], sizes.tagged
    settings = {"TAGLINE_PROVIDER": "local"}
    with tempfile.TemporaryDirectory() as cache:
        with running_system(settings, cache=Path(cache)) as system:
            took_s, each_ms = asyncio.run(_measure(system, first, photos[sizes.warm_up :]))
        bare = bare_rates(Path(cache, "models"), photos[sizes.warm_up :])
    rate = count / took_s
    return [
        Figure(
            "tagged", "a second", rate, limit=bare.decoded, more=True,
            goal=f"{LEAST_SHARE:.0%} of the limit", met=rate >= LEAST_SHARE * bare.decoded,
        ),
        Figure("  beside both models alone", "a second", rate, limit=bare.models, more=True),
        *cost_figures(each_ms, limit_ms=bare.decoded_cpu_ms),
    ]  # fmt: skip


async def _measure(
    system: System, first: Sequence[bytes], photos: Sequence[bytes]
) -> tuple[float, dict[str, float]]:
    """Return how many seconds `photos` took, and the CPU time of one in each part, ms."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{system.socket_url}/ws") as socket,
    ):
        hello = orjson.loads((await socket.receive()).data)
        headers = {"X-Socket-Id": hello["data"]["socketId"]}
        url = f"{system.url}/api/photos/upload"
        await _tag(session, socket, url, first, headers)
        before, start = system.cpu_s(), time.perf_counter()
        before["clients"] = time.process_time()
        await _tag(session, socket, url, photos, headers)
        took_s = time.perf_counter() - start
        after = {**system.cpu_s(), "clients": time.process_time()}
        return took_s, costs(before, after, len(photos))


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


CASE = Case(
    "local", "Photos tagged by the local models", "", measure, limit="bare decoding and sessions"
)
