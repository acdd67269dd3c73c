"""The page in a real browser, before the three real processes and the local model."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.page import (
    ANSWER_LATE,
    CAT,
    WATCH_STAGES,
    at_rest,
    faults_of,
    modal,
    pick,
    stage,
    toasts,
    until_toast,
)
from tests.e2e.stack import Stack
from tests.support.browser import ELSEWHERE, PHONE, visitor
from tests.support.clients import PHOTOS

pytestmark = pytest.mark.asyncio(loop_scope="module")

STAGES = ("upload", "analyzing", "ai", "saving", "done")


async def test_a_cat_goes_through_every_stage_and_its_tags_are_in_the_grid(
    stack: Stack, browser: Browser
) -> None:
    async with visitor(browser, stack.gateway.url, script=WATCH_STAGES) as someone:
        page = someone.page
        await pick(page, CAT)
        await expect(modal(page).get_by_text("Photo analysée avec succès")).to_be_visible()
        for name in STAGES:
            await expect(stage(page, name)).to_have_attribute("data-state", "done")
        await until_toast(page, "success", "cat.jpg")
        await expect(modal(page).get_by_text("chat", exact=True)).to_be_visible()
        await expect(modal(page).get_by_text("100 %", exact=True)).to_be_visible()

        seen = await page.evaluate("seenStages")
        for name in STAGES[:-1]:
            assert seen.index(f"{name} active") < seen.index(f"{name} done")
        bars = await page.evaluate("seenBars")
        assert bars == sorted(bars)
        assert bars[-1] == 100

        await page.keyboard.press("Escape")
        await expect(modal(page)).to_have_count(0)
        first = page.locator("[data-photo]").first
        await expect(first).to_contain_text("chat")
        assert someone.faults == []


async def test_the_page_speaks_the_browsers_language_and_the_switchs(
    stack: Stack, browser: Browser
) -> None:
    async with visitor(browser, stack.gateway.url, locale="en-GB") as someone:
        page = someone.page
        await expect(page.get_by_role("link", name="Queue")).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await pick(page, PHOTOS / "coffee.jpg")
        await expect(modal(page)).to_contain_text("Photo analysed successfully")
        await expect(stage(page, "saving")).to_contain_text("Saving")
        await page.keyboard.press("Escape")

        await page.get_by_role("button", name=re.compile("Language")).click()
        await expect(page.get_by_role("link", name="File d")).to_be_visible()
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("lang", "fr")
        await expect(page.get_by_role("link", name="File d")).to_be_visible()


async def test_ten_photos_are_one_bar_and_a_line_each(
    stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    photos = [tmp_path / f"photo-{number}.jpg" for number in range(10)]
    for number, photo in enumerate(photos):
        # Bytes after the end of a JPEG change nothing but its hash.
        photo.write_bytes(CAT.read_bytes() + bytes([number]))
    async with visitor(browser, stack.gateway.url, script=WATCH_STAGES) as someone:
        page = someone.page
        requests: list[str] = []
        page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
        await pick(page, photos)
        await expect(modal(page).locator("li")).to_have_count(10)
        await expect(modal(page)).to_contain_text("10 sur 10 prêtes")
        await expect(modal(page).locator("li[data-phase=complete]")).to_have_count(10)
        bar = modal(page).get_by_role("progressbar")
        await expect(bar).to_have_count(1)
        await expect(bar).to_have_attribute("aria-valuenow", "100")
        assert sum("POST" in each and each.endswith("/upload") for each in requests) == 1
        await modal(page).get_by_role("button", name="Fermer").click()
        await expect(page.locator("[data-photo][data-status=complete]").nth(9)).to_be_visible()
        assert someone.faults == []


async def test_what_is_no_photo_is_named_with_the_reason_and_the_others_go_on(
    stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.jpg"
    notes.write_text("Just some text in a .jpg\n" * 9)
    empty = tmp_path / "empty.png"
    empty.touch()
    huge = tmp_path / "huge.jpg"
    huge.write_bytes(CAT.read_bytes() + bytes(21 * 2**20))
    async with visitor(browser, stack.gateway.url) as someone:
        page = someone.page
        answers: list[int] = []
        page.on("response", lambda answer: answers.append(answer.status))
        await pick(page, [notes, empty, huge, PHOTOS / "flower.jpg"])
        lines = modal(page).locator("li")
        await expect(lines.filter(has_text="flower.jpg")).to_have_attribute(
            "data-phase", "complete"
        )
        await expect(lines.filter(has_text="notes.jpg")).to_have_attribute("data-phase", "refused")
        await expect(lines.filter(has_text="empty.png")).to_contain_text("Le fichier est vide")
        await expect(lines.filter(has_text="huge.jpg")).to_contain_text("21 Mo au plus par photo")
        await until_toast(page, "error", "notes.jpg", "est pas une image")
        assert 415 not in answers  # it was not even sent


async def test_the_toasts_of_many_files_end_though_some_of_them_are_no_photos(
    stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    photos = [tmp_path / f"photo-{number}.jpg" for number in range(13)]
    for number, photo in enumerate(photos):
        photo.write_bytes(CAT.read_bytes() + f"of many {number}".encode())
    for video in photos[9:11]:
        video.write_text("Just some text in a .jpg")
    async with visitor(browser, stack.gateway.url) as someone:
        page = someone.page
        await pick(page, photos[:11])
        for photo in photos[:9]:
            await until_toast(page, "success", photo.name)
        await expect(toasts(page, "loading")).to_have_count(0)

        await modal(page).get_by_role("button", name="Fermer").click()
        await pick(page, [*photos[:10], *photos[11:]])
        await until_toast(page, "success", "11 photos analysées")
        await expect(toasts(page, "loading")).to_have_count(0)


async def test_the_bad_one_of_two_files_of_one_name_is_refused_and_the_other_goes_on(
    stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good" / "a cat.jpg", tmp_path / "bad" / "a cat.jpg"
    # What a server shows of a name may differ: controls are no text.
    odd = tmp_path / 'a "cat"\u202e.jpg'
    for path, length in ((good, None), (bad, 60), (odd, 60)):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(CAT.read_bytes()[:length])
    async with visitor(browser, stack.gateway.url) as someone:
        await pick(someone.page, [good, bad, odd])
        lines = modal(someone.page).locator("li")
        await expect(lines.nth(0)).to_have_attribute("data-phase", "complete")
        await expect(lines.nth(1)).to_have_attribute("data-phase", "refused")
        await expect(lines.nth(2)).to_have_attribute("data-phase", "refused")


async def test_a_page_that_came_by_plain_http_from_elsewhere_does_as_much(
    stack: Stack, browser: Browser
) -> None:
    async with visitor(browser, f"http://{ELSEWHERE}:{stack.gateway.port}") as someone:
        page = someone.page
        assert await page.evaluate("isSecureContext") is False
        await pick(page, PHOTOS / "flower.jpg")
        await expect(modal(page).get_by_role("link", name="Voir la photo")).to_be_visible()
        await modal(page).get_by_role("link", name="Voir la photo").click()
        await page.get_by_role("button", name="Supprimer").click()
        await page.get_by_role("button", name="Rétablir").click()
        assert someone.faults == []


async def test_photos_come_by_drop_and_by_paste(stack: Stack, browser: Browser) -> None:
    give = """([kind, name, data]) => {
        const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
        const files = new DataTransfer();
        files.items.add(new File([bytes], name, {type: 'image/jpeg'}));
        const options = {bubbles: true, cancelable: true};
        document.body.dispatchEvent(kind === 'paste'
            ? new ClipboardEvent(kind, {...options, clipboardData: files})
            : new DragEvent(kind, {...options, dataTransfer: files}));
    }"""
    photo = base64.b64encode((PHOTOS / "rocket.jpg").read_bytes()).decode()
    async with visitor(browser, stack.gateway.url) as someone:
        page = someone.page
        for kind in ("drop", "paste"):
            if kind == "drop":
                await page.evaluate(give, ["dragenter", "hover.jpg", photo])
                await expect(page.get_by_text("Déposez vos photos")).to_be_visible()
            await page.evaluate(give, [kind, f"{kind}.jpg", photo])
            await expect(page.get_by_text("Déposez vos photos")).to_have_count(0)
            await expect(modal(page)).to_contain_text(f"{kind}.jpg")
            await expect(modal(page)).to_contain_text("Photo analysée avec succès")
            await page.keyboard.press("Escape")
            await expect(modal(page)).to_have_count(0)


async def test_a_folder_that_is_dropped_is_said_to_be_none(
    stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    async with visitor(browser, stack.gateway.url) as someone:
        page = someone.page
        hand = await someone.context.new_cdp_session(page)
        dragged = {"items": [], "files": [str(tmp_path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            event = {"type": kind, "x": 400, "y": 400, "data": dragged}
            await hand.send("Input.dispatchDragEvent", event)
        await expect(page.locator("[data-sonner-toast]")).to_contain_text("dossiers ne sont pas")
        await expect(modal(page)).to_have_count(0)


async def test_a_phone_has_a_camera_and_nothing_sticks_out(stack: Stack, browser: Browser) -> None:
    async with visitor(browser, stack.gateway.url, size=PHONE, touch=True) as someone:
        page = someone.page
        camera = page.locator("input[capture=environment]").first
        await camera.set_input_files(PHOTOS / "china.jpg")
        await expect(modal(page)).to_contain_text("Photo analysée avec succès")
        width = "document.scrollingElement.scrollWidth"
        assert await page.evaluate(width) == PHONE[0]
        await at_rest(page)
        box = await modal(page).bounding_box()
        assert box is not None
        assert box["x"] == 0
        assert box["width"] == PHONE[0]
        assert box["y"] + box["height"] == pytest.approx(PHONE[1], abs=1)
        await page.get_by_role("button", name="Fermer").click()
        assert await page.evaluate(width) == PHONE[0]
        assert someone.faults == []


async def test_focus_stays_in_the_modal_and_returns_to_where_it_was(
    stack: Stack, browser: Browser
) -> None:
    inside = "document.activeElement.closest('[role=dialog]') !== null"
    async with visitor(browser, stack.gateway.url) as someone:
        page = someone.page
        button = page.get_by_role("button", name="Ajouter des photos").first
        await button.focus()
        await pick(page, CAT)
        await expect(modal(page)).to_contain_text("Photo analysée avec succès")
        for _ in range(6):
            await page.keyboard.press("Tab")
            assert await page.evaluate(inside)
        await page.keyboard.press("Escape")
        await expect(button).to_be_focused()


async def test_a_photo_that_is_not_there_says_so(stack: Stack, browser: Browser) -> None:
    async with visitor(browser, stack.gateway.url) as someone:
        page = await someone.open("/photos/999999")
        await expect(page.get_by_role("alert")).to_contain_text("existe pas ou plus")


async def test_a_photo_that_is_complete_before_its_upload_is_answered_is_shown_so(
    stack: Stack, browser: Browser
) -> None:
    async with visitor(browser, stack.gateway.url) as someone:
        page = someone.page
        await page.add_init_script(ANSWER_LATE)
        await page.reload()
        await pick(page, CAT)
        await expect(modal(page).get_by_role("link", name="Voir la photo")).to_be_visible()
        await expect(stage(page, "done")).to_have_attribute("data-state", "done")
        await until_toast(page, "success", "cat.jpg")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_serious_fault(stack: Stack, browser: Browser, scheme: str) -> None:
    async with visitor(browser, stack.gateway.url, scheme=scheme) as someone:
        page = someone.page
        # What is still fading in would be measured as it is half-way.
        await page.emulate_media(reduced_motion="reduce")
        await pick(page, [CAT, PHOTOS / "coffee.jpg"])
        await expect(modal(page)).to_contain_text("2 sur 2 prêtes")
        assert await faults_of(page) == []
        await page.keyboard.press("Escape")
        await pick(page, PHOTOS / "rocket.jpg")
        await expect(modal(page).get_by_role("link", name="Voir la photo")).to_be_visible()
        await expect(stage(page, "done")).to_have_attribute("data-state", "done")
        assert await faults_of(page) == []
        await page.keyboard.press("Escape")
        assert await faults_of(page) == []
        await page.get_by_role("link", name="File d").click()
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert await faults_of(page) == []
