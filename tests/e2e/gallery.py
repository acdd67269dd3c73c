"""Photos for the page to show, and what has become of them."""

from __future__ import annotations

from typing import Any

import aiohttp
from playwright.async_api import Locator, Page

from tests.e2e.page import card
from tests.e2e.stack import Stack
from tests.support.clients import PHOTOS, get, upload_batch


async def ask(stack: Stack, method: str, path: str, body: object = None) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, stack.gateway.url + path, json=body) as response,
    ):
        return response.status


async def photo_of(stack: Stack, photo_id: int) -> dict[str, Any]:
    _, photo = await get(f"{stack.gateway.url}/api/photos/{photo_id}")
    return dict(photo)


async def until_ended(stack: Stack, *ids: int) -> None:
    async with aiohttp.ClientSession() as session:
        for photo_id in ids:
            ended = False
            while not ended:
                async with session.get(f"{stack.gateway.url}/api/photos/{photo_id}") as answer:
                    ended = not (await answer.json())["processing"]


async def no_photos(stack: Stack) -> None:
    """Delete all there are."""
    _, page = await get(f"{stack.gateway.url}/api/photos?limit=200")
    for photo in page["items"]:
        assert await ask(stack, "DELETE", f"/api/photos/{photo['id']}") == 204


async def six_photos(stack: Stack) -> list[int]:
    """Make them all the photos there are: newest first; the first two are tagged by hand."""
    await no_photos(stack)
    names = ("coffee", "flower", "rocket", "person", "cat", "china")
    status, answer = await upload_batch(
        stack.gateway.url, [PHOTOS / f"{name}.jpg" for name in names]
    )
    assert status == 202
    ids = [photo["id"] for photo in reversed(answer["photos"])]
    await until_ended(stack, *ids)
    for photo_id, tags in ((ids[0], ["pagode", "rouge"]), (ids[1], ["chat", "rouge"])):
        assert await ask(stack, "PUT", f"/api/photos/{photo_id}/tags", {"tags": tags}) == 200
    return ids


def link_to(page: Page, photo_id: int) -> Locator:
    return card(page, photo_id).get_by_role("link")
