"""The gallery in a real browser, before the three real processes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.e2e.gallery import ask, link_to, no_photos, photo_of, six_photos, until_ended
from tests.e2e.page import card, faults_of, modal, page_settings, pick
from tests.e2e.stack import Stack
from tests.support.api import Api
from tests.support.browser import PHONE, Visitor, visitor
from tests.support.clients import PHOTOS, upload
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def settings(openai: OpenAIServer) -> Mapping[str, str]:
    return {**page_settings(), **openai.settings}


@pytest_asyncio.fixture(loop_scope="module")
async def photos(stack: Stack) -> list[int]:
    return await six_photos(stack)


@pytest_asyncio.fixture(loop_scope="module")
async def someone(stack: Stack, browser: Browser, photos: list[int]) -> AsyncIterator[Visitor]:
    async with visitor(browser, stack.gateway.url) as someone:
        # What is still fading in would be measured as it is half-way.
        await someone.page.emulate_media(reduced_motion="reduce")
        await expect(card(someone.page, photos[0])).to_be_visible()
        yield someone
        assert someone.faults == []


def _search(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Chercher par tag")


async def test_an_empty_gallery_says_what_to_do(stack: Stack, browser: Browser) -> None:
    await no_photos(stack)
    async with visitor(browser, stack.gateway.url, locale="en-GB") as someone:
        page = someone.page
        await expect(page.get_by_text("Show a photo, read it in words")).to_be_visible()
        await expect(
            page.get_by_role("main").get_by_role("button", name="Add photos")
        ).to_be_visible()
        assert await faults_of(page) == []


async def test_photos_are_found_by_tags_search_and_status_that_the_address_keeps(
    someone: Visitor, photos: list[int]
) -> None:
    page = someone.page
    await _search(page).fill("rou")
    await expect(page.get_by_role("option", name="rouge")).to_be_visible()
    await expect(page).to_have_url(re.compile(r"\?q=rou$"))
    await expect(page.locator("[data-photo]")).to_have_count(2)

    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"\?tag=rouge$"))
    await _search(page).fill("pag")
    await page.get_by_role("option", name="pagode").click()
    await expect(page).to_have_url(re.compile(r"\?tag=rouge&tag=pagode$"))
    await expect(page.locator("[data-photo]")).to_have_count(1)
    await expect(card(page, photos[0])).to_be_visible()
    await expect(page.get_by_text("1 photo", exact=True).first).to_be_visible()

    await page.reload()
    await expect(page.locator("[data-photo]")).to_have_count(1)
    await page.get_by_label("État").select_option("error")
    await expect(page.get_by_text("Aucune photo ne correspond")).to_be_visible()
    await page.go_back()
    await page.get_by_role("button", name="Retirer le filtre pagode").click()
    await expect(page.locator("[data-photo]")).to_have_count(2)


async def test_photos_in_work_are_live_in_the_grid_and_new_ones_come_on_top(
    stack: Stack, someone: Visitor, openai: OpenAIServer, tmp_path: Path
) -> None:
    page = someone.page
    openai.answering.clear()
    mine = tmp_path / "mine.jpg"
    mine.write_bytes(PHOTOS.joinpath("cat.jpg").read_bytes() + b"mine")
    try:
        await pick(page, mine)
        await page.keyboard.press("Escape")
        first = page.locator("[data-photo]").first
        await expect(first).to_have_attribute("data-status", "processing")
        await expect(first.get_by_role("progressbar")).to_be_attached()
        await expect(first).to_contain_text("Génération des tags")
        await first.get_by_title("Voir la progression").click()
        await expect(modal(page)).to_be_visible()
        await page.keyboard.press("Escape")
    finally:
        openai.answering.set()
    await expect(first).to_have_attribute("data-status", "complete")
    await expect(first).to_contain_text("animal")

    other = PHOTOS.joinpath("cat.jpg").read_bytes() + b"others"
    _, answer = await upload(stack.gateway.url, other)
    await page.evaluate("dispatchEvent(new Event('online'))")  # it looks every 10 s, too
    await expect(page.locator("[data-photo]").first).to_have_attribute(
        "data-photo", str(answer["id"])
    )
    await expect(card(page, answer["id"])).to_contain_text("chat")


async def test_many_are_selected_by_keys_deleted_undone_and_deleted_for_good(
    stack: Stack, someone: Visitor, photos: list[int]
) -> None:
    page = someone.page
    await link_to(page, photos[0]).focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Shift+ArrowRight")
    await page.keyboard.press("Shift+ArrowRight")
    await expect(page.get_by_text("3 sélectionnées")).to_be_visible()
    await expect(link_to(page, photos[2])).to_be_focused()
    await link_to(page, photos[2]).click(modifiers=["Shift"])
    await link_to(page, photos[1]).click()
    await expect(page.get_by_text("2 sélectionnées")).to_be_visible()
    assert await faults_of(page) == []

    await page.get_by_role("button", name="Supprimer").click()
    await expect(card(page, photos[0])).to_have_count(0)
    await expect(card(page, photos[1])).to_be_visible()
    await expect(page.get_by_role("grid").get_by_role("link").first).to_be_focused()
    await page.get_by_role("button", name="Rétablir").click()
    await expect(card(page, photos[0])).to_be_visible()

    await link_to(page, photos[3]).focus()
    await page.keyboard.press("Delete")
    await expect(card(page, photos[3])).to_have_count(0)
    await page.keyboard.press("Control+z")
    await expect(card(page, photos[3])).to_be_visible()

    # It is for good as soon as the page is left, as it says.
    await link_to(page, photos[3]).focus()
    await page.keyboard.press("Delete")
    await expect(page.get_by_text("dès que vous quittez la page").first).to_be_visible()
    assert (await photo_of(stack, photos[3]))["id"] == photos[3]
    await page.goto("/queue")

    async def is_gone() -> bool:
        return await ask(stack, "GET", f"/api/photos/{photos[3]}") == 404

    await wait_until(is_gone)
    await page.goto("/")
    await expect(card(page, photos[0])).to_be_visible()
    await expect(card(page, photos[3])).to_have_count(0)
    assert (await photo_of(stack, photos[0]))["id"] == photos[0]


async def test_a_photo_is_seen_blurred_until_its_thumbnail_is_there(
    someone: Visitor, photos: list[int]
) -> None:
    page, on = someone.page, asyncio.Event()

    async def hold(route: Route) -> None:
        await on.wait()
        await route.continue_()

    await page.route("**/thumbnail*", hold)
    await page.reload()
    blur = card(page, photos[0]).locator("canvas")
    try:
        await expect(blur).to_be_visible()
        look = (
            "canvas => new Set(canvas.getContext('2d')"
            ".getImageData(0, 0, canvas.width, canvas.height).data).size"
        )
        assert await blur.evaluate(look) > 20
    finally:
        on.set()
    await expect(blur).to_have_count(0)


async def test_the_gallery_is_as_good_in_the_dark_and_on_a_phone(
    stack: Stack, browser: Browser, photos: list[int]
) -> None:
    async with visitor(
        browser, stack.gateway.url, size=PHONE, touch=True, scheme="dark", locale="en-GB"
    ) as someone:
        page = someone.page
        await card(page, photos[0]).get_by_role("button", name="Select photo.jpg").tap()
        await expect(page.get_by_text("1 selected")).to_be_visible()
        assert await faults_of(page) == []
        await page.goto(f"/photos/{photos[0]}")
        await expect(page.get_by_role("heading", name="photo.jpg")).to_be_visible()
        assert await faults_of(page) == []
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wide) == 0


async def test_nothing_sticks_out_where_room_is_least(
    stack: Stack, browser: Browser, photos: list[int]
) -> None:
    # 320 px: a small phone, and a wide window at 400 %
    assert await ask(stack, "PUT", f"/api/photos/{photos[0]}/tags", {"tags": ["x" * 64]}) == 200
    async with visitor(browser, stack.gateway.url, size=(320, 640), touch=True) as someone:
        page = someone.page
        shown = {
            "/": card(page, photos[0]),
            "/queue": page.get_by_role("heading", name="Durée des étapes"),
            f"/photos/{photos[0]}": page.get_by_role("list", name="Tags"),
        }
        for path, what in shown.items():
            await page.goto(path)
            await expect(what).to_be_visible()
            assert await page.evaluate("document.scrollingElement.scrollWidth") == 320


async def test_whatever_a_file_is_called_the_page_shows_as_text(
    stack: Stack, browser: Browser, photos: list[int]
) -> None:
    names = ['<img src=x onerror="window.harmed=1">.jpg', "../../etc/passwd", "x" * 4096]
    api = Api(stack.gateway.url)
    answers = [await api.upload(PHOTOS / "cat.jpg", names=[name]) for name in names]
    ids = [answer.json["id"] for answer in answers]
    await until_ended(stack, *ids)
    async with visitor(browser, stack.gateway.url) as someone:
        page = await someone.open(f"/photos/{ids[0]}")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
        await page.goto("/")
        for photo_id in ids:
            await expect(card(page, photo_id)).to_be_visible()
        sideways = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert await page.evaluate(sideways) is False
        assert await page.evaluate("window.harmed") is None
        assert someone.faults == []
