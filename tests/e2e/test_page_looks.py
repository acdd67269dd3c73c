"""The page where names are long, on paper, and in colours that are not its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from deploy.local.server import EmbeddedServer
from tests.e2e.gallery import until_ended
from tests.e2e.page import CAT, modal, pick, toasts
from tests.e2e.stack import Stack
from tests.support.browser import DESKTOP, PHONE, visitor
from tests.support.clients import PHOTOS, upload_batch
from tests.support.many_photos import copy_photos

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def photos(stack: Stack) -> list[int]:
    """Two photos that are complete, newest first."""
    _, answer = await upload_batch(stack.gateway.url, [CAT, PHOTOS / "coffee.jpg"])
    ids = [photo["id"] for photo in reversed(answer["photos"])]
    await until_ended(stack, *ids)
    return ids


async def _edges(element: Locator) -> tuple[float, float]:
    box = await element.bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]


@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 568)])
async def test_a_long_name_leaves_the_modal_whole(
    stack: Stack, browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    photo = tmp_path / f"{'W' * 120}.jpg"
    photo.write_bytes(CAT.read_bytes() + str(size).encode())
    async with visitor(browser, stack.gateway.url, size=size) as someone:
        await pick(someone.page, photo)
        see = modal(someone.page).get_by_role("link", name="Voir la photo")
        await expect(see).to_be_visible()
        left, right = await _edges(modal(someone.page))
        for part in (see, modal(someone.page).get_by_role("progressbar")):
            start, end = await _edges(part)
            assert left < start < end < right
        toast = await toasts(someone.page, "success").text_content()
        assert toast is not None
        assert "WWW…WWW" in toast


async def test_the_table_of_stages_stays_in_its_card_where_room_is_least(
    stack: Stack, browser: Browser, photos: list[int]
) -> None:
    async with visitor(browser, stack.gateway.url, size=(320, 640), touch=True) as someone:
        page = await someone.open("/queue")
        table = page.get_by_role("table").filter(has_text="Prise en charge")
        await expect(table).to_be_visible()
        _, end = await _edges(table)
        _, right = await _edges(page.locator("section").filter(has=table).last)
        assert end < right


async def test_on_paper_it_is_light_and_no_more_than_the_rows_that_were_seen(
    stack: Stack, server: EmbeddedServer, browser: Browser, photos: list[int]
) -> None:
    copy_photos(server.url, 3_000)
    async with visitor(browser, stack.gateway.url, scheme="dark") as someone:
        page = someone.page
        await expect(page.locator("[data-photo] img").first).to_be_visible()
        await page.get_by_role("button", name="Apparence").click()
        await page.get_by_role("button", name="Apparence").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await page.emulate_media(media="print")
        ink = "getComputedStyle(document.querySelector('[data-photo]')).color"
        assert await page.evaluate(ink) == "rgb(24, 26, 25)"
        for unseen in (
            page.get_by_role("link", name="Aller au contenu"),
            page.get_by_role("banner").get_by_role("button", name="Ajouter"),
        ):
            await expect(unseen).to_be_hidden()
        height = "document.scrollingElement.scrollHeight"
        assert await page.evaluate(height) < 5_000
        await page.emulate_media(media="screen")
        assert await page.evaluate(height) > 5_000


async def test_in_forced_colours_the_check_is_that_of_the_photos_that_are_selected(
    stack: Stack, browser: Browser, photos: list[int]
) -> None:
    async with visitor(browser, stack.gateway.url) as someone:
        page = someone.page
        await page.emulate_media(forced_colors="active")
        await page.goto("/")
        picked = page.locator("[data-photo]").first
        other = page.locator("[data-photo]").nth(1)
        await picked.get_by_role("button", name="Sélectionner").click()
        await expect(picked.locator("button[aria-pressed=true] svg")).to_be_visible()
        unpicked = other.locator("button[aria-pressed=false] svg")
        await expect(unpicked).to_be_attached()
        await expect(unpicked).to_be_hidden()
        # What a chart's colours mean is said beside it in the same.
        await page.goto("/queue")
        dot = page.get_by_text("prêtes").first
        await expect(dot).to_be_visible()
        shown = "dot => getComputedStyle(dot, '::before').forcedColorAdjust"
        assert await dot.evaluate(shown) == "none"
