"""The clients of the benchmark, in a process of their own: they upload, and follow over sockets.

They speak just enough of HTTP/1.1 and Socket.IO, on raw sockets, to cost less than what is
measured, and are the same whoever is measured. No two photos have the same bytes, but copies.

    python -m tests.bench.photo_load PHOTO
        says {"bytes": …} when it has read the file, then
        for each line {"upload": URL, "count": …, "at_once": …}:
        {"took_s": …, "bad": …, "ms": {"answer": [p50, p99]}, "cpu_s": …}
        for each line {"follow": URL, "socket": URL, "count": …, "at_once": …, "sockets": …}:
        the same, of photos followed to their end, `at_once` of them from POST to end at a time:
        {…, "lost": …, "disorder": …, "ms": {"answer": …, "first": …, "complete": …}}
        with "copies": true, of one photo again and again
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count as numbers
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import orjson
import uvloop

from tests.bench.figures import percentile
from tests.bench.realtime_load import CountingSocket, Counts, say

BOUNDARY: Final = b"----tagline-bench"
START: Final = (
    b'--%b\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n" % BOUNDARY
)
END: Final = b"\r\n--%b--\r\n" % BOUNDARY
MARK: Final = b"\xff\xfe\x00\x1a%b%016d"
"""A comment of a JPEG, as long as what it says."""

LOST_AFTER_S: Final = 60.0
ENDS: Final = {"photo:complete", "photo:error"}
SOCKET_IO: Final = b"/socket.io/?EIO=4&transport=websocket"


class Uploader(asyncio.Protocol):
    """A connection that is kept, for one request at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, ended, body = self._got.partition(b"\r\n\r\n")
        if not ended:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
        if len(body) >= length and self._answer:
            self._got = b""
            self._answer.set_result((int(head[9:12]), body))

    async def post(self, parts: list[bytes]) -> tuple[int, bytes]:
        """Send the parts of a request; return status and body."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.writelines(parts)
        return await self._answer

    def close(self) -> None:
        self._transport.abort()


@dataclass
class Followed:
    """What has been heard of one photo; times by the monotonic clock, s."""

    first_s: float = 0.0
    last: int = 0
    disorder: bool = False
    ended: asyncio.Future[tuple[str, float]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def hear(self, event: str, data: dict[str, Any], now_s: float) -> None:
        self.first_s = self.first_s or now_s
        if event in ENDS and not self.ended.done():
            self.ended.set_result((event, now_s))
        elif event == "photo:progress":
            self.disorder |= data["progress"] < self.last or self.ended.done()
            self.last = data["progress"]


class Follower(CountingSocket):
    """A Socket.IO client of which photos hear."""

    def __init__(self, photos: defaultdict[int, Followed]) -> None:
        super().__init__(Counts(), SOCKET_IO)
        self._photos = photos

    def _frame(self, data: bytes, start: int, end: int, now_ns: int) -> None:
        text = data[start:end]
        if text.startswith(b"42"):
            event, told = orjson.loads(text[2:])
            if "photoId" in told:
                self._photos[told["photoId"]].hear(event, told, now_ns / 1e9)
        elif text.startswith(b"40"):
            self.socket_id.set_result(orjson.loads(text[2:])["sid"])
        elif text.startswith(b"0"):
            self._send(b"40")
        elif text == b"2":
            self._send(b"3")

    def _send(self, text: bytes) -> None:
        self._transport.write(b"\x81%c\0\0\0\0%b" % (0x80 + len(text), text))

    def close(self) -> None:
        self._transport.abort()


class Clients:
    """All clients of this process."""

    def __init__(self, photo: bytes) -> None:
        self._photo = photo
        self._run = secrets.token_hex(4).encode()
        self._numbers = numbers(1)

    async def upload(self, url: str, *, count: int, at_once: int) -> dict[str, Any]:
        answer_s: list[float] = []
        bad = 0

        async def one(uploader: Uploader) -> None:
            nonlocal bad
            sent = time.monotonic()
            status, _ = await uploader.post(self._request(b""))
            answer_s.append(time.monotonic() - sent)
            bad += status >= 300

        took_s = await self._at_once(url, count, at_once, one)
        return {"took_s": took_s, "bad": bad, "ms": {"answer": _percentiles(answer_s)}}

    async def follow(
        self,
        url: str,
        *,
        socket: str,
        count: int,
        at_once: int,
        sockets: int,
        copies: bool = False,
    ) -> dict[str, Any]:
        photos: defaultdict[int, Followed] = defaultdict(Followed)
        followers = [await _connected(socket, lambda: Follower(photos)) for _ in range(sockets)]
        turns = [b"X-Socket-Id: %b\r\n" % (await each.socket_id).encode() for each in followers]
        times: dict[str, list[float]] = {"answer": [], "first": [], "complete": []}
        bad = lost = 0

        async def one(uploader: Uploader) -> None:
            nonlocal bad, lost
            request = self._request(turns[len(times["answer"]) % sockets], copy=copies)
            sent = time.monotonic()
            status, body = await uploader.post(request)
            times["answer"].append(time.monotonic() - sent)
            assert status < 300, body
            photo = photos[orjson.loads(body)["id"]]
            try:
                event, ended = await asyncio.wait_for(photo.ended, LOST_AFTER_S)
            except TimeoutError:
                lost += 1
                return
            bad += event != "photo:complete"
            times["first"].append(photo.first_s - sent)
            times["complete"].append(ended - sent)

        took_s = await self._at_once(url, count, at_once, one)
        for each in followers:
            each.close()
        return {
            "took_s": took_s, "bad": bad, "lost": lost,
            "disorder": sum(each.disorder for each in photos.values()),
            "ms": {name: _percentiles(values) for name, values in times.items()},
        }  # fmt: skip

    async def _at_once(self, url: str, count: int, at_once: int, one: Any) -> float:
        """Have `at_once` connections do `one` until it is done `count` times; s it took."""
        left = iter(range(count))
        uploaders = [await _connected(url, Uploader) for _ in range(min(at_once, count))]

        async def work(uploader: Uploader) -> None:
            for _ in left:
                await one(uploader)

        start = time.monotonic()
        await asyncio.gather(*map(work, uploaders))
        took_s = time.monotonic() - start
        for each in uploaders:
            each.close()
        return took_s

    def _request(self, header: bytes, *, copy: bool = False) -> list[bytes]:
        mark = MARK % (self._run, 0 if copy else next(self._numbers))
        length = len(START) + len(self._photo) + len(mark) + len(END)
        head = (
            b"POST /api/photos/upload HTTP/1.1\r\nHost: 127.0.0.1\r\n%b"
            b"Content-Type: multipart/form-data; boundary=%b\r\nContent-Length: %d\r\n\r\n"
            % (header, BOUNDARY, length)
        )
        return [head + START + self._photo[:2] + mark, self._photo[2:], END]


async def _connected(url: str, protocol: Any) -> Any:
    parts = urlsplit(url)
    loop, address = asyncio.get_running_loop(), (str(parts.hostname), parts.port or 80)
    _, connected = await loop.create_connection(protocol, *address)
    return connected


def _percentiles(seconds: list[float]) -> list[float]:
    values = seconds if len(seconds) > 1 else seconds * 2
    return [1000 * percentile(values, percent) for percent in (50, 99)]


async def answer(clients: Clients) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asked = json.loads(line)
        before_s = time.process_time()
        if "follow" in asked:
            told = await clients.follow(asked.pop("follow"), **asked)
        else:
            told = await clients.upload(asked.pop("upload"), **asked)
        say({**told, "cpu_s": time.process_time() - before_s})


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        photo = Path(sys.argv[1]).read_bytes()
        say({"bytes": len(photo)})
        runner.run(answer(Clients(photo)))
