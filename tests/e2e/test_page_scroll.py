"""The gallery scrolled from its first photo to its last: what it holds stays the same.

`TAGLINE_TEST_PHOTOS=50000` is the long form; with `-s` the figures are seen.
"""

from __future__ import annotations

import os
import time
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession, expect

from deploy.local.server import EmbeddedServer
from tests.e2e.page import card
from tests.e2e.stack import Stack
from tests.support.browser import PHONE, visitor
from tests.support.clients import PHOTOS, get, upload_batch
from tests.support.many_photos import copy_photos
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1200)]

COUNT: Final = int(os.environ.get("TAGLINE_TEST_PHOTOS", "2000"))
MOST_NODES: Final = 6_000
"""What the whole page may have of them at any time."""

HEAP_A_PHOTO: Final = 200
"""Bytes that a photo which is far away may still take: its id, and its share of a cursor."""

HEAP_SPARE: Final = 12 * 2**20
"""Bytes that a heap may differ by for reasons of its own."""

FRAMES: Final = """async (pixels) => {
    const times = [];
    for (let frame = 0; frame < 120; frame++) {
        scrollBy({ top: pixels, behavior: 'instant' });
        times.push(await new Promise(requestAnimationFrame));
    }
    const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
    return [gaps[Math.floor(gaps.length / 2)], gaps[Math.floor(gaps.length * 0.95)]];
}"""
"""Scrolls by `pixels` a frame; returns the median and the 95th percentile of a frame's ms."""

SEEN: Final = """async () => {
    for (;;) {
        const photo = document.elementFromPoint(innerWidth / 3, 240)?.closest('[data-photo]');
        if (photo) return photo.dataset.photo;
        await new Promise(requestAnimationFrame);
    }
}"""
"""Returns a photo in the upper half of the window, once there is one."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def photos(stack: Stack, server: EmbeddedServer) -> None:
    """There are so many photos, and a few."""
    await upload_batch(stack.gateway.url, sorted(PHOTOS.glob("*.jpg")))

    async def tagged() -> bool:
        _, listed = await get(f"{stack.gateway.url}/api/photos?status=complete")
        return len(listed["items"]) > 6

    await wait_until(tagged, timeout_s=60)
    copy_photos(server.url, COUNT)


async def _held(session: CDPSession) -> tuple[int, int]:
    """Return the bytes of the heap that are in use, and the number of nodes."""
    await session.send("HeapProfiler.collectGarbage")
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    found = {metric["name"]: int(metric["value"]) for metric in metrics}
    return found["JSHeapUsedSize"], found["Nodes"]


@pytest.mark.usefixtures("photos")
async def test_scrolling_through_all_photos_holds_memory_flat(
    stack: Stack, browser: Browser
) -> None:
    async with visitor(browser, stack.gateway.url) as someone:
        page = someone.page
        grid = page.get_by_role("grid")
        await expect(page.locator("[data-photo] img").first).to_be_visible()
        session = await someone.context.new_cdp_session(page)
        await session.send("Performance.enable")
        heap_before, nodes_before = await _held(session)
        ahead = await page.evaluate(FRAMES, 40)
        started = time.monotonic()
        while await grid.get_attribute("aria-rowcount") == "-1":
            await page.evaluate("scrollTo({ top: 1e9, behavior: 'instant' })")
        await page.evaluate("scrollTo({ top: 1e9, behavior: 'instant' })")
        took_s = time.monotonic() - started
        await expect(page.locator("[data-photo='1'] img")).to_be_visible()

        async def let_go() -> bool:
            return (await _held(session))[1] <= MOST_NODES

        # One collection need not find all that was dropped.
        await wait_until(let_go, timeout_s=30, what="no more nodes than are seen")
        heap, nodes = await _held(session)
        # Up again, through what was dropped: fetched anew where it is looked at.
        back = await page.evaluate(FRAMES, -40)
        half = "scrollTo({ top: document.body.scrollHeight / 2, behavior: 'instant' })"
        await page.evaluate(half)
        await expect(page.locator("[role=gridcell][aria-busy]")).to_have_count(0)
        print(  # noqa: T201 - the figures
            f"\n{COUNT} photos to their end in {took_s:.1f} s; heap {heap_before / 2**20:.1f} MiB"
            f" before, {heap / 2**20:.1f} MiB after; nodes {nodes_before} and {nodes};"
            f" ms a frame, median and p95: {ahead} down, {back} up"
        )
        assert heap - heap_before <= COUNT * HEAP_A_PHOTO + HEAP_SPARE
        assert someone.faults == []


@pytest.mark.usefixtures("photos")
async def test_a_phone_that_is_turned_shows_what_it_showed(stack: Stack, browser: Browser) -> None:
    async with visitor(browser, stack.gateway.url, size=PHONE, touch=True) as someone:
        page, (width, height) = someone.page, PHONE
        grid = page.get_by_role("grid")
        await expect(page.locator("[data-photo] img").first).to_be_visible()
        await page.evaluate("scrollTo({ top: 4000, behavior: 'instant' })")
        seen = card(page, int(await page.evaluate(SEEN)))
        await page.set_viewport_size({"width": height, "height": width})
        await expect(grid).not_to_have_attribute("aria-colcount", "2")
        await expect(seen).to_be_in_viewport()
        await page.set_viewport_size({"width": width, "height": height})
        await expect(grid).to_have_attribute("aria-colcount", "2")
        await expect(seen).to_be_in_viewport()
