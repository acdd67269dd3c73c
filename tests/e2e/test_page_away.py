"""The page while services are away, or slow: what it knows it shows, and what is missing comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from deploy.local.server import EmbeddedServer
from tests.e2e.gallery import ask, link_to, until_ended
from tests.e2e.page import card, faults_of, modal
from tests.e2e.stack import Stack
from tests.support.browser import Visitor, visitor
from tests.support.clients import PHOTOS, upload, upload_batch
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def photos(stack: Stack) -> list[int]:
    """Two photos that are complete, newest first; the newer one is tagged by hand."""
    names = ("coffee", "china")
    _, answer = await upload_batch(stack.gateway.url, [PHOTOS / f"{name}.jpg" for name in names])
    ids = [photo["id"] for photo in reversed(answer["photos"])]
    await until_ended(stack, *ids)
    await _tag(stack, ids[0], "pagode")
    return ids


@pytest_asyncio.fixture(loop_scope="module")
async def someone(stack: Stack, browser: Browser, photos: list[int]) -> AsyncIterator[Visitor]:
    async with visitor(browser, stack.gateway.url) as someone:
        await expect(card(someone.page, photos[0])).to_be_visible()
        yield someone
        assert someone.faults == []


async def _tag(stack: Stack, photo_id: int, *tags: str) -> None:
    assert await ask(stack, "PUT", f"/api/photos/{photo_id}/tags", {"tags": tags}) == 200


async def test_a_page_of_which_a_part_could_not_be_fetched_goes_on_and_fetches_it_again(
    someone: Visitor,
) -> None:
    page = someone.page
    await page.route("**/assets/QueuePage*", lambda route: route.abort())
    await page.reload()
    await page.get_by_role("link", name="File d").click()
    await expect(page.get_by_role("alert")).to_contain_text("Le serveur est injoignable")
    await expect(page.get_by_role("button", name="Recharger la page")).to_be_visible()
    await page.get_by_role("link", name="Photos", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="Photos")).to_be_attached()
    await page.get_by_role("link", name="File d").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.unroute("**/assets/QueuePage*")
    await expect(page.get_by_role("heading", level=1, name="File d")).to_be_visible()
    table = page.get_by_role("table").first
    await expect(table).to_have_css("border-collapse", "collapse")  # its style, too


async def test_without_a_gateway_there_is_every_page_and_what_was_known(
    stack: Stack, someone: Visitor, photos: list[int]
) -> None:
    page = someone.page
    # Given a page that has been open for a moment
    fetched = "performance.getEntriesByType('resource').map((each) => each.name).join()"

    async def are_fetched() -> bool:
        names: str = await page.evaluate(fetched)
        return "PhotoPage" in names and "QueuePage" in names

    await wait_until(are_fetched, timeout_s=20)
    stack.gateway.kill()
    try:
        await link_to(page, photos[0]).click()
        await expect(page.get_by_role("list", name="Tags")).to_contain_text("pagode")
        await page.get_by_role("link", name="File d").click()
        await expect(page.get_by_role("alert")).to_contain_text("est pas accessible")
    finally:
        stack.gateway.start().wait_ready()
    # I expect it to ask again by itself
    await expect(page.get_by_role("heading", level=1, name="File d")).to_be_visible(timeout=20_000)


async def test_tags_that_are_known_from_long_ago_are_not_edited_until_they_are_asked_for(
    stack: Stack, someone: Visitor, photos: list[int]
) -> None:
    page, on = someone.page, asyncio.Event()
    tags = page.get_by_role("list", name="Tags")
    field = page.get_by_role("combobox", name="Ajouter un tag")
    # Given a photo whose page was visited a while ago, and that somebody else has tagged since
    await page.clock.install()
    await page.reload()
    await link_to(page, photos[0]).click()
    await expect(field).to_be_enabled()
    await page.get_by_role("link", name="Toutes les photos").click()
    await _tag(stack, photos[0], "pagode", "lac")
    await page.clock.fast_forward(31_000)

    async def hold(route: Route) -> None:
        await on.wait()
        await route.continue_()

    await page.route(f"**/api/photos/{photos[0]}", hold)
    # While it is asked for, I expect what was known, and that it cannot be saved anew
    await link_to(page, photos[0]).click()
    await expect(tags.get_by_role("listitem")).to_have_text(["pagode"])
    await expect(field).to_be_disabled()
    on.set()
    await expect(tags.get_by_role("listitem")).to_have_text(["pagode", "lac"])
    await expect(field).to_be_enabled()


async def test_tags_can_be_edited_again_once_the_server_is_back(
    someone: Visitor, photos: list[int]
) -> None:
    page, asked = someone.page, 0
    field = page.get_by_role("combobox", name="Ajouter un tag")

    async def lose(route: Route) -> None:
        nonlocal asked
        asked += 1
        await route.abort()

    await page.clock.install()
    await page.reload()
    await page.route(f"**/api/photos/{photos[0]}", lose)
    # Given a photo that could not be had, and was given up
    await link_to(page, photos[0]).click()
    await expect(field).to_be_disabled()

    async def given_up_and_asked_again() -> bool:
        await page.clock.fast_forward(5_000)
        return asked > 4

    await wait_until(given_up_and_asked_again)
    await page.unroute(f"**/api/photos/{photos[0]}")
    # I expect nobody to have to do anything
    await page.clock.resume()
    await expect(field).to_be_enabled(timeout=20_000)


@pytest.mark.parametrize("act", ["tag", "analyse"])
async def test_a_photo_that_somebody_else_has_deleted_is_said_to_be_gone(
    stack: Stack, browser: Browser, photos: list[int], act: str
) -> None:
    _, answer = await upload(stack.gateway.url, PHOTOS / "flower.jpg")
    photo_id = answer["id"]
    async with visitor(browser, stack.gateway.url) as someone:
        page = await someone.open(f"/photos/{photo_id}")
        await expect(page.locator("article")).to_have_attribute("data-status", "complete")
        field = page.get_by_role("combobox", name="Ajouter un tag")
        await expect(field).to_be_enabled()
        assert await ask(stack, "DELETE", f"/api/photos/{photo_id}") == 204
        if act == "tag":
            await field.fill("fleur")
            await field.press("Enter")
        else:
            await page.get_by_role("button", name="Réanalyser").click()
            await modal(page).get_by_role("button", name="Analyser").click()
        await expect(page.get_by_role("alert")).to_contain_text("existe pas ou plus")
        await page.get_by_role("link", name="Voir les photos").click()
        await expect(card(page, photos[0])).to_be_visible()
        await expect(card(page, photo_id)).to_have_count(0)


async def test_without_a_network_a_photo_is_shown_as_the_gallery_has_it(
    someone: Visitor, photos: list[int]
) -> None:
    page = someone.page
    await link_to(page, photos[1]).click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.go_back()
    await someone.context.set_offline(True)
    await link_to(page, photos[0]).click()
    await expect(page.get_by_role("list", name="Tags")).to_contain_text("pagode")
    # All tags are saved at once, so that it must be these that are changed.
    field = page.get_by_role("combobox", name="Ajouter un tag")
    await expect(field).to_be_disabled()
    await expect(page.get_by_role("button", name="Retirer pagode")).to_be_disabled()
    await someone.context.set_offline(False)
    await expect(field).to_be_enabled()


async def test_a_photo_that_could_not_be_had_is_asked_for_as_soon_as_that_is_wanted(
    stack: Stack, browser: Browser, photos: list[int]
) -> None:
    never = """((wait) => {
        window.setTimeout = (act, ms, ...rest) => ms >= 1000 ? 0 : wait(act, ms, ...rest);
    })(setTimeout)"""
    # Given a page that waits for a second to pass before it asks again, which it never does
    async with visitor(browser, stack.gateway.url, script=never) as someone:
        page = someone.page
        path = f"/photos/{photos[0]}"
        await page.route(f"**/api{path}", lambda route: route.abort())
        await page.goto(path)
        again = page.get_by_role("button", name="Réessayer")
        await expect(again).to_be_visible()
        await page.unroute(f"**/api{path}")
        # If it is wanted now, I expect it now
        await again.click()
        await expect(page.get_by_role("list", name="Tags")).to_be_visible()


async def test_a_service_that_is_away_is_told_and_what_was_there_comes_back(
    someone: Visitor, server: EmbeddedServer, photos: list[int]
) -> None:
    page = someone.page
    server.stop()
    try:
        await page.evaluate("dispatchEvent(new Event('online'))")
        await expect(page.get_by_role("alert")).to_contain_text("Ce que vous voyez date de")
        await expect(card(page, photos[0])).to_be_visible()
        await page.reload()
        await expect(page.get_by_text("Les photos ne sont pas accessibles")).to_be_visible()
        assert await faults_of(page) == []
    finally:
        server.start()
    await expect(card(page, photos[0])).to_be_visible(timeout=20_000)


async def test_a_page_that_cannot_learn_its_settings_says_so_and_comes_once_it_can(
    someone: Visitor,
) -> None:
    page = someone.page
    await page.route("**/page-config.json", lambda route: route.abort())
    await page.reload()
    await expect(page.get_by_role("alert")).to_contain_text("Le serveur est injoignable")
    await page.unroute("**/page-config.json")
    await expect(page.get_by_role("heading", level=1, name="Photos")).to_be_attached(timeout=20_000)
