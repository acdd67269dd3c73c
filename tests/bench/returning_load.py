"""The sockets of the benchmark's `returning`, in a process of their own.

    python -m tests.bench.returning_load PORT SOCKETS
        for each line read: {"connected": …, "heard": …, "holes": …, "repeats": …, "resyncs": …},
        and {"ids": […]} when all are connected

They come back by themselves. Each socket counts what it is told (its events are numbered), backs
off with full jitter and obeys `Retry-After`.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from functools import partial
from typing import Any

import uvloop

from tests.bench.realtime_load import CountingSocket, Counts, RefusedError, say

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
        report: dict[str, Any] = {
            "connected": sum(each.connected for each in sockets),
            "heard": sum(each.heard for each in sockets),
            "holes": sum(each.holes for each in sockets),
            "repeats": sum(each.repeats for each in sockets),
            "resyncs": sum(each.resyncs for each in sockets),
        }
        if report["connected"] == count:
            report["ids"] = [each.socket_id for each in sockets]
        say(report)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(hold(int(sys.argv[1]), int(sys.argv[2])))
