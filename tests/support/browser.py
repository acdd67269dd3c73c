"""A real Chromium, driven by Playwright. It has to be there: nothing is downloaded."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.support.needs import missing

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
ELSEWHERE: Final = "tagline.test"
"""A name of this machine that browsers take for another: they trust its plain HTTP less."""

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
)
OURS: Final = ("http://127.0.0.1:", f"http://{ELSEWHERE}:", "blob:", "data:")
REMEMBER_TOASTS: Final = """(() => {
    const shown = window.shownToasts = [];
    const remember = ({ dataset, textContent }) => {
        const said = `${dataset.type}: ${textContent}`;
        if (!shown.includes(said)) shown.push(said);
    };
    new MutationObserver(() => {
        document.querySelectorAll('[data-sonner-toast]').forEach(remember);
    }).observe(document, {
        subtree: true, childList: true, characterData: true, attributeFilter: ['data-type'],
    });
})()"""
"""Keeps what toasts have said: on a busy machine they are gone before they are looked for."""

DESKTOP: Final = (1280, 860)
PHONE: Final = (390, 844)


def chromium() -> str:
    """Return the path of a Chromium. Without one a test is skipped; on CI it fails."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing("there is no Chromium: install one, such as Debian's package chromium")
    return found


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    path = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, headless=True, args=ARGUMENTS
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visitor(
    browser: Browser,
    url: str,
    *,
    locale: str = "fr-FR",
    size: tuple[int, int] = DESKTOP,
    touch: bool = False,
    scheme: str = "light",
    script: str = "",
) -> AsyncIterator[Visitor]:
    """Somebody with a browser of their own, who has opened the page at `url`.

    `script` runs in each tab before anything of the page does.
    """
    width, height = size
    context = await browser.new_context(
        base_url=url,
        locale=locale,
        viewport={"width": width, "height": height},
        has_touch=touch,
        is_mobile=touch,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    for each in filter(None, (REMEMBER_TOASTS, script)):
        await context.add_init_script(each)
    someone = Visitor(context)
    try:
        await someone.open()
        yield someone
    finally:
        await context.close()


class Visitor:
    """A person's browser: tabs that share its storage, and what went wrong in any of them."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.faults: list[str] = []
        """Exceptions, breaches of the page's policy, and requests to other hosts."""

        self.page: Page
        context.on("weberror", lambda error: self.faults.append(str(error.error)))

    async def open(self, path: str = "/") -> Page:
        """Open a tab."""
        page = await self.context.new_page()
        self.page = page
        page.on(
            "console",
            lambda message: (
                self.faults.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(OURS)
                else self.faults.append(f"request to {request.url}")
            ),
        )
        await page.goto(path)
        await page.wait_for_selector("main")
        return page
