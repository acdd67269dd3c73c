"""The page when things go wrong in mid-progress: what it shows is where the photo really is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import redis
from playwright.async_api import Browser, Page, expect

from shared import keys
from tests.e2e.page import (
    CAT,
    WATCH_STAGES,
    card,
    faults_of,
    modal,
    page_settings,
    pick,
    stage,
    toasts,
    until_toast,
)
from tests.e2e.stack import Stack
from tests.support.api import Api
from tests.support.browser import Visitor, visitor
from tests.support.clients import upload
from tests.support.hostile import ONERROR, SCRIPT
from tests.support.openai_server import OpenAIServer, api_error
from tests.support.processes import ServiceProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

DONE = "Photo analysée avec succès"


@pytest.fixture(scope="module")
def settings(openai: OpenAIServer) -> Mapping[str, str]:
    return {**page_settings(), **openai.settings}


@pytest_asyncio.fixture(loop_scope="module")
async def someone(stack: Stack, browser: Browser) -> AsyncIterator[Visitor]:
    async with visitor(browser, stack.gateway.url, script=WATCH_STAGES) as someone:
        yield someone
        assert someone.faults == []


@pytest.fixture
def held(openai: OpenAIServer) -> Iterator[OpenAIServer]:
    """A provider that answers nobody until it is told to."""
    openai.answering.clear()
    yield openai
    openai.answering.set()


@pytest.fixture
def photo(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A photo of this test alone, whose answer no cache knows."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(CAT.read_bytes() + request.node.name.encode())
    return path


async def _reach(page: Page, name: str) -> None:
    await expect(stage(page, name)).to_have_attribute("data-state", "active")


async def test_a_reload_finds_the_modal_where_the_photo_is(
    someone: Visitor, held: OpenAIServer, photo: Path
) -> None:
    page = someone.page
    await pick(page, photo)
    await _reach(page, "ai")

    await page.reload()
    await _reach(page, "ai")
    await expect(stage(page, "analyzing")).to_have_attribute("data-state", "done")
    await expect(modal(page).get_by_role("progressbar")).to_have_attribute("aria-valuenow", "30")
    await expect(toasts(page, "loading")).to_contain_text("cat.jpg")

    held.answering.set()
    await expect(modal(page)).to_contain_text(DONE)
    await until_toast(page, "success", "cat.jpg")


async def test_a_second_tab_follows_and_both_see_the_end(
    someone: Visitor, held: OpenAIServer, photo: Path
) -> None:
    first = someone.page
    await pick(first, photo)
    await _reach(first, "ai")

    second = await someone.open()
    await second.locator("[data-photo]").first.get_by_role("button", name="IA").click()
    await _reach(second, "ai")

    held.answering.set()
    await expect(modal(first)).to_contain_text(DONE)
    await expect(modal(second)).to_contain_text(DONE)
    await second.keyboard.press("Escape")
    await expect(second.locator("[data-photo]").first).to_contain_text("chat")


async def test_a_notifier_that_is_killed_in_mid_progress_loses_nothing(
    someone: Visitor, stack: Stack, held: OpenAIServer, photo: Path
) -> None:
    page = someone.page
    await pick(page, photo)
    await _reach(page, "ai")

    stack.notifier.kill()
    await expect(page.get_by_role("status").first).to_be_attached()
    held.answering.set()
    stack.notifier.start().wait_ready()

    await expect(modal(page)).to_contain_text(DONE)
    bars = await page.evaluate("seenBars")
    assert bars == sorted(bars)
    await expect(page.locator("[data-link]")).to_have_count(0)


async def test_without_a_notifier_the_photo_is_asked_for(
    someone: Visitor, stack: Stack, held: OpenAIServer, photo: Path
) -> None:
    page = someone.page
    await pick(page, photo)
    await _reach(page, "ai")
    stack.notifier.kill()
    held.answering.set()

    await expect(stage(page, "done")).to_have_attribute("data-state", "done")
    await until_toast(page, "success", "cat.jpg")
    stack.notifier.start().wait_ready()


async def test_a_cancelled_photo_says_so_and_can_be_tried_again(
    someone: Visitor, held: OpenAIServer, photo: Path
) -> None:
    page = someone.page
    await pick(page, photo)
    await _reach(page, "ai")

    await modal(page).get_by_role("button", name="Annuler").click()
    await expect(modal(page)).to_contain_text("Analyse annulée")
    await expect(page.locator("[data-sonner-toast]")).to_contain_text("annulée")

    held.answering.set()
    await modal(page).get_by_role("button", name="Réessayer").click()
    await expect(modal(page)).to_contain_text(DONE)


async def test_a_photo_that_somebody_else_has_deleted_is_not_tried_again(
    someone: Visitor, stack: Stack, held: OpenAIServer, photo: Path
) -> None:
    page = someone.page
    await pick(page, photo)
    await _reach(page, "ai")
    await modal(page).get_by_role("button", name="Annuler").click()
    await expect(modal(page)).to_contain_text("Analyse annulée")
    photo_id = await page.locator("[data-photo]").first.get_attribute("data-photo")
    answer = await Api(stack.gateway.url).call("DELETE", f"/api/photos/{photo_id}")
    assert answer.status == 204
    await modal(page).get_by_role("button", name="Réessayer").click()
    await expect(modal(page)).to_contain_text("Cette photo a été supprimée")
    await expect(modal(page).get_by_role("button", name="Réessayer")).to_have_count(0)


async def test_put_aside_it_goes_on_in_the_tray(
    someone: Visitor, held: OpenAIServer, photo: Path
) -> None:
    page = someone.page
    await pick(page, photo)
    await _reach(page, "ai")

    await modal(page).get_by_role("button", name="Mettre de côté").click()
    await expect(modal(page)).to_have_count(0)
    await toasts(page, "loading").get_by_role("button", name="Fermer").click()
    await expect(toasts(page, "loading")).to_have_count(0)
    tray = page.get_by_role("region", name="Analyses en cours")
    await expect(tray).to_contain_text("Génération des tags")
    assert await faults_of(page) == []
    await tray.get_by_role("button", name="Voir la progression").click()
    await _reach(page, "ai")
    await page.keyboard.press("Escape")
    held.answering.set()
    await expect(tray).to_contain_text(DONE)


async def test_a_toast_that_was_put_away_stays_so_until_the_photo_is_done(
    someone: Visitor, stack: Stack, held: OpenAIServer, photo: Path
) -> None:
    page = someone.page
    api = Api(stack.gateway.url)
    await api.post("/api/queues/tagging/pause")
    try:
        await pick(page, photo)
        await expect(toasts(page, "loading")).to_be_visible()
        await page.keyboard.press("Escape")
        await toasts(page, "loading").get_by_role("button", name="Fermer").click()
        await expect(toasts(page, "loading")).to_have_count(0)
    finally:
        await api.post("/api/queues/tagging/resume")
    tray = page.get_by_role("region", name="Analyses en cours")
    await expect(tray).to_contain_text("Génération des tags")
    await expect(toasts(page, "loading")).to_have_count(0)
    held.answering.set()
    await until_toast(page, "success", "cat.jpg")


async def test_a_photo_that_is_tried_again_says_so(
    someone: Visitor, openai: OpenAIServer, photo: Path
) -> None:
    page = someone.page
    openai.replies.append(api_error(500))
    await pick(page, photo)
    await until_toast(page, "warning", "nouvel essai")
    await expect(modal(page)).to_contain_text(DONE)
    bars = await page.evaluate("seenBars")
    assert bars == sorted(bars)


async def test_a_wrong_key_is_told_with_its_reason_and_a_retry_works_once_it_is_right(
    someone: Visitor, stack: Stack, photo: Path
) -> None:
    page = someone.page
    stack.tagger.kill()
    wrong = {**stack.tagger.environment, "OPENAI_API_KEY": "sk-wrong"}
    with ServiceProcess("tagger", wrong) as tagger:
        tagger.wait_ready()
        await pick(page, photo)
        await until_toast(page, "error", "cat.jpg : échec")
        await until_toast(page, "error", "accepte pas la clé")
        await expect(stage(page, "ai")).to_have_attribute("data-state", "failed")
        await expect(modal(page).get_by_role("alert")).to_contain_text("accepte pas la clé")
        tagger.kill()
    stack.tagger.start().wait_ready()

    await modal(page).get_by_role("button", name="Réessayer").click()
    await expect(modal(page)).to_contain_text(DONE)
    await until_toast(page, "success", "cat.jpg")


async def test_markup_is_shown_as_text_wherever_it_comes_from(
    stack: Stack, browser: Browser, photo: Path
) -> None:
    # Given a photo of which more was stored than a tagger lets in today
    _, answer = await upload(stack.gateway.url, photo)
    photo_id, dialogs = answer["id"], list[str]()
    tag = {"id": 1, "name": ONERROR, "confidence": 0.9, "source": "ai"}
    said = {"original_name": ONERROR, "caption": SCRIPT, "alt": ONERROR, "tags": json.dumps([tag])}
    async with visitor(browser, stack.gateway.url) as someone:
        page = someone.page
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        await page.goto(f"/photos/{photo_id}")
        await expect(page.locator("article")).to_have_attribute("data-status", "complete")
        with redis.Redis.from_url(stack.tagger.environment["REDIS_URL"]) as client:
            client.hset(keys.photo(photo_id), mapping=dict(said))
        await page.reload()
        await expect(page.get_by_role("heading", name=ONERROR)).to_be_visible()
        await expect(page.get_by_role("list", name="Tags")).to_contain_text(ONERROR)
        await expect(page.get_by_text(SCRIPT)).to_be_visible()
        await expect(page.get_by_alt_text(ONERROR, exact=True)).to_be_visible()
        injected = page.locator("[onerror], img[src='x'], main script")
        assert await injected.count() == 0
        await page.goto("/")
        await expect(card(page, photo_id)).to_contain_text(ONERROR)
        assert await injected.count() == 0
        assert (dialogs, someone.faults) == ([], [])
