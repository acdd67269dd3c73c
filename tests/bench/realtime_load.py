"""The load of the realtime benchmark, in processes of its own: sockets that count, a publisher.

Both speak just enough of their protocol, on raw sockets and in bulk, to cost less than what is
measured. They are told what to do by lines of JSON on stdin and answer so on stdout.

    python -m tests.bench.realtime_load sockets PORT[,PORT…] COUNT
        {"ids": […], "connect_s": …}, then for each line read:
        {"received": …, "last_ns": …, "p50_ms": …, "p99_ms": …} since the line before
    python -m tests.bench.realtime_load publish REDIS_SOCKET
        for each line {"ids": […], "events": …, "a_second": 0 or …, "size": …}:
        {"first_ns": …, "last_ns": …}
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
import time
from array import array
from typing import Any, cast

import uvloop

from shared import keys

AT_ONCE = 64
BATCH = 250
IN_FLIGHT = 1000
CLOCK_DIGITS = 20
CLOCK = b'"sent_ns":"'

HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class RefusedError(Exception):
    """The server did not upgrade; `retry_after_s` is what it said of when to come back."""

    def __init__(self, head: bytes) -> None:
        super().__init__(head)
        name = b"Retry-After: "
        self.retry_after_s = int(head.partition(name)[2].partition(b"\r")[0] or 0)


class Counts:
    """What all sockets of the process have received."""

    def __init__(self) -> None:
        self.received = 0
        self.last_ns = 0
        self.waited_ns = array("q")

    def take(self) -> dict[str, Any]:
        waited = sorted(self.waited_ns)
        report: dict[str, Any] = {"received": self.received, "last_ns": self.last_ns}
        if waited:
            report["p50_ms"] = waited[len(waited) // 2] / 1e6
            report["p99_ms"] = waited[int(len(waited) * 0.99)] / 1e6
        self.received, self.waited_ns = 0, array("q")
        return report


class CountingSocket(asyncio.Protocol):
    """A WebSocket that shakes hands, then counts the texts it gets."""

    def __init__(self, counts: Counts, path: bytes = b"/ws") -> None:
        self.lost = asyncio.Event()
        self._path = path
        self.socket_id: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._counts = counts
        self._rest = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._transport.write(HANDSHAKE % self._path)

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost.set()
        if not self.socket_id.done():
            self.socket_id.set_exception(ConnectionError(self._rest[:200]))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        if not self._open:
            at = data.find(b"\r\n\r\n") + 4
            if at < 4:
                self._rest = data
                return
            self._open = data.startswith(b"HTTP/1.1 101")
            if not self._open:
                self.socket_id.set_exception(RefusedError(data[:at]))
                self._transport.abort()
                return
        now_ns, end = time.monotonic_ns(), len(data)
        while at + 4 <= end:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = (data[at + 2] << 8) + data[at + 3], at + 4
            elif size == 127:
                if at + 10 > end:
                    break
                size, start = struct.unpack_from("!Q", data, at + 2)[0], at + 10
            if start + size > end:
                break
            at = start + size
            self._frame(data, start, at, now_ns)
        self._rest = data[at:]

    def _frame(self, data: bytes, start: int, end: int, now_ns: int) -> None:
        counts = self._counts
        if data[start - 2] == 0x89:  # a ping without data
            self._transport.write(b"\x8a\x80\0\0\0\0")
        elif not self.socket_id.done():
            self.socket_id.set_result(json.loads(data[start:end])["data"]["socketId"])
        else:
            counts.received += 1
            counts.last_ns = now_ns
            clock = data.find(CLOCK, start, end)
            if clock > 0:
                sent = data[clock + len(CLOCK) : data.index(b'"', clock + len(CLOCK))]
                counts.waited_ns.append(now_ns - int(sent))


async def hold_sockets(ports: list[int], count: int) -> None:
    loop, counts, gate = asyncio.get_running_loop(), Counts(), asyncio.Semaphore(AT_ONCE)

    async def connect(number: int) -> str:
        async with gate:
            _, protocol = await loop.create_connection(
                lambda: CountingSocket(counts), "127.0.0.1", ports[number % len(ports)]
            )
            return await protocol.socket_id

    start = time.monotonic()
    ids = await asyncio.gather(*(connect(number) for number in range(count)))
    say({"ids": ids, "connect_s": time.monotonic() - start})
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        say(counts.take())


def publish(server: socket.socket, ids: list[str], events: int, a_second: int, size: int) -> None:
    """XADD `events` to the lanes of `ids`, in turns; as fast as it goes if `a_second` is 0."""
    rest = b'","stage":"analyzing","progress":10,"message":"%b"}' % (b"x" * size)
    heads = [command_before(each, b'{"photoId":123,' + CLOCK, rest) for each in ids]
    batch = max(1, a_second // 1000) if a_second else BATCH
    first_ns, unanswered = time.monotonic_ns(), 0
    for start in range(0, events, batch):
        if a_second:
            pause_s = first_ns / 1e9 + start / a_second - time.monotonic()
            time.sleep(max(0.0, pause_s))
        clock = b"%0*d" % (CLOCK_DIGITS, time.monotonic_ns()) + rest + b"\r\n"
        numbers = range(start, min(start + batch, events))
        server.sendall(b"".join(heads[number % len(heads)] + clock for number in numbers))
        unanswered += len(numbers)
        while unanswered > (0 if a_second else IN_FLIGHT):
            unanswered -= replies(server)
    while unanswered:
        unanswered -= replies(server)
    say({"first_ns": first_ns, "last_ns": time.monotonic_ns()})


def command_before(socket_id: str, data: bytes, rest: bytes) -> bytes:
    """Return an XADD up to where, in its data, the time and `rest` follow."""
    lane = keys.lane(int(socket_id.partition("-")[0]))
    parts = (
        b"XADD", lane.encode(), b"*",
        b"socket", socket_id.encode(), b"event", b"photo:progress", b"data",
    )  # fmt: skip
    size = len(data) + CLOCK_DIGITS + len(rest)
    words = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n%b$%d\r\n%b" % (len(parts) + 1, words, size, data)


def replies(server: socket.socket) -> int:
    """Read some replies; how many, of which each ends with an id that has a dash."""
    chunk = server.recv(1 << 20)
    assert chunk
    return chunk.count(b"-")


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    if arguments[0] == "sockets":
        ports = [int(port) for port in arguments[1].split(",")]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(hold_sockets(ports, int(arguments[2])))
        return
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.fsencode(arguments[1]))
        for line in sys.stdin:
            publish(server, **json.loads(line))


if __name__ == "__main__":
    main(sys.argv[1:])
