"""`make screenshots`: each main state of the page as a picture in `var/screenshots/`.

What is recognized comes from the local model; where a photo has to be held at a stage, or to
fail, the provider is the stand-in.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from playwright.async_api import Browser, Page, expect

from tests.e2e.page import CAT, modal, page_settings, pick, stage, toasts
from tests.e2e.stack import Stack, running_stack
from tests.support.browser import DESKTOP, PHONE, Visitor, running_browser, visitor
from tests.support.clients import PHOTOS
from tests.support.openai_server import OpenAIServer, api_error
from tests.support.redis_server import temporary_server

FOLDER: Final = Path("var/screenshots")
BATCH: Final = [
    PHOTOS / f"{name}.jpg" for name in ("cat", "coffee", "flower", "china", "rocket", "person")
]
SETTLED_MS: Final = 900
"""How long what moves on the page takes to arrive."""

DONE: Final = "Photo analysée avec succès"


async def take(page: Page, name: str, *, settled_ms: int = SETTLED_MS) -> None:
    await page.mouse.move(2, 2)
    await page.wait_for_timeout(settled_ms)
    await page.screenshot(path=FOLDER / f"{name}.png")
    print(FOLDER / f"{name}.png")  # noqa: T201 - what there is to look at


@asynccontextmanager
async def desktop(browser: Browser, stack: Stack, scheme: str = "light") -> AsyncIterator[Visitor]:
    async with visitor(browser, stack.gateway.url, size=DESKTOP, scheme=scheme) as someone:
        yield someone


async def empty(browser: Browser, stack: Stack) -> None:
    for scheme in ("light", "dark"):
        async with desktop(browser, stack, scheme) as someone:
            await take(someone.page, f"empty-{scheme}")
    async with visitor(browser, stack.gateway.url, size=PHONE, touch=True) as someone:
        await take(someone.page, "empty-phone")


async def ends(browser: Browser, stack: Stack) -> None:
    """Photos that are complete: one, several, on a phone."""
    for scheme in ("light", "dark"):
        async with desktop(browser, stack, scheme) as someone:
            page = someone.page
            await pick(page, CAT)
            await expect(modal(page)).to_contain_text(DONE)
            await take(page, f"complete-{scheme}")
            await page.keyboard.press("Escape")
            await pick(page, BATCH)
            await expect(modal(page)).to_contain_text("6 sur 6 prêtes")
            await take(page, f"batch-complete-{scheme}")
            await page.keyboard.press("Escape")
            await page.wait_for_timeout(4_500)  # until the toasts have gone
            await take(page, f"gallery-{scheme}")
    async with visitor(browser, stack.gateway.url, size=PHONE, touch=True) as someone:
        page = someone.page
        await take(page, "gallery-phone")
        await pick(page, PHOTOS / "coffee.jpg")
        await expect(modal(page)).to_contain_text(DONE)
        await take(page, "complete-phone")


async def works(browser: Browser, stack: Stack, openai: OpenAIServer, folder: Path) -> None:
    """Photos in work, held there; put aside; cancelled."""
    for scheme in ("light", "dark"):
        openai.answering.clear()
        async with desktop(browser, stack, scheme) as someone:
            page = someone.page
            await pick(page, fresh(folder, f"working-{scheme}"))
            await expect(stage(page, "ai")).to_have_attribute("data-state", "active")
            await take(page, f"working-{scheme}")
            await page.keyboard.press("Escape")
            await take(page, f"tray-{scheme}")
            openai.answering.set()
    openai.answering.clear()
    async with visitor(browser, stack.gateway.url, size=PHONE, touch=True) as someone:
        page = someone.page
        await pick(page, fresh(folder, "working-phone"))
        await expect(stage(page, "ai")).to_have_attribute("data-state", "active")
        await take(page, "working-phone")
        await modal(page).get_by_role("button", name="Annuler").click()
        await take(page, "cancelled-phone")
    openai.answering.set()


async def many(browser: Browser, stack: Stack, openai: OpenAIServer, folder: Path) -> None:
    """A batch of which some photos are done, some in work and some refused."""
    notes = folder / "notes.jpg"
    notes.write_text("Just some text in a .jpg\n" * 9)
    async with desktop(browser, stack) as someone:
        page = someone.page
        await pick(page, BATCH[:2])
        await expect(modal(page)).to_contain_text("2 sur 2 prêtes")
        await page.keyboard.press("Escape")
        openai.answering.clear()
        await pick(page, [*BATCH, notes])
        await expect(modal(page).locator("li[data-phase=complete]")).to_have_count(2)
        await expect(modal(page).locator("li[data-phase=working]")).to_have_count(4)
        await take(page, "batch-working")
        openai.answering.set()


async def failures(browser: Browser, stack: Stack, openai: OpenAIServer, folder: Path) -> None:
    """Photos that wait in line, are tried again, fail, are refused."""
    async with desktop(browser, stack) as someone:
        page = someone.page
        openai.replies.append(api_error(500))
        await pick(page, fresh(folder, "retrying"))
        await expect(toasts(page, "warning")).to_be_visible()
        await take(page, "retrying", settled_ms=350)
        await expect(modal(page)).to_contain_text(DONE)
    for scheme in ("light", "dark"):
        async with desktop(browser, stack, scheme) as someone:
            page = someone.page
            openai.replies.append(api_error(401, "invalid_api_key"))
            await pick(page, fresh(folder, f"error-{scheme}"))
            await expect(toasts(page, "error")).to_be_visible()
            await take(page, f"error-{scheme}")
    async with desktop(browser, stack) as someone, aiohttp.ClientSession() as session:
        page = someone.page
        queue = f"{stack.gateway.url}/api/queues/tagging"
        await session.post(f"{queue}/pause")
        await pick(page, fresh(folder, "queued"))
        await expect(modal(page)).to_contain_text("Prochaine")
        await take(page, "queued")
        await session.post(f"{queue}/resume")
        notes = folder / "notes.jpg"
        notes.write_text("Just some text in a .jpg\n" * 9)
        await page.keyboard.press("Escape")
        await pick(page, notes)
        await expect(toasts(page, "error")).to_be_visible()
        await take(page, "refused")


def fresh(folder: Path, name: str) -> Path:
    """Return a cat whose answer no cache knows."""
    (folder / name).mkdir(exist_ok=True)
    photo = folder / name / "cat.jpg"
    photo.write_bytes(CAT.read_bytes() + name.encode())
    return photo


async def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, temporary_server() as server:
        folder = Path(name)
        async with OpenAIServer() as openai, running_browser() as browser:
            with running_stack(server.url, folder, Path("var/cache"), page_settings()) as stack:
                await empty(browser, stack)
                await ends(browser, stack)
            stand_in = {
                **page_settings(),
                "TAGLINE_PROVIDER": "openai",
                "OPENAI_API_KEY": openai.key,
                "OPENAI_BASE_URL": openai.url,
            }
            with running_stack(server.url, folder, Path("var/cache"), stand_in) as stack:
                await works(browser, stack, openai, folder)
                await many(browser, stack, openai, folder)
                await failures(browser, stack, openai, folder)


if __name__ == "__main__":
    asyncio.run(main())
