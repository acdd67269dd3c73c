"""The gateway as one key's owner calls it."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from PIL import Image

from tests.support.clients import PHOTOS

CAT = PHOTOS / "cat.jpg"
COFFEE = PHOTOS / "coffee.jpg"


def picture(number: int) -> bytes:
    """A small picture, another one for each number below 2^24: no answer of a cache is for it."""
    out = io.BytesIO()
    colour = (number % 256, number // 256 % 256, number // 65536)
    Image.new("RGB", (64, 48), colour).save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class Answer:
    """What came back. `json`: None where there was no body."""

    status: int
    json: Any
    headers: Mapping[str, str]

    @property
    def problem(self) -> tuple[int, str]:
        """The status, and the code of the problem."""
        return self.status, self.json["code"]


class Api:
    """Calls a gateway with an API key, if there is one."""

    def __init__(self, url: str, secret: str | None = None) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", path, headers=headers)

    async def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return await self.call("POST", path, body, headers=headers)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call `path`; names of `headers` may have underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        content = None if body is None else orjson.dumps(body)
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.request(method, self.url + path, data=content, headers=named) as response,
        ):
            answered = await response.read()
            return Answer(
                response.status, orjson.loads(answered) if answered else None, response.headers
            )

    async def upload(
        self,
        *photos: bytes | Path,
        headers: Mapping[str, str] | None = None,
        names: Sequence[str] = (),
        **fields: str,
    ) -> Answer:
        """Upload a photo (the cat if none is given), or several as a batch."""
        form = aiohttp.FormData(quote_fields=False)  # as browsers name files
        for number, photo in enumerate(photos or (CAT,)):
            content = photo.read_bytes() if isinstance(photo, Path) else photo
            name = names[number] if names else f"photo-{number}.jpg"
            # A file: of bytes, aiohttp wants few.
            file = io.BytesIO(content)
            form.add_field("photo", file, filename=name, content_type="image/jpeg")
        for name, value in fields.items():
            form.add_field(name, value)
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.post(
                f"{self.url}/api/photos/upload", data=form, headers=dict(headers or {})
            ) as response,
        ):
            return Answer(response.status, orjson.loads(await response.read()), response.headers)

    async def photo(self, photo_id: int) -> dict[str, Any]:
        """Return a photo that is there."""
        answer = await self.get(f"/api/photos/{photo_id}")
        assert answer.status == 200
        return dict(answer.json)


@dataclass(frozen=True)
class Keyed:
    """A gateway for two keys, and where it keeps files."""

    url: str
    blobs: Path


def new_socket_id(lane: int = 3) -> str:
    """A socket ID as a notifier gives them."""
    return f"{lane}-{uuid.uuid4().hex}"
