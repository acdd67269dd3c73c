"""A small client of the public contract, to be read and copied."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

UPLOAD_TRIES: Final = 5
BACKOFF_MOST_S: Final = 10.0
FATAL_CLOSES: Final = {
    4001: "another connection has taken this socket over",
    4400: "the server does not understand what was to be resumed",
}


class TaglineError(Exception):
    """The server refused a request, or cannot be reached (`status` 0)."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a socket: its position, name and data."""

    id: str
    name: str
    data: dict[str, Any]


class Tagline:
    """Talks to gateway and notifier. Use it as an async context manager."""

    def __init__(self, url: str, notifier: str, *, key: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._notifier = notifier.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def upload(
        self, path: Path, *, socket_id: str | None, locale: str | None, priority: str
    ) -> dict[str, Any]:
        """Upload a photo and return the answer.

        A lost reply is asked for again under the same key, so it makes no second photo.
        Raises `TaglineError`, and `OSError` if the file cannot be read.
        """
        content = await asyncio.to_thread(path.read_bytes)
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        if socket_id:
            headers["X-Socket-Id"] = socket_id
        last: TaglineError | None = None
        for tries in range(UPLOAD_TRIES):
            form = aiohttp.FormData()
            form.add_field("photo", content, filename=path.name)
            form.add_field("priority", priority)
            if locale:
                form.add_field("locale", locale)
            try:
                return await self._json("POST", "/api/photos/upload", data=form, headers=headers)
            except TaglineError as error:
                if error.status not in {0, 429, 500, 502, 503, 504}:
                    raise
                last = error
            await asyncio.sleep(_backoff_s(tries))
        assert last is not None  # noqa: S101  # a loop that ends has failed
        raise last

    async def photo(self, photo_id: int) -> dict[str, Any]:
        """Return a photo as it is now."""
        return await self._json("GET", f"/api/photos/{photo_id}")

    async def events(self) -> AsyncIterator[Event]:
        """Yield the events of a new socket, `connected` first, each once and in order.

        A connection that is lost is resumed where it was cut. `resync` comes out too: what
        its photos say replaces what was heard before. Raises `TaglineError` when the server
        will not have this socket any more.
        """
        socket_id, position, tries = "", "", 0
        while True:
            query = {"socketId": socket_id, "lastEventId": position} if socket_id else {}
            try:
                async with self._session.ws_connect(
                    f"{self._notifier}/ws", params=query, heartbeat=20
                ) as socket:
                    async for message in socket:
                        frame = json.loads(message.data)
                        position, tries = frame["id"], 0
                        if frame["event"] == "connected":
                            first, socket_id = not socket_id, frame["data"]["socketId"]
                            if not first:
                                continue
                        yield Event(frame["id"], frame["event"], frame["data"])
                    if socket.close_code in FATAL_CLOSES:
                        raise TaglineError(0, "closed", FATAL_CLOSES[socket.close_code])
            except aiohttp.WSServerHandshakeError as error:
                if error.status in {401, 403}:
                    raise TaglineError(error.status, "refused", error.message) from None
            except aiohttp.ClientError as error:
                if not socket_id:
                    raise TaglineError(
                        0, "unreachable", f"cannot reach {self._notifier}: {error}"
                    ) from None
            await asyncio.sleep(_backoff_s(tries))
            tries += 1

    async def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            async with self._session.request(method, self._url + path, **request) as response:
                body = await response.read()
                if response.ok:
                    answer: dict[str, Any] = json.loads(body)
                    return answer
                raise _problem(response.status, body)
        except aiohttp.ClientError as error:
            raise TaglineError(0, "unreachable", f"cannot reach {self._url}: {error}") from None


def _problem(status: int, body: bytes) -> TaglineError:
    try:
        problem = json.loads(body)
        return TaglineError(status, problem["code"], problem["detail"])
    except (ValueError, KeyError, TypeError):
        return TaglineError(status, "error", f"the server answered {status}")


def _backoff_s(tries: int) -> float:
    """Return a pause that doubles, half of it by chance: many clients do not come at once."""
    whole = min(BACKOFF_MOST_S, 0.25 * 2.0**tries)
    return whole * random.uniform(0.5, 1)  # noqa: S311
