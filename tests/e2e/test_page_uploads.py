"""Uploads on the page that have to wait: for a network, for their turn, for a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, Route, expect

from tests.e2e.page import (
    CAT,
    modal,
    pick,
)
from tests.e2e.stack import Stack
from tests.support.browser import Visitor, visitor
from tests.support.processes import ServiceProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

DONE = "Photo analysée avec succès"


@pytest_asyncio.fixture(loop_scope="module")
async def someone(stack: Stack, browser: Browser) -> AsyncIterator[Visitor]:
    async with visitor(browser, stack.gateway.url) as someone:
        yield someone
        assert someone.faults == []


@pytest.fixture
def photo(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A photo of this test alone, whose answer no cache knows."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(CAT.read_bytes() + request.node.name.encode())
    return path


async def test_an_upload_goes_on_when_the_network_is_back(someone: Visitor, photo: Path) -> None:
    page = someone.page
    await someone.context.set_offline(True)
    await pick(page, photo)
    await expect(modal(page)).to_contain_text("Connexion perdue")
    await someone.context.set_offline(False)
    await expect(modal(page)).to_contain_text(DONE)


async def test_an_upload_that_has_to_wait_says_for_what(
    browser: Browser, stack: Stack, photo: Path
) -> None:
    slow = {**stack.gateway.environment, "TAGLINE_RATE_LIMIT": "1"}
    with ServiceProcess("gateway", slow) as gateway:
        gateway.wait_ready()
        async with visitor(browser, gateway.url) as someone:
            page = someone.page
            await pick(page, photo)
            await expect(modal(page)).to_contain_text(DONE)
            await page.keyboard.press("Escape")
            await pick(page, photo)
            await expect(modal(page)).to_contain_text("patientez un instant")
            await modal(page).get_by_role("button", name="Annuler").click()
            await expect(modal(page).get_by_role("button", name="Réessayer")).to_be_visible()


async def test_what_is_tried_again_while_others_are_sent_is_cancelled_with_them(
    browser: Browser, stack: Stack, photo: Path
) -> None:
    photos = [photo, photo.with_name("dog.jpg")]
    photos[1].write_bytes(photo.read_bytes())
    singly = {**stack.gateway.environment, "TAGLINE_MAX_BATCH": "1"}
    cut, held = True, list[Route]()

    async def route(upload: Route) -> None:
        if cut:
            await upload.abort()
        else:
            held.append(upload)

    with ServiceProcess("gateway", singly) as gateway:
        gateway.wait_ready()
        async with visitor(browser, gateway.url) as someone:
            page = someone.page
            await page.clock.install()
            await page.reload()
            await page.route("**/api/photos/upload", route)
            await pick(page, photos)
            lines = modal(page).locator("li")
            # Given a photo that could not be sent for long, and another that is being sent
            while await lines.and_(page.locator("[data-phase=refused]")).count() == 0:
                await page.clock.fast_forward(16_000)
            cut = False
            while not held:
                await page.clock.fast_forward(16_000)
            await modal(page).get_by_role("button", name="Réessayer les échecs").click()
            await page.clock.fast_forward(2_000)
            # If all is cancelled, I expect that neither is accepted
            await modal(page).get_by_role("button", name="Tout annuler").click()
            for each in held:
                with suppress(Error):  # it was given up
                    await each.continue_()
            await expect(modal(page).get_by_role("button", name="Fermer")).to_be_visible()
            for line in (lines.nth(0), lines.nth(1)):
                await expect(line).to_have_attribute("data-phase", "cancelled")
            assert len(held) == 1


async def test_where_keys_are_configured_the_page_asks_for_one_and_keeps_it_for_the_session(
    browser: Browser, stack: Stack, photo: Path
) -> None:
    keyed = {"TAGLINE_API_KEYS": "someone:secret"}
    with (
        ServiceProcess("notifier", {**stack.notifier.environment, **keyed}) as notifier,
        ServiceProcess(
            "gateway",
            {
                **stack.gateway.environment,
                **keyed,
                "TAGLINE_PUBLIC_NOTIFIER_URL": notifier.url,
            },
        ) as gateway,
    ):
        notifier.wait_ready()
        gateway.wait_ready()
        async with visitor(browser, gateway.url) as someone:
            page = someone.page
            field = modal(page).get_by_label("Clé", exact=True)
            for wrong in ("wrong", "key 🔑"):
                await field.fill(wrong)
                await page.keyboard.press("Enter")
                await expect(modal(page).get_by_role("alert")).to_contain_text("pas acceptée")
            await field.fill("secret")
            await page.keyboard.press("Enter")
            await expect(modal(page)).to_have_count(0)

            await pick(page, photo)
            await expect(modal(page)).to_contain_text(DONE)
            await page.keyboard.press("Escape")
            picture = page.locator("[data-photo] img")
            await expect(picture).to_have_js_property("naturalWidth", 320)
            await page.reload()
            await expect(page.locator("[data-photo]")).to_contain_text("chat")

            await page.locator("[data-photo] a").click()
            async with page.expect_download() as download:
                await page.get_by_role("link", name="Télécharger").click()
            original = await download.value
            assert original.suggested_filename == "cat.jpg"
            assert (await original.path()).read_bytes() == photo.read_bytes()
            assert someone.faults == []
