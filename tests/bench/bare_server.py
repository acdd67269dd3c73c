"""The least that an HTTP server can do with a request: take its bytes, and answer the same always.

    python -m tests.bench.bare_server [--delay-s S] [--folder FOLDER]
        says {"url": …}

A GET is answered with how many others were in work at a time: {"most_in_flight": …}. It stands for
the OpenAI API, at next to no cost; with a folder, where it keeps each body in a file, for the
gateway.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
from pathlib import Path
from typing import Any, Final, cast

import uvloop

CONTENT: Final = json.dumps(
    {
        "tags": [
            {"names": {"fr": "chat", "en": "cat"}, "confidence": 0.98},
            {"names": {"fr": "animal", "en": "animal"}, "confidence": 0.9},
        ],
        "caption": "Un chat.",
        "alt": "Un chat roux.",
    }
)
COMPLETION: Final = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "gpt-4o-mini",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": CONTENT, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
).encode()
ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(COMPLETION), COMPLETION)
)
LENGTH: Final = b"content-length:"


class Taking(asyncio.Protocol):
    """One connection, of requests one after the other."""

    numbers = itertools.count()
    in_flight = 0
    most_in_flight = 0

    def __init__(self, delay_s: float, folder: Path | None) -> None:
        self._delay_s = delay_s
        self._folder = folder
        self._head = b""
        self._left_bytes = 0
        self._file: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        if not self._left_bytes:
            self._head += data
            head, ended, data = self._head.partition(b"\r\n\r\n")
            if not ended:
                return
            self._head = b""
            if head.startswith(b"GET"):
                self._tell()
                return
            length = head.lower().partition(LENGTH)[2].partition(b"\r")[0]
            self._left_bytes = int(length or 0)
            if self._folder:
                path = self._folder / str(next(self.numbers))
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT)
        if self._file is not None:
            os.write(self._file, data)
        self._left_bytes -= len(data)
        if not self._left_bytes:
            self._end()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._file is not None:
            os.close(self._file)

    def _end(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        Taking.in_flight += 1
        Taking.most_in_flight = max(Taking.most_in_flight, Taking.in_flight)
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        Taking.in_flight -= 1
        self._transport.write(ANSWER)

    def _tell(self) -> None:
        told = b'{"most_in_flight": %d}' % Taking.most_in_flight
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told)
        )


async def serve(*, delay_s: float, folder: Path | None) -> None:
    loop = asyncio.get_running_loop()
    server: Any = await loop.create_server(
        lambda: Taking(delay_s, folder), "127.0.0.1", 0, backlog=4096
    )
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-s", type=float, default=0.0, help="before each answer")
    parser.add_argument("--folder", type=Path, help="where each body is kept in a file")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(**vars(parser.parse_args())))
