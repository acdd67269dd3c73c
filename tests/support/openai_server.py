"""A stand-in for the OpenAI API: a real HTTP server that speaks chat completions.

In a test it is a context manager. As a process, `python -m tests.support.openai_server`,
it prints its base URL on a line, and answers until it is told to end.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import io
import json
import random
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from aiohttp import web
from PIL import Image


@dataclass
class Reply:
    """How one call is answered, instead of with tags."""

    status: int = 200
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: str | None = None
    refusal: str | None = None
    parts: list[Any] | None = None
    """The content as a list of parts."""
    finish_reason: str = "stop"
    text: str | None = None
    """The body as it is, JSON or not."""
    data: bytes | None = None
    """The same, not as text."""
    endless: bool = False
    """The body goes on until the client has had enough."""
    drop: bool = False


def api_error(status: int, code: str | None = None, **headers: str) -> Reply:
    """An error as the API words it."""
    body = {"error": {"message": "…", "type": "error", "param": None, "code": code}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, body, named)


@dataclass
class Seen:
    """One call as this side saw it; times by the monotonic clock, s."""

    photo: str
    """Hash of the picture that was sent."""

    came_s: float
    answered_s: float | None = None
    """None while it is under way, and for ever if the client went away."""

    status: int | None = None


Rule = Callable[[], Reply]
"""Says how the next call is answered."""

Obedience = Callable[[Image.Image], Reply]
"""Says what a picture has the model answer."""

TAGS: Final[list[Any]] = [
    {"names": {"fr": "Chat", "en": "cat"}, "confidence": 0.98},
    {"names": {"fr": "animal ", "en": "animal"}, "confidence": 0.9},
]


def form_refused(form: str, status: int = 400) -> Reply:
    """What a server answers that knows no such form."""
    said = f"This response_format type is unavailable: {form}"
    return Reply(status, {"error": {"message": said, "type": "invalid_request_error"}})


def unlucky(seed: int, *, retry_after_s: float) -> Rule:
    """Of every ten calls, in a random order: five are refused with 429, one fails with 500."""

    def replies() -> Iterator[Reply]:
        chance = random.Random(seed)
        while True:
            ten = [api_error(429, Retry_After=f"{retry_after_s:g}")] * 5
            ten += [api_error(500), *[Reply()] * 4]
            chance.shuffle(ten)
            yield from ten

    return replies().__next__


class OpenAIServer:
    """Answers `tags` to whoever has the key; `replies` come first, one a call, then `rule`.

    Of the forms of `response_format` it takes only `forms`.
    """

    def __init__(
        self, *, delay_s: float = 0.0, key: str = "sk-test", host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.key = key
        self.host = host
        self.delay_s = delay_s
        self.port = port
        self.tags = TAGS
        self.forms = {"json_schema", "json_object", "text"}
        self.replies: deque[Reply] = deque()
        self.rule: Rule = Reply
        self.obeys: Obedience | None = None
        """In place of `rule`, if there is one."""

        self.answering = asyncio.Event()
        """While it is cleared, calls wait."""

        self.answering.set()
        self.requests: list[dict[str, Any]] = []
        self.calls: list[Seen] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.url = ""
        self._runner: web.AppRunner | None = None

    @property
    def settings(self) -> dict[str, str]:
        """What a service is told to ask this one."""
        return {
            "TAGLINE_PROVIDER": "openai",
            "OPENAI_API_KEY": self.key,
            "OPENAI_BASE_URL": self.url,
        }

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_post("/v1/chat/completions", self._complete)
        # Cancelled with its client: `in_flight` counts who still waits.
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        came_s = time.monotonic()
        asked = await request.json()
        self.requests.append(asked)
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response(api_error(401, "invalid_api_key").body, status=401)
        if not _well_formed(asked):
            return web.json_response(api_error(400).body, status=400)
        seen = Seen(_photo(asked), came_s)
        self.calls.append(seen)
        reply = self._next_reply(asked)
        await asyncio.sleep(self.delay_s)
        await self.answering.wait()
        seen.answered_s, seen.status = time.monotonic(), reply.status
        return await (_go_on(request) if reply.endless else self._reply(request, asked, reply))

    def _next_reply(self, asked: dict[str, Any]) -> Reply:
        form = asked.get("response_format", {"type": "text"})["type"]
        if form not in self.forms:
            return form_refused(form)
        if self.replies:
            return self.replies.popleft()
        if self.obeys is None:
            return self.rule()
        with _picture(asked) as picture:
            return self.obeys(picture)

    async def _reply(
        self, request: web.Request, asked: dict[str, Any], reply: Reply
    ) -> web.StreamResponse:
        if reply.drop:
            assert request.transport is not None
            request.transport.abort()
        if reply.body is not None:
            return web.json_response(reply.body, status=reply.status, headers=reply.headers)
        if reply.data is not None:
            return web.Response(body=reply.data, status=reply.status, headers=reply.headers)
        if reply.text is not None:
            return web.Response(text=reply.text, status=reply.status, headers=reply.headers)
        content = json.dumps({"tags": self.tags, "caption": "Un chat.", "alt": "Un chat roux."})
        message = {
            "role": "assistant",
            "content": None if reply.refusal else reply.parts or reply.content or content,
            "refusal": reply.refusal,
        }
        choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
        return web.json_response(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1_760_000_000,
                "model": asked["model"],
                "choices": [choice],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }
        )


async def _go_on(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    with suppress(ConnectionResetError):
        while True:
            await response.write(b" " * 65_536)
    return response


def _image_url(asked: dict[str, Any]) -> str:
    (message,) = asked["messages"]
    image = next(part for part in message["content"] if part["type"] == "image_url")
    return str(image["image_url"]["url"])


def _photo(asked: dict[str, Any]) -> str:
    return hashlib.sha256(_image_url(asked).encode()).hexdigest()[:16]


def _picture(asked: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(_image_url(asked).partition(",")[2])))


def _well_formed(asked: dict[str, Any]) -> bool:
    with _picture(asked) as picture:
        fits = picture.format == "JPEG" and max(picture.size) <= 1024
    jpeg = _image_url(asked).startswith("data:image/jpeg;base64,")
    return bool(asked["model"]) and jpeg and fits


async def _serve(*, host: str, port: int, key: str, delay_s: float) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with OpenAIServer(host=host, port=port, key=key, delay_s=delay_s) as server:
        print(server.url, flush=True)  # noqa: T201 - how whoever started it learns the port
        await ended.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A stand-in for the OpenAI API.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to answer at")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--key", default="sk-test", help="the only key it accepts")
    parser.add_argument("--delay-s", type=float, default=0.0, help="before each answer")
    asyncio.run(_serve(**vars(parser.parse_args())))
