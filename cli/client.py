"""A small client of the public contract, to be read and copied."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from cli.errors import TaglineError, seconds
from cli.follow import backoff_s, follow
from cli.transports import Cursor, Event

UPLOAD_TRIES: Final = 6
CONNECT_S: Final = 10.0
READ_S: Final = 60.0


class Tagline:
    """Talks to gateway and notifier. Use it as an async context manager."""

    def __init__(self, url: str, notifier: str, *, key: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._notifier = notifier.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        # Events are waited for without end, uploads may be large: each call sets its own limits.
        patience = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=patience)
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
        name = path.name.encode(errors="replace").decode()  # a file's may be any bytes
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        if socket_id:
            headers["X-Socket-Id"] = socket_id
        last: TaglineError | None = None
        for tries in range(UPLOAD_TRIES):
            form = aiohttp.FormData()
            form.add_field("photo", content, filename=name)
            form.add_field("priority", priority)
            if locale:
                form.add_field("locale", locale)
            try:
                return await self._json("POST", "/api/photos/upload", data=form, headers=headers)
            except TaglineError as error:
                if error.status not in {0, 429, 500, 502, 503, 504}:
                    raise
                last = error
            await asyncio.sleep(last.retry_after_s + backoff_s(tries))
        assert last is not None  # noqa: S101  # a loop that ends has failed
        raise last

    async def photo(self, photo_id: int) -> dict[str, Any]:
        """Return a photo as it is now."""
        return await self._json("GET", f"/api/photos/{photo_id}")

    async def jobs(self, photo_id: int) -> list[dict[str, Any]]:
        """Return all the work there has been on a photo, with its attempts, the first first."""
        answer = await self._json("GET", f"/api/photos/{photo_id}/jobs")
        return list(answer["items"])

    async def events(self, cursor: Cursor | None = None) -> AsyncIterator[Event]:
        """Yield the events after `cursor`, which moves along; of a new socket without one.

        See `cli.follow`.
        """
        async for event in follow(self._session, self._notifier, cursor or Cursor()):
            yield event

    async def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            async with self._session.request(method, self._url + path, **request) as response:
                body = await response.read()
                if response.ok:
                    return _object(response, body)
                raise _problem(response, body)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TaglineError(0, "unreachable", f"cannot reach {self._url}: {error}") from None


def _object(response: aiohttp.ClientResponse, body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        # A proxy, or the page where a network asks its guests to sign in.
        came = f"{response.status} with {response.content_type}, {len(body)} bytes"
        why = f"{response.url.origin()} is not Tagline: it answered {came}"
        raise TaglineError(0, "unreachable", why)
    return answer


def _problem(response: aiohttp.ClientResponse, body: bytes) -> TaglineError:
    status = response.status
    retry_after_s = seconds(response.headers.get("Retry-After"))
    try:
        problem = json.loads(body)
        code, detail = problem["code"], problem["detail"]
    except (ValueError, KeyError, TypeError):
        code, detail = "error", f"the server answered {status}"
    return TaglineError(status, code, detail, retry_after_s=retry_after_s)
