"""5 000 sockets dropped at once come back: `python -m tests.bench.returning`.

A notifier is killed and started again while events are written and photos uploaded. Each
socket counts what it is told (its events are numbered), backs off with full jitter and obeys
`Retry-After`. Printed: how long until all are back, holes and repeats, how long an upload took
before and meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from redis.asyncio import Redis

from shared import keys
from shared.tasks import end
from tests.bench.realtime_load import CountingSocket, Counts, RefusedError
from tests.support.clients import PHOTOS, upload
from tests.support.processes import ROOT, ServiceProcess, clean_environment
from tests.support.redis_server import temporary_server

SOCKETS = 5_000
EVENTS_A_SECOND = 200
BEFORE_S = 5.0
AT_ONCE = 64
BACKOFF_MOST_S = 8.0


class Numbered(CountingSocket):
    """A connection of a socket that checks its numbers."""

    def __init__(self, owner: Returning, path: bytes) -> None:
        super().__init__(owner.counts, path)
        self._owner = owner

    def _frame(self, data: bytes, start: int, end: int, now_ns: int) -> None:
        new = not self.socket_id.done()
        super()._frame(data, start, end, now_ns)
        if data[start - 2] != 0x89:
            self._owner.take(json.loads(data[start:end]), new=new)


class Returning:
    """One socket, over all its connections."""

    def __init__(self, counts: Counts, port: int) -> None:
        self.counts = counts
        self.port = port
        self.socket_id = ""
        self.position = ""
        self.heard = 0
        self.holes = 0
        self.repeats = 0
        self.resyncs = 0
        self.connected = False

    def take(self, frame: dict[str, Any], *, new: bool) -> None:
        self.position = frame["id"]
        if new:
            self.socket_id = frame["data"]["socketId"]
        elif frame["event"] == "resync":
            self.resyncs += 1
        else:
            ahead = frame["data"]["n"] - self.heard
            self.holes += ahead > 0
            self.repeats += ahead < 0
            self.heard = frame["data"]["n"] + 1

    async def live(self, gate: asyncio.Semaphore) -> None:
        loop, tries = asyncio.get_running_loop(), 0
        while True:
            path = b"/ws"
            if self.socket_id:
                path += b"?socketId=%b&lastEventId=%b" % (
                    self.socket_id.encode(), self.position.encode(),
                )  # fmt: skip
            pause_s = random.uniform(0, min(BACKOFF_MOST_S, 0.5 * 2.0**tries))
            tries += 1
            try:
                async with gate:
                    _, protocol = await loop.create_connection(
                        partial(Numbered, self, path), "127.0.0.1", self.port
                    )
                    await protocol.socket_id
            except RefusedError as error:
                pause_s += error.retry_after_s
            except OSError:
                pass
            else:
                self.connected, tries = True, 0
                await protocol.lost.wait()
                self.connected = False
            await asyncio.sleep(pause_s)


async def hold(port: int, count: int) -> None:
    """Hold `count` sockets, and answer each line read with how they are."""
    counts, gate = Counts(), asyncio.Semaphore(AT_ONCE)
    sockets = [Returning(counts, port) for _ in range(count)]
    tasks = [asyncio.create_task(each.live(gate)) for each in sockets]
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        report = {
            "connected": sum(each.connected for each in sockets),
            "heard": sum(each.heard for each in sockets),
            "holes": sum(each.holes for each in sockets),
            "repeats": sum(each.repeats for each in sockets),
            "resyncs": sum(each.resyncs for each in sockets),
            "ids": [each.socket_id for each in sockets],
        }
        print(json.dumps(report), flush=True)  # noqa: T201
    for task in tasks:
        task.cancel()


class Measurement:
    """The notifier that dies, the sockets, the writer of events and the uploader."""

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


async def measure(redis_url: str, blobs: Path, count: int) -> str:
    with ExitStack() as stack:
        environment = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": blobs.as_uri()}
        gateway = stack.enter_context(ServiceProcess("gateway", environment)).wait_ready()
        notifier = stack.enter_context(ServiceProcess("notifier", environment)).wait_ready()
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.returning", "--hold", str(notifier.port),
            "--sockets", str(count), cwd=ROOT, env=clean_environment(), limit=1 << 24,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        redis = Redis.from_url(redis_url)
        this = Measurement(redis, gateway, holder)
        try:
            ids = (await this.until("connected", count))["ids"]
            before_s: list[float] = []
            meanwhile_s: list[float] = []
            writing = asyncio.create_task(this.write(ids))
            uploading = asyncio.create_task(this.uploads(before_s))
            await asyncio.sleep(BEFORE_S)
            await end(uploading)
            uploading = asyncio.create_task(this.uploads(meanwhile_s))
            start = time.monotonic()
            notifier.kill()
            notifier.start()
            while (await this.ask())["connected"] == count:  # not all have noticed
                await asyncio.sleep(0.01)
            await this.until("connected", count)
            back_s = time.monotonic() - start
            await end(uploading)
            await end(writing)
            last = await this.until("heard", this.written)
        finally:
            await redis.aclose()
            holder.kill()
            await holder.wait()
    slower = statistics.median(meanwhile_s) / statistics.median(before_s)
    return (
        f"{count} sockets dropped at once, all back after {back_s:.1f} s; "
        f"{this.written} events: {last['holes']} holes, {last['repeats']} repeats, "
        f"{last['resyncs']} resyncs; an upload took {statistics.median(before_s) * 1e3:.1f} ms "
        f"before, {statistics.median(meanwhile_s) * 1e3:.1f} ms meanwhile ({slower:.2f} times)"
    )


def run(count: int = SOCKETS) -> str:
    """Measure; returns a line."""
    with temporary_server() as server, tempfile.TemporaryDirectory() as blobs:
        return asyncio.run(measure(server.url, Path(blobs), count))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--sockets", type=int, default=SOCKETS)
    parser.add_argument("--hold", type=int, metavar="PORT", help="be the process that holds them")
    options = parser.parse_args(arguments)
    if options.hold:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(hold(options.hold, options.sockets))
    else:
        print(run(options.sockets))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
