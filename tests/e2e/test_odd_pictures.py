"""Odd, broken and hostile pictures through the real services: each has its answer and its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from services.gateway.images import FORMATS
from shared.blobs.names import ORIGINALS
from tests.e2e.stack import Stack, running_stack
from tests.support.api import Api
from tests.support.memory import peak_mb
from tests.support.pictures import Odd, some_pictures
from tests.support.processes import ServiceProcess, descendants
from tests.support.waiting import wait_until

UPLOADED = int(os.environ.get("TAGLINE_TEST_UPLOADED", "50"))
"""`make chaos` sets more."""

AT_A_TIME = 6
SERVICE_MB = 400
"""What a service itself may take, whatever it is sent."""

CHILD_MB = 512 + 64
"""What a decoding child may: an image's limit, and itself."""

ENDED = {"complete", "error"}


async def test_each_is_answered_and_ends_and_no_service_minds(
    redis_url: str, tmp_path: Path
) -> None:
    odd = some_pictures(UPLOADED)
    with running_stack(redis_url, tmp_path, tmp_path / "cache") as stack:
        api = Api(stack.gateway.url)
        uploads = await each(odd, lambda picture: upload(api, picture))
        taken = [(picture, photo) for picture, photo in zip(odd, uploads, strict=True) if photo]
        await wait_until(lambda: all_ended(api), timeout_s=300, what="each photo has ended")
        await each(taken, lambda pair: check_end(api, *pair))
        stored = [path for path in (stack.blobs / ORIGINALS).rglob("*") if path.is_file()]
        megabytes = check_services(stack)

    assert len(stored) == len(taken)
    print(f"{len(odd)} uploaded, {len(taken)} taken, {megabytes}")  # noqa: T201


async def each(items: Iterable[Any], work: Any) -> list[Any]:
    """Do `work` with each, a few at a time."""
    turns = asyncio.Semaphore(AT_A_TIME)

    async def in_turn(item: Any) -> Any:
        async with turns:
            return await work(item)

    return await asyncio.gather(*(in_turn(item) for item in items))


async def upload(api: Api, odd: Odd) -> dict[str, Any] | None:
    """Upload it; returns the photo if it was taken."""
    answer = await api.upload(odd.content, names=[f"{odd.name}.html"])
    said = "taken" if answer.status == 202 else answer.json["code"]
    assert answer.status < 500
    assert said in odd.answers, (odd.name, answer)
    return dict(answer.json) if answer.status == 202 else None


async def all_ended(api: Api) -> bool:
    under_way = [
        (await api.get(f"/api/photos?limit=1&status={status}")).json["items"]
        for status in ("queued", "processing")
    ]
    return not any(under_way)


async def check_end(api: Api, odd: Odd, accepted: dict[str, Any]) -> None:
    photo = await api.photo(accepted["id"])
    end = "complete" if photo["status"] == "complete" else photo["error"]["code"]
    assert photo["status"] in ENDED, photo
    assert end in odd.ends, (odd.name, photo)
    small, thumbnail = await fetched(api.url, f"/api/photos/{photo['id']}/thumbnail?size=64")
    assert small == (200 if end == "complete" else 422), (odd.name, small)
    _, original = await fetched(api.url, f"/api/photos/{photo['id']}/file")
    for headers in (original, *([thumbnail] if small == 200 else [])):
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert original["Content-Type"] in {each.content_type for each in FORMATS}
    assert ".html" not in original["Content-Disposition"]


async def fetched(url: str, path: str) -> tuple[int, Mapping[str, str]]:
    async with aiohttp.ClientSession() as session, session.get(url + path) as response:
        await response.read()
        return response.status, response.headers


def check_services(stack: Stack) -> dict[str, float]:
    """None has fallen over, said so, or grown; returns what each took at most, in MB."""
    megabytes = {}
    for service in (stack.gateway, stack.tagger, stack.notifier):
        assert service.returncode is None
        assert "Traceback" not in service.output
        megabytes[service.name] = peak_mb(service.pid)
        assert megabytes[service.name] < SERVICE_MB
    for service in (stack.gateway, stack.tagger):
        for child in decoders(service):
            megabytes[f"{service.name}'s"] = peak_mb(child)
            assert peak_mb(child) < CHILD_MB
    return megabytes


def decoders(service: ServiceProcess) -> list[int]:
    below = descendants(service.pid)
    return [pid for pid, command in below.items() if "decoding" in command]
