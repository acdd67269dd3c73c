"""What a photo says of where it was taken: kept for its owner, and told to nobody else."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import redis
from PIL import Image

from shared import keys
from shared.blobs.names import original
from tests.support.api import Api
from tests.support.clients import PHOTOS
from tests.support.openai_server import OpenAIServer
from tests.support.photographs import PARIS, SECRET, revealing
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until

TELLING = (b"Exif", b"xmpmeta", b"Photoshop", b"8BIM", b"GPS", b"Canon", SECRET.encode())
"""What only what goes with the pixels says."""


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
def environment(redis_url: str, openai: OpenAIServer, tmp_path: Path) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
        "TAGLINE_PROVIDER": "openai",
        "OPENAI_API_KEY": openai.key,
        "OPENAI_BASE_URL": openai.url,
    }


@pytest.fixture
def gateway(environment: dict[str, str]) -> Iterator[Api]:
    with ServiceProcess("gateway", environment) as process:
        yield Api(process.wait_ready().url)


@contextmanager
def tagging(environment: dict[str, str], **settings: str) -> Iterator[None]:
    with ServiceProcess("tagger", {**environment, **settings}) as tagger:
        tagger.wait_ready(timeout_s=60)
        yield


async def ended(gateway: Api, photo_id: int) -> dict[str, Any]:
    async def is_over() -> bool:
        return not (await gateway.photo(photo_id))["processing"]

    await wait_until(is_over, what="the photo has ended", timeout_s=60)
    return await gateway.photo(photo_id)


def pictures(openai: OpenAIServer) -> list[bytes]:
    """The files that the stand-in for OpenAI was sent."""
    urls = [
        part["image_url"]["url"]
        for request in openai.requests
        for message in request["messages"]
        for part in message["content"]
        if part["type"] == "image_url"
    ]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


async def test_what_a_photo_says_of_its_place_reaches_its_owner_alone_and_can_be_left_out(
    gateway: Api, openai: OpenAIServer, environment: dict[str, str], redis_url: str
) -> None:
    photo = revealing(Image.open(PHOTOS / "cat.jpg"))
    assert all(each in photo for each in TELLING)
    with tagging(environment):
        first = (await gateway.upload(photo)).json["id"]
        told = await ended(gateway, first)
        smaller = io.BytesIO()
        Image.open(PHOTOS / "cat.jpg").resize((226, 150)).save(smaller, "WEBP")
        second = (await gateway.upload(smaller.getvalue())).json["id"]
        await ended(gateway, second)

    assert told["takenAt"] == "2024-05-01T14:30:05+02:00"
    assert told["camera"] == "Canon EOS 5D"
    assert told["place"] == PARIS
    assert (told["width"], told["height"]) == (451, 300)
    assert len(told["blurhash"]) == 28
    assert 3 <= len(told["colors"]) <= 5
    similar = (await gateway.get(f"/api/photos/{first}/similar")).json
    assert [each["photo"]["id"] for each in similar["items"]] == [second]

    sent = pictures(openai)
    assert len(sent) == 2
    for each in (*sent, *[await thumbnail(gateway, first, kind) for kind in ("webp", "jpeg")]):
        assert [word for word in TELLING if word in each] == []
        image = Image.open(io.BytesIO(each))
        assert dict(image.getexif()) == {}
        assert not {"exif", "xmp", "comment", "photoshop"} & set(image.info)
    asked = orjson.dumps(openai.requests)
    for word in ("48.85", "2.294", "2024-05-01", "2024:05:01", "Canon", SECRET, "photo-0.jpg"):
        assert word.encode() not in asked

    # Where it is not to be kept, the record that said it says it no more.
    with tagging(environment, TAGLINE_KEEP_PLACE="false"):
        await gateway.post(f"/api/photos/{first}/retag")
        again = await ended(gateway, first)
    assert (again["place"], again["camera"]) == (None, "Canon EOS 5D")
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert "48.85" not in str(client.hgetall(keys.photo(first)))


async def test_the_same_bytes_are_looked_at_once_and_what_they_said_goes_with_their_photo(
    gateway: Api, environment: dict[str, str], tmp_path: Path
) -> None:
    photo = revealing(Image.open(PHOTOS / "cat.jpg"))

    async def accepted_and_gone() -> int:
        accepted = (await gateway.upload(photo)).json
        (tmp_path / "blobs" / original(accepted["filename"])).unlink()
        return int(accepted["id"])

    with tagging(environment):
        first = (await gateway.upload(photo)).json["id"]
        told = await ended(gateway, first)
    second = await accepted_and_gone()
    with tagging(environment):
        again = await ended(gateway, second)
    for each in (first, second):
        await gateway.call("DELETE", f"/api/photos/{each}")
    third = await accepted_and_gone()
    with tagging(environment):
        anew = await ended(gateway, third)

    for field in ("width", "height", "colors", "takenAt", "camera", "place", "blurhash", "tags"):
        assert again[field] == told[field]
    assert anew["error"]["code"] == "blob_missing"


async def thumbnail(gateway: Api, photo_id: int, kind: str) -> bytes:
    url = f"{gateway.url}/api/photos/{photo_id}/thumbnail?size=256"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers={"Accept": f"image/{kind}"}) as response,
    ):
        assert response.content_type == f"image/{kind}"
        return await response.read()
