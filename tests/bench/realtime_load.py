"""The load of the realtime benchmark, in processes of its own: sockets that count, a publisher.

Both speak just enough of their protocol, on raw sockets and in bulk, to cost less than what is
measured. They are told what to do by lines of JSON on stdin and answer so on stdout.

    python -m tests.bench.realtime_load sockets PORT[,PORT…]
        for each line that is a number, so many more sockets: {"ids": […], "connect_s": …}
        for each other line: {"received": …, "last_ns": …, "p50_ms": …, "p99_ms": …, "cpu_s": …},
        since the line before; `cpu_s` since the start, the times where events carry one
    python -m tests.bench.realtime_load publish REDIS_SOCKET
        for each line {"ids": […], "events": …, "a_second": 0 or …, "size": …}:
        {"first_ns": …, "last_ns": …, "cpu_s": …}
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
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any, cast

import uvloop

from shared import keys

AT_ONCE = 64
BATCH = 250
IN_FLIGHT = 4
CLOCK = b'"sent_ns":"'

PUBLISH = b"""
for i = 2, #ARGV do
  redis.call('XADD', KEYS[1], '*',
    'socket', ARGV[i], 'event', 'photo:progress', 'data', ARGV[1])
end
return #ARGV - 1
"""
"""As a script of ours writes an event, for many sockets: so that the server's work on a command,
and not a client's, bounds what can be published."""

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
        report: dict[str, Any] = {
            "received": self.received, "last_ns": self.last_ns, "cpu_s": time.process_time(),
        }  # fmt: skip
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
        while at + 2 <= end:
            size, start = data[at + 1], at + 2
            if size == 126:
                if at + 4 > end:
                    break
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


async def hold_sockets(ports: list[int]) -> None:
    loop, counts, gate = asyncio.get_running_loop(), Counts(), asyncio.Semaphore(AT_ONCE)
    next_port = cycle(ports)

    async def connect() -> str:
        async with gate:
            _, protocol = await loop.create_connection(
                lambda: CountingSocket(counts), "127.0.0.1", next(next_port)
            )
            return await protocol.socket_id

    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if count := json.loads(line):
            start = time.monotonic()
            ids = await asyncio.gather(*(connect() for _ in range(count)))
            say({"ids": ids, "connect_s": time.monotonic() - start})
        else:
            say(counts.take())


class Lane:
    """The sockets of one lane, and the commands that write to them in turns."""

    def __init__(self, key: str, ids: Sequence[str]) -> None:
        self._key = word(key.encode())
        self._ids = cycle([word(each.encode()) for each in ids])

    def command(self, digest: bytes, data: bytes, events: int) -> bytes:
        """Return a call of the script for the next `events` sockets."""
        head = b"*%d\r\n" % (4 + 1 + events) + word(b"EVALSHA") + word(digest) + word(b"1")
        return b"".join((head, self._key, word(data), *islice(self._ids, events)))


def lanes_of(ids: Sequence[str]) -> list[Lane]:
    numbers = [int(each.partition("-")[0]) for each in ids]
    return [
        Lane(keys.lane(lane), [each for each, at in zip(ids, numbers, strict=True) if at == lane])
        for lane in sorted(set(numbers))
    ]


def publish(
    server: socket.socket, digest: bytes, *, ids: list[str], events: int, a_second: int, size: int
) -> None:
    """XADD `events` to the lanes of `ids`, in turns; as fast as it goes if `a_second` is 0."""
    rest = b'"stage":"analyzing","progress":10,"message":"%b"}' % (b"x" * size)
    lanes = cycle(lanes_of(ids))
    batch = max(1, a_second // 1000) if a_second else BATCH
    first_ns, busy_s, unanswered = time.monotonic_ns(), time.process_time(), 0
    for start in range(0, events, batch):
        data = b'{"photoId":123,' + rest
        if a_second:
            pause_s = first_ns / 1e9 + start / a_second - time.monotonic()
            time.sleep(max(0.0, pause_s))
            data = b'{"photoId":123,%b%d",%b' % (CLOCK, time.monotonic_ns(), rest)
        server.sendall(next(lanes).command(digest, data, min(batch, events - start)))
        unanswered += 1
        while unanswered > (0 if a_second else IN_FLIGHT):
            unanswered -= replies(server)
    while unanswered:
        unanswered -= replies(server)
    last_ns = time.monotonic_ns()
    say({"first_ns": first_ns, "last_ns": last_ns, "cpu_s": time.process_time() - busy_s})


def word(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)


def load_script(server: socket.socket) -> bytes:
    """Have the server keep the script; return its digest."""
    server.sendall(b"*3\r\n" + word(b"SCRIPT") + word(b"LOAD") + word(PUBLISH))
    return server.recv(4096).split(b"\r\n")[1]


def replies(server: socket.socket) -> int:
    """Read some replies; how many. Each is a number."""
    chunk = server.recv(1 << 16)
    assert b"-" not in chunk, chunk
    assert chunk
    return chunk.count(b"\n")


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    if arguments[0] == "sockets":
        ports = [int(port) for port in arguments[1].split(",")]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(hold_sockets(ports))
        return
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.fsencode(arguments[1]))
        digest = load_script(server)
        for line in sys.stdin:
            publish(server, digest, **json.loads(line))


if __name__ == "__main__":
    main(sys.argv[1:])
