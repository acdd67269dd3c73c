"""A gateway, and taggers that ask the stand-in of the OpenAI API; and photos for them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from PIL import Image

from tests.support.clients import get, upload
from tests.support.openai_server import OpenAIServer
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until


def photo(number: int) -> bytes:
    """A small photo, of two colours, that no other number up to 100 000 has."""
    left, right = (
        (part % 7 * 36, part // 7 % 7 * 36, part // 49 * 36) for part in divmod(number, 343)
    )
    image = Image.new("RGB", (64, 64), left)
    image.paste(right, (32, 0, 64, 64))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


@contextmanager
def running(
    redis_url: str, folder: Path, openai: OpenAIServer, taggers: int, **settings: str
) -> Iterator[tuple[ServiceProcess, list[ServiceProcess]]]:
    """A gateway and taggers that ask `openai`."""
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": (folder / "blobs").as_uri(),
        "TAGLINE_LOG": "console",
        "OPENAI_API_KEY": openai.key,
        "OPENAI_BASE_URL": openai.url,
        **settings,
    }
    with ExitStack() as stack:
        names = ["gateway", *["tagger"] * taggers]
        gateway, *started = [
            stack.enter_context(ServiceProcess(name, environment)) for name in names
        ]
        for service in (gateway, *started):
            service.wait_ready(timeout_s=60)
        yield gateway, started


async def uploaded(gateway: ServiceProcess, photos: list[bytes], **headers: str) -> list[int]:
    """Upload `photos`, a few at a time; returns their ids."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    at_a_time = asyncio.Semaphore(8)

    async def one(content: bytes) -> int:
        async with at_a_time:
            status, answer = await upload(gateway.url, content, headers=named)
        assert status == 202
        return int(answer["id"])

    return await asyncio.gather(*(one(content) for content in photos))


async def until_complete(gateway: ServiceProcess, ids: list[int], *, timeout_s: float) -> None:
    """Wait until all photos have ended; AssertionError if one did not end well."""
    left = set(ids)

    async def ended() -> bool:
        for photo_id in sorted(left):
            _, found = await get(f"{gateway.url}/api/photos/{photo_id}")
            if found["processing"]:
                return False
            assert found["status"] == "complete", found["error"]
            left.discard(photo_id)
        return True

    await wait_until(ended, timeout_s=timeout_s, what="all photos are complete")
