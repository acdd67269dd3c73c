"""The page as it was built, and what visitors do with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from playwright.async_api import Locator, Page, expect

from tests.support.clients import PHOTOS
from tests.support.processes import ROOT
from tests.support.waiting import wait_until

CAT: Final = PHOTOS / "cat.jpg"
AXE: Final = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
PAGE: Final = ROOT / "web" / "dist"
WAIT_MS: Final = 20_000
"""How long a visitor waits for what is to come at last; the machine may be busy."""

expect.set_options(timeout=WAIT_MS)

WATCH_STAGES: Final = """(() => {
    const seen = window.seenStages = [];
    const note = (step) => {
        const said = `${step.dataset.stage} ${step.dataset.state}`;
        if (!seen.includes(said)) seen.push(said);
    };
    const bars = window.seenBars = [];
    new MutationObserver((changes) => {
        for (const { target, addedNodes } of changes) {
            if (target.dataset?.stage) note(target);
            if (target.role === 'progressbar') bars.push(Number(target.ariaValueNow));
            for (const node of addedNodes) {
                node.querySelectorAll?.('[data-stage]').forEach(note);
            }
        }
    }).observe(document, {
        subtree: true, childList: true, attributeFilter: ['data-state', 'aria-valuenow'],
    });
})()"""
"""Notes every state that a stage of the modal has had, and every value of its bar."""


ANSWER_LATE: Final = """(() => {
    const ended = new Promise((resolve) => {
        window.WebSocket = class extends WebSocket {
            constructor(...given) {
                super(...given);
                this.addEventListener('message', ({ data }) => {
                    if (data.includes('photo:complete')) setTimeout(resolve);
                });
            }
        };
    });
    const { set } = Object.getOwnPropertyDescriptor(XMLHttpRequestEventTarget.prototype, 'onload');
    Object.defineProperty(XMLHttpRequest.prototype, 'onload', {
        set(hear) { set.call(this, (event) => ended.then(() => hear.call(this, event))); },
    });
})()"""
"""Has the page hear of an upload's answer once a photo's last event has come."""


def page_settings() -> dict[str, str]:
    """Return what the gateway is told so that it serves the page."""
    assert (PAGE / "index.html").is_file(), "the page is not built: make web/dist/.made"
    return {"TAGLINE_PAGE_DIR": str(PAGE)}


async def pick(page: Page, photos: Path | Sequence[Path]) -> None:
    """Choose files, as the button's dialog would."""
    await page.locator("input[type=file][multiple]").first.set_input_files(photos)


def modal(page: Page) -> Locator:
    return page.get_by_role("dialog")


def stage(page: Page, name: str) -> Locator:
    return modal(page).locator(f"[data-stage={name}]")


def toasts(page: Page, kind: str) -> Locator:
    return page.locator(f"[data-sonner-toast][data-type={kind}]")


async def until_toast(page: Page, kind: str, *texts: str) -> None:
    """Wait until one toast of a kind has said all that; it may be gone by now."""

    async def shown() -> bool:
        said: list[str] = await page.evaluate("shownToasts")
        return any(
            each.startswith(f"{kind}: ") and all(text in each for text in texts) for each in said
        )

    await wait_until(shown, timeout_s=WAIT_MS / 1000, what=f"a toast {kind} says {texts}")


def card(page: Page, photo_id: int) -> Locator:
    """A photo in the grid."""
    return page.locator(f"[data-photo='{photo_id}']")


_END_ANIMATIONS = """() => document.getAnimations()
    .filter((each) => Number.isFinite(each.effect?.getComputedTiming().endTime))
    .forEach((each) => each.finish())"""


async def at_rest(page: Page) -> None:
    """End what moves or fades, so that it is measured where it comes to stand."""
    await page.evaluate(_END_ANIMATIONS)


_AXE_RUN: Final = """axe.run({
    resultTypes: ['violations'], rules: { 'label-content-name-mismatch': { enabled: true } },
})"""
"""With a rule that axe tries: what is written on a button is said of it."""


async def faults_of(page: Page) -> list[str]:
    """Return what axe finds that is serious, or that the page has no title: rule and elements."""
    await at_rest(page)  # what is still fading in has no contrast yet
    await page.evaluate(AXE.read_text())
    found = await page.evaluate(_AXE_RUN)
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']]}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"} or each["id"] == "page-has-heading-one"
    ]
