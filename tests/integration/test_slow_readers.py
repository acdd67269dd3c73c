"""Clients that stop reading: they are closed, cost little, and delay nobody."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest
from redis.asyncio import Redis

from shared import keys
from shared.tasks import end
from tests.support.memory import rss_mb
from tests.support.notifier import Socket, connect, database, tell
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

READERS = int(os.environ.get("TAGLINE_TEST_SLOW_READERS", "10"))
MEGABYTES = int(os.environ.get("TAGLINE_TEST_SLOW_MEGABYTES", "2"))
"""To each of them; `make chaos` sets more of both."""

EVENT_BYTES = 16 * 1024
MEGABYTES_AHEAD = 8
GROWTH_MB = 100

REQUESTS = {
    "websocket": (
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ),
    "sse": "GET /sse HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "socketio": (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ),
}
CONNECT_PACKET = b'\x81\x92\0\0\0\x0040{"resume":true}  '


class Reader:
    """A connection of which only the socket ID is read."""

    def __init__(self, url: str, transport: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 0))
        self.socket.sendall(REQUESTS[transport].format(host=parts.netloc).encode())
        if transport == "socketio":
            self.socket.sendall(CONNECT_PACKET)
        self.socket_id = ""

    def meet(self) -> str:
        text = b""
        while b'"resumed":false}' not in text:
            chunk = self.socket.recv(4096)
            assert chunk, text
            text += chunk
        self.socket_id = text.partition(b'"socketId":"')[2].partition(b'"')[0].decode()
        return self.socket_id

    def rest(self) -> bytes:
        """Read what is left, to the end of the connection."""
        self.socket.settimeout(20)
        text = b""
        try:
            while chunk := self.socket.recv(1 << 16):
                text = (text + chunk)[-256:]
        except ConnectionResetError:
            pass
        return text


@asynccontextmanager
async def readers(url: str, transport: str) -> AsyncIterator[list[Reader]]:
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(READERS):
            reader = Reader(url, transport)
            stack.callback(reader.socket.close)
            await asyncio.to_thread(reader.meet)
            made.append(reader)
        yield made


class Healthy:
    """A client that reads what it is told, and how long that took to come."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.waited_s: list[float] = []
        self.rounds = 0

    def has_heard(self, number: int) -> bool:
        return self.rounds >= number

    async def listen(self) -> None:
        while True:
            data = (await self.socket.hear())["data"]
            if "round" in data:
                self.rounds = data["round"]
            else:
                self.waited_s.append(time.monotonic() - data["now_s"])


async def flood(redis: Redis, socket_ids: list[str], healthy: Healthy) -> None:
    """Write `MEGABYTES` for each socket, a megabyte to one after the other."""
    data = orjson.dumps("x" * EVENT_BYTES)
    each_round = [ids for _ in range(MEGABYTES) for ids in batched(socket_ids, MEGABYTES_AHEAD)]
    for number, ids in enumerate(each_round, 1):
        for socket_id in ids:
            async with redis.pipeline(transaction=False) as pipeline:
                for _ in range(2**20 // EVENT_BYTES):
                    # Not more than Redis has to keep for this test
                    pipeline.xadd(
                        keys.lane(0), {"socket": socket_id, "event": "x", "data": data}, maxlen=2000
                    )
                await pipeline.execute()
        # Never so far ahead of the notifier that the lane is cut under it
        await tell(redis, healthy.socket.socket_id, {"round": number})
        await wait_until(
            partial(healthy.has_heard, number), timeout_s=60, what="the round is heard"
        )


def batched(ids: list[str], size: int) -> list[list[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


async def pulse(redis: Redis, healthy: str) -> None:
    """Tell a healthy socket the time, over and over."""
    while True:
        await tell(redis, healthy, {"now_s": time.monotonic()})
        await asyncio.sleep(0.02)


async def held(service: ServiceProcess, transport: str) -> float:
    async with aiohttp.ClientSession() as web, web.get(f"{service.url}/metrics") as response:
        for line in (await response.text()).splitlines():
            if line.startswith(f'tagline_sockets{{transport="{transport}"}}'):
                return float(line.rpartition(" ")[2])
    return 0


@pytest.mark.parametrize("transport", ["websocket", "sse", "socketio"])
async def test_readers_that_stop_are_closed_and_delay_nobody(transport: str) -> None:
    with (
        temporary_server() as server,
        ServiceProcess("notifier", {"REDIS_URL": server.url, "TAGLINE_HOME_LANE": "0"}) as service,
    ):
        service.wait_ready()
        async with (
            database(server.url) as redis,
            aiohttp.ClientSession() as web,
            connect(service.url, web) as connected,
            readers(service.url, transport) as stopped,
        ):
            # Gigabytes, at full length, that nobody needs on a disk
            await redis.config_set("appendonly", "no")
            before_mb = rss_mb(service.pid)
            healthy = Healthy(connected)
            tasks = [
                asyncio.create_task(healthy.listen()),
                asyncio.create_task(pulse(redis, connected.socket_id)),
            ]
            flooding = asyncio.create_task(
                flood(redis, [each.socket_id for each in stopped], healthy)
            )
            grown_mb = 0.0
            while not flooding.done():
                await asyncio.wait([flooding, *tasks], timeout=0.05, return_when="FIRST_COMPLETED")
                for task in tasks:
                    assert not task.done(), task.exception()
                grown_mb = max(grown_mb, rss_mb(service.pid) - before_mb)
            await flooding
            for task in tasks:
                await end(task)
            others = 1 if transport == "websocket" else 0

            async def all_closed() -> bool:
                return await held(service, transport) == others

            await wait_until(all_closed, timeout_s=20, what="those who do not read are closed")
            ends = await asyncio.gather(*(asyncio.to_thread(each.rest) for each in stopped))
    waited_ms = sorted(each * 1000 for each in healthy.waited_s)
    print(  # noqa: T201  # the numbers, for whoever runs it at full length
        f"{transport}: {READERS} readers, {MEGABYTES} MB each: grown by {grown_mb:.0f} MB, "
        f"others p50 {waited_ms[len(waited_ms) // 2]:.1f} ms "
        f"p99 {waited_ms[int(len(waited_ms) * 0.99)]:.1f} ms of {len(waited_ms)}, "
        f"told why {sum(b'too_slow' in each or b'4008' in each for each in ends)}"
    )
    assert grown_mb <= GROWTH_MB


async def test_a_reader_that_stops_is_closed_even_if_little_is_sent(redis_url: str) -> None:
    environment = {"REDIS_URL": redis_url, "TAGLINE_HOME_LANE": "0"}
    with ServiceProcess("notifier", environment) as service:
        service.wait_ready()
        reader = Reader(service.url, "websocket")
        with reader.socket:
            reader.meet()
            # Given as much as the kernels take for it, and a little more: far from 256 frames
            async with database(redis_url) as redis:
                data = orjson.dumps("x" * 4_000_000)
                for _ in range(3):
                    await redis.xadd(
                        keys.lane(0), {"socket": reader.socket_id, "event": "x", "data": data}
                    )

            async def is_closed() -> bool:
                return await held(service, "websocket") == 0

            # I expect it gone within 10 s
            await wait_until(is_closed, timeout_s=15, what="the reader is closed")
