"""Frames and packets that something has happened to: none breaks the notifier, none stays."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.support.memory import rss_mb
from tests.support.notifier import connect, database, tell
from tests.support.odd_frames import PACKETS, breaches, mutated
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until

FRAMES = int(os.environ.get("TAGLINE_TEST_FRAMES", "200"))
"""`make chaos` sets more."""

SEED = 8
AT_A_TIME = 16
GROWTH_MB = 15
"""What memory may be larger by at the end than after a fifth of them."""

PATHS = ("/ws", "/socket.io/?EIO=4&transport=websocket")
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def service(redis_url: str) -> Iterator[ServiceProcess]:
    environment = {"REDIS_URL": redis_url, "TAGLINE_CONNECTS_PER_S": "10000"}
    with ServiceProcess("notifier", environment) as service:
        yield service.wait_ready()
        assert service.returncode is None
        lines = service.output.splitlines()
        assert [line for line in lines if "Traceback" in line or "Warning" in line] == []


@asynccontextmanager
async def upgraded(
    service: ServiceProcess, path: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A raw connection, the handshake behind it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        async with asyncio.timeout(30):
            writer.write(HANDSHAKE.format(path=path).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def frames_of(reader: asyncio.StreamReader) -> list[tuple[int, bytes]]:
    """Read to the end of the connection; returns opcodes and contents."""
    text = await reader.read()
    frames = []
    while len(text) >= 2:
        opcode, length, start = text[0] & 15, text[1], 2
        if length == 126:
            length, start = int.from_bytes(text[2:4], "big"), 4
        frames.append((opcode, text[start : start + length]))
        text = text[start + length :]
    return frames


@pytest.mark.parametrize("path", PATHS, ids=["websocket", "socketio"])
async def test_a_breach_of_the_protocol_is_answered_by_its_close_code(
    service: ServiceProcess, path: str
) -> None:
    async def code_for(sent: bytes) -> int | None:
        async with upgraded(service, path) as (reader, writer):
            writer.write(sent)
            last = [content for opcode, content in await frames_of(reader) if opcode == 8]
        return int(struct.unpack("!H", last[0][:2])[0]) if last else None

    expected = {name: code for name, (_, code) in breaches().items()}
    found = {name: await code_for(sent) for name, (sent, _) in breaches().items()}

    assert found == expected


async def test_no_frames_break_the_notifier_and_no_socket_stays(
    service: ServiceProcess, redis_url: str
) -> None:
    turns = asyncio.Semaphore(AT_A_TIME)

    async def send(number: int, sent: bytes) -> None:
        async with turns, upgraded(service, PATHS[number % 2]) as (reader, writer):
            writer.write(sent)
            writer.write_eof()  # what is not whole will never be
            await asyncio.gather(reader.read(), return_exceptions=True)

    odd = list(enumerate(mutated(FRAMES, SEED)))
    fifth = len(odd) // 5
    async with aiohttp.ClientSession() as web, connect(service.url, web) as healthy:
        await asyncio.gather(*(send(number, sent) for number, sent in odd[:fifth]))
        warm_mb = rss_mb(service.pid)
        await asyncio.gather(*(send(number, sent) for number, sent in odd[fifth:]))
        grown_mb = rss_mb(service.pid) - warm_mb
        async with database(redis_url) as redis:
            await tell(redis, healthy.socket_id, "still here")
        heard = await healthy.hear_data(1)
    await wait_until(lambda: has_no_sockets(service), timeout_s=30, what="no socket stays")

    print(f"{FRAMES} times frames: grown by {grown_mb:.1f} MB")  # noqa: T201
    assert heard == ["still here"]
    assert grown_mb < GROWTH_MB


async def test_no_polled_packets_break_the_notifier(service: ServiceProcess) -> None:
    path = f"{service.url}/socket.io/?EIO=4&transport=polling"
    bodies = [*PACKETS, b"\x1e", b"\x1e" * 100, b"40\x1e40", b"x" * 16_385, b"\xe2\x28", b"4\x1e5"]
    statuses = set()
    async with aiohttp.ClientSession() as web:
        for body in bodies:
            async with web.get(path) as response:
                sid = (await response.text()).partition('"sid":"')[2].partition('"')[0]
            for headers in ({}, {"Content-Type": "text/plain; charset=nope"}):
                async with web.post(f"{path}&sid={sid}", data=body, headers=headers) as response:
                    statuses.add(response.status)

    assert statuses <= {200, 400, 413}


async def has_no_sockets(service: ServiceProcess) -> bool:
    async with aiohttp.ClientSession() as web, web.get(f"{service.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return all(line.endswith(" 0.0") for line in lines if line.startswith("tagline_sockets{"))
