"""The gallery and a photo's page in a real browser, before the three real processes."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, Locator, Page, Route, expect

from deploy.local.server import EmbeddedServer
from tests.e2e.page import card, faults_of, modal, page_settings, pick
from tests.e2e.stack import Stack, running_stack
from tests.support.api import Api
from tests.support.browser import PHONE, Visitor, chromium, running_browser, visitor
from tests.support.clients import PHOTOS, get, upload, upload_batch
from tests.support.openai_server import OpenAIServer, api_error
from tests.support.photographs import revealing
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def openai() -> AsyncIterator[OpenAIServer]:
    chromium()
    async with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with temporary_server() as server:
        yield server


@pytest.fixture(scope="module")
def stack(
    openai: OpenAIServer, server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("gallery")
    settings = {
        **page_settings(),
        "TAGLINE_PROVIDER": "openai",
        "OPENAI_API_KEY": openai.key,
        "OPENAI_BASE_URL": openai.url,
    }
    with running_stack(server.url, folder, folder / "cache", settings) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(stack: Stack) -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def nothing(stack: Stack) -> None:
    """There are no photos."""
    _, page = await get(f"{stack.gateway.url}/api/photos?limit=200")
    for photo in page["items"]:
        assert await _ask(stack, "DELETE", f"/api/photos/{photo['id']}") == 204


@pytest_asyncio.fixture(loop_scope="module")
async def photos(stack: Stack, nothing: None) -> list[int]:
    """All the photos there are: six, newest first; the first two are tagged by hand."""
    names = ("coffee", "flower", "rocket", "person", "cat", "china")
    status, answer = await upload_batch(
        stack.gateway.url, [PHOTOS / f"{name}.jpg" for name in names]
    )
    assert status == 202
    ids = [photo["id"] for photo in reversed(answer["photos"])]
    await _ended(stack, *ids)
    for photo_id, tags in ((ids[0], ["pagode", "rouge"]), (ids[1], ["chat", "rouge"])):
        assert await _ask(stack, "PUT", f"/api/photos/{photo_id}/tags", {"tags": tags}) == 200
    return ids


@pytest_asyncio.fixture(loop_scope="module")
async def someone(stack: Stack, browser: Browser, photos: list[int]) -> AsyncIterator[Visitor]:
    async with visitor(browser, stack.gateway.url) as someone:
        # What is still fading in would be measured as it is half-way.
        await someone.page.emulate_media(reduced_motion="reduce")
        await expect(card(someone.page, photos[0])).to_be_visible()
        yield someone
        assert someone.faults == []


async def _ask(stack: Stack, method: str, path: str, body: object = None) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, stack.gateway.url + path, json=body) as response,
    ):
        return response.status


async def _status(stack: Stack, photo_id: int) -> int:
    return (await get(f"{stack.gateway.url}/api/photos/{photo_id}"))[0]


async def _photo(stack: Stack, photo_id: int) -> dict[str, Any]:
    _, photo = await get(f"{stack.gateway.url}/api/photos/{photo_id}")
    return dict(photo)


async def _ended(stack: Stack, *ids: int) -> None:
    async with aiohttp.ClientSession() as session:
        for photo_id in ids:
            ended = False
            while not ended:
                async with session.get(f"{stack.gateway.url}/api/photos/{photo_id}") as answer:
                    ended = not (await answer.json())["processing"]


def _link(page: Page, photo_id: int) -> Locator:
    return card(page, photo_id).get_by_role("link")


def _search(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Chercher par tag")


@pytest.mark.usefixtures("nothing")
async def test_an_empty_gallery_says_what_to_do(stack: Stack, browser: Browser) -> None:
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
    await _link(page, photos[0]).focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Shift+ArrowRight")
    await page.keyboard.press("Shift+ArrowRight")
    await expect(page.get_by_text("3 sélectionnées")).to_be_visible()
    await expect(_link(page, photos[2])).to_be_focused()
    await _link(page, photos[2]).click(modifiers=["Shift"])
    await _link(page, photos[1]).click()
    await expect(page.get_by_text("2 sélectionnées")).to_be_visible()
    assert await faults_of(page) == []

    await page.get_by_role("button", name="Supprimer").click()
    await expect(card(page, photos[0])).to_have_count(0)
    await expect(card(page, photos[1])).to_be_visible()
    await expect(page.get_by_role("grid").get_by_role("link").first).to_be_focused()
    await page.get_by_role("button", name="Rétablir").click()
    await expect(card(page, photos[0])).to_be_visible()

    await _link(page, photos[3]).focus()
    await page.keyboard.press("Delete")
    await expect(card(page, photos[3])).to_have_count(0)
    await page.keyboard.press("Control+z")
    await expect(card(page, photos[3])).to_be_visible()

    # It is for good as soon as the page is left, as it says.
    await _link(page, photos[3]).focus()
    await page.keyboard.press("Delete")
    await expect(page.get_by_text("dès que vous quittez la page").first).to_be_visible()
    assert (await _photo(stack, photos[3]))["id"] == photos[3]
    await page.goto("/queue")

    async def is_gone() -> bool:
        return await _status(stack, photos[3]) == 404

    await wait_until(is_gone)
    await page.goto("/")
    await expect(card(page, photos[0])).to_be_visible()
    await expect(card(page, photos[3])).to_have_count(0)
    assert (await _photo(stack, photos[0]))["id"] == photos[0]


async def test_a_photos_page_tells_all_and_turns_to_the_next(
    stack: Stack, someone: Visitor, photos: list[int]
) -> None:
    page = someone.page
    await _link(page, photos[2]).click()
    await expect(page.get_by_role("heading", name="photo.jpg")).to_be_visible()
    photo = await _photo(stack, photos[2])
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
    following = await _photo(stack, photos[3])
    await expect(details).to_contain_text(following["sha256"][:12])
    await page.keyboard.press("ArrowLeft")
    await expect(page).to_have_url(re.compile(rf"/photos/{photos[2]}$"))
    await expect(details).to_contain_text(photo["sha256"][:12])
    await page.go_back()
    await expect(_link(page, photos[2])).to_be_focused()


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
    await _ended(stack, taken, copy)
    await page.goto(f"/photos/{taken}")
    details = page.get_by_role("region", name="Détails")
    await expect(details).to_contain_text("1 mai 2024")
    await expect(details).to_contain_text("14:30 (UTC+02:00)")
    await expect(details).to_contain_text("Canon EOS 5D")
    await expect(details).to_contain_text("48,85837° N ; 2,29448° E")
    photo = await _photo(stack, taken)
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
    named = [tag["name"] for tag in (await _photo(stack, photos[1]))["tags"]]
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
    assert await _ask(stack, "PUT", f"/api/photos/{photos[0]}/tags", {"tags": ["x" * 64]}) == 200
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
    await _ended(stack, *ids)
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
