"""A photo's page in a real browser, before the three real processes."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, expect

from tests.e2e.gallery import link_to, photo_of, six_photos, until_ended
from tests.e2e.page import card, faults_of, modal, page_settings
from tests.e2e.stack import Stack
from tests.support.browser import Visitor, visitor
from tests.support.clients import PHOTOS, upload_batch
from tests.support.openai_server import OpenAIServer, api_error
from tests.support.photographs import revealing

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


async def test_a_photos_page_tells_all_and_turns_to_the_next(
    stack: Stack, someone: Visitor, photos: list[int]
) -> None:
    page = someone.page
    await link_to(page, photos[2]).click()
    await expect(page.get_by_role("heading", name="photo.jpg")).to_be_visible()
    photo = await photo_of(stack, photos[2])
    details = page.get_by_role("region", name="Détails")
    await expect(details).to_contain_text(re.compile(rf"{photo['width']} . {photo['height']}"))
    await expect(details).to_contain_text(photo["sha256"][:12])
    await expect(details).to_contain_text("OpenAI")
    await expect(page.get_by_text("Un chat.")).to_be_visible()
    await expect(page.get_by_role("region", name="Déroulement")).to_contain_text("IA")
    loaded = "document.querySelector('main img:not([alt=\"\"])').naturalWidth"
    await page.wait_for_function(f"{loaded} === {photo['width']}")
    assert await faults_of(page) == []

    await page.get_by_role("region", name="Image").focus()
    await page.keyboard.press("+")
    await expect(page.get_by_role("button", name="Ajuster")).to_be_visible()
    await page.keyboard.press("0")
    await page.keyboard.press("ArrowRight")
    await expect(page).to_have_url(re.compile(rf"/photos/{photos[3]}$"))
    # The keys are the page's that is there: the address changes first.
    following = await photo_of(stack, photos[3])
    await expect(details).to_contain_text(following["sha256"][:12])
    await page.keyboard.press("ArrowLeft")
    await expect(page).to_have_url(re.compile(rf"/photos/{photos[2]}$"))
    await expect(details).to_contain_text(photo["sha256"][:12])
    await page.go_back()
    await expect(link_to(page, photos[2])).to_be_focused()


async def test_a_photos_page_tells_when_and_where_it_was_taken_and_what_looks_like_it(
    stack: Stack, someone: Visitor
) -> None:
    page = someone.page
    with Image.open(PHOTOS / "coffee.jpg") as coffee:
        smaller = io.BytesIO()
        coffee.resize((300, 200)).save(smaller, "PNG")
        files = [revealing(coffee), smaller.getvalue()]
    _, answer = await upload_batch(stack.gateway.url, files)
    taken, copy = (photo["id"] for photo in answer["photos"])
    await until_ended(stack, taken, copy)
    await page.goto(f"/photos/{taken}")
    details = page.get_by_role("region", name="Détails")
    await expect(details).to_contain_text("1 mai 2024")
    await expect(details).to_contain_text("14:30 (UTC+02:00)")
    await expect(details).to_contain_text("Canon EOS 5D")
    await expect(details).to_contain_text("48,85837° N ; 2,29448° E")
    photo = await photo_of(stack, taken)
    for color in photo["colors"]:
        await expect(details.get_by_title(color)).to_be_visible()
    similar = page.get_by_role("region", name="Photos semblables").get_by_role("link")
    # The copy, and the coffee that was there before.
    await expect(similar).to_have_count(2)
    assert await faults_of(page) == []
    await page.locator(f"a[href='/photos/{copy}']").last.click()
    await expect(page).to_have_url(re.compile(rf"/photos/{copy}$"))
    await expect(details).to_contain_text("PNG")
    await expect(similar).to_have_count(2)


async def test_tags_are_edited_by_hand_with_keys_alone(
    stack: Stack, someone: Visitor, photos: list[int]
) -> None:
    page = someone.page
    await page.goto(f"/photos/{photos[1]}")
    field = page.get_by_role("combobox", name="Ajouter un tag")
    await field.fill("Moustache")
    await field.press("Enter")
    tags = page.get_by_role("list", name="Tags")
    await expect(tags.get_by_role("listitem")).to_have_text(["chat", "rouge", "moustache"])
    await field.press("Backspace")
    await page.get_by_role("button", name="Retirer chat").focus()
    await page.keyboard.press("Enter")
    await expect(tags.get_by_role("listitem")).to_have_text(["rouge"])
    await expect(field).to_be_focused()
    await field.press("p")
    await page.get_by_role("option", name="pagode").click()
    await expect(tags.get_by_role("listitem")).to_have_text(["rouge", "pagode"])
    await page.reload()
    await expect(tags.get_by_role("listitem")).to_have_text(["rouge", "pagode"])
    named = [tag["name"] for tag in (await photo_of(stack, photos[1]))["tags"]]
    assert named == ["rouge", "pagode"]


async def test_a_photo_is_analysed_again_fails_with_its_reason_and_is_tried_again(
    someone: Visitor, openai: OpenAIServer, photos: list[int]
) -> None:
    page = someone.page
    await page.goto(f"/photos/{photos[4]}")
    openai.replies.append(api_error(401, "invalid_api_key"))
    await page.get_by_role("button", name="Réanalyser").click()
    await modal(page).get_by_label("Haute").check()
    await modal(page).get_by_label("Redemander au modèle").check()
    await modal(page).get_by_role("button", name="Analyser").click()
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text(re.compile("L.analyse a échoué"))
    await expect(alert).to_contain_text("accepte pas la clé")
    await expect(alert.locator("code")).to_be_visible()
    assert await faults_of(page) == []
    await page.goto("/?status=error")
    failed = card(page, photos[4])
    await expect(failed).to_contain_text("accepte pas la clé")
    await failed.get_by_role("button", name="Réessayer").click()
    await expect(failed).to_have_count(0)  # it has failed no more
    await page.goto(f"/photos/{photos[4]}")
    await expect(page.locator("article")).to_have_attribute("data-status", "complete")
    await expect(page.get_by_role("region", name="Déroulement")).to_contain_text("Essai 2")
