"""Many sockets that are dropped at once come back, while events are written and photos uploaded.

The notifier is killed and started again. Counted: how long until all are back, what they missed
or were told twice, and how much slower uploads were meanwhile. The notifier lets sockets in at its
usual rate, so that this takes some seconds however fast the machine is.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from shared import keys
from shared.redis import closing, connect
from shared.tasks import end
from tests.bench.figures import Case, Figure, Sizes
from tests.support.clients import PHOTOS, upload
from tests.support.processes import ROOT, ServiceProcess, clean_environment
from tests.support.redis_server import temporary_server

EVENTS_A_SECOND = 200
MOST_BACK_S = 60.0
MOST_TIMES_SLOWER = 2.0


@dataclass(frozen=True)
class Return:
    """What one return of all was like."""

    back_s: float
    last: dict[str, Any]
    before_ms: float
    meanwhile_ms: float


def measure(sizes: Sizes) -> list[Figure]:
    with (
        temporary_server() as server,
        tempfile.TemporaryDirectory() as blobs,
        ServiceProcess("gateway", _environment(server.url, blobs)) as gateway,
        ServiceProcess("notifier", _environment(server.url, blobs)) as notifier,
    ):
        gateway.wait_ready()
        notifier.wait_ready()
        this = asyncio.run(_measure(server.url, gateway, notifier, sizes))
    return [
        Figure(
            f"{sizes.sockets} sockets are back", "s", this.back_s,
            goal=f"at most {MOST_BACK_S:g}", met=this.back_s <= MOST_BACK_S,
        ),
        *(
            Figure(name, "of all", this.last[name], goal="0", met=not this.last[name])
            for name in ("holes", "repeats", "resyncs")
        ),
        Figure(
            "one upload meanwhile", "ms", this.meanwhile_ms, this.before_ms,
            goal=f"at most {MOST_TIMES_SLOWER:g} times as slow",
            met=this.meanwhile_ms <= MOST_TIMES_SLOWER * this.before_ms,
        ),
    ]  # fmt: skip


def _environment(redis_url: str, blobs: str) -> dict[str, str]:
    return {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": Path(blobs).as_uri()}


class Load:
    """The sockets, the writer of events and the uploader."""

    def __init__(
        self, redis: Redis, gateway: ServiceProcess, holder: asyncio.subprocess.Process
    ) -> None:
        self._redis = redis
        self._gateway = gateway
        self._holder = holder
        self.written = 0

    async def ask(self) -> dict[str, Any]:
        assert self._holder.stdin
        assert self._holder.stdout
        self._holder.stdin.write(b"\n")
        answer: dict[str, Any] = json.loads(await self._holder.stdout.readline())
        return answer

    async def until(self, what: str, count: int) -> dict[str, Any]:
        async with asyncio.timeout(120):
            while (report := await self.ask())[what] < count:
                await asyncio.sleep(0.1)
        return report

    async def write(self, ids: list[str]) -> None:
        told = dict.fromkeys(ids, 0)
        while True:
            async with self._redis.pipeline(transaction=False) as pipeline:
                targets = random.choices(ids, k=EVENTS_A_SECOND // 20)
                for socket_id in targets:
                    lane = keys.lane(int(socket_id.partition("-")[0]))
                    data = json.dumps({"n": told[socket_id]})
                    told[socket_id] += 1
                    pipeline.xadd(lane, {"socket": socket_id, "event": "x", "data": data})
                await pipeline.execute()
                self.written += len(targets)
            await asyncio.sleep(0.05)

    async def uploads(self, took_s: list[float]) -> None:
        photo = (PHOTOS / "cat.jpg").read_bytes()
        while True:
            start = time.monotonic()
            status, _ = await upload(self._gateway.url, photo)
            assert status == 202
            took_s.append(time.monotonic() - start)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _holding(port: int, sockets: int) -> AsyncIterator[asyncio.subprocess.Process]:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.returning_load", str(port), str(sockets),
        cwd=ROOT, env=clean_environment(), limit=1 << 24,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield holder
    finally:
        holder.kill()
        await holder.wait()


async def _measure(
    redis_url: str, gateway: ServiceProcess, notifier: ServiceProcess, sizes: Sizes
) -> Return:
    sockets = sizes.sockets
    before_s: list[float] = []
    meanwhile_s: list[float] = []
    async with closing(connect(redis_url)) as redis, _holding(notifier.port, sockets) as holder:
        load = Load(redis, gateway, holder)
        ids = (await load.until("connected", sockets))["ids"]
        writing = asyncio.create_task(load.write(ids))
        uploading = asyncio.create_task(load.uploads(before_s))
        await asyncio.sleep(sizes.before_s)
        await end(uploading)
        uploading = asyncio.create_task(load.uploads(meanwhile_s))
        start = time.monotonic()
        notifier.kill()
        notifier.start()
        while (await load.ask())["connected"] == sockets:  # not all have noticed
            await asyncio.sleep(0.01)
        await load.until("connected", sockets)
        back_s = time.monotonic() - start
        await end(uploading)
        await end(writing)
        last = await load.until("heard", load.written)
    before_ms, meanwhile_ms = (statistics.median(each) * 1e3 for each in (before_s, meanwhile_s))
    return Return(back_s, last, before_ms, meanwhile_ms)


CASE = Case("returning", "All sockets dropped at once", "before", measure)
