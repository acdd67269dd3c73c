"""The queue page in a real browser: what operators see of the real processes, and do to them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from shared import keys
from shared.redis import closing, connect
from shared.spending import DAY_S
from tests.e2e.page import CAT, faults_of, modal, page_settings, until_toast
from tests.e2e.stack import Stack
from tests.support.browser import PHONE, Visitor, visitor
from tests.support.clients import get, upload
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEAD = "/queue?state=dead"
WAITING = "/queue?state=waiting"


@pytest.fixture(scope="module")
def settings(openai: OpenAIServer) -> Mapping[str, str]:
    """One photo at a time, so that others wait."""
    return {**page_settings(), **openai.settings, "TAGLINE_THREADS": "1"}


@pytest_asyncio.fixture(loop_scope="module")
async def someone(stack: Stack, browser: Browser) -> AsyncIterator[Visitor]:
    async with visitor(browser, stack.gateway.url) as someone:
        yield someone
        assert someone.faults == []


@pytest.fixture
def held(openai: OpenAIServer) -> Iterator[OpenAIServer]:
    """A provider that answers nobody until it is told to."""
    openai.answering.clear()
    yield openai
    openai.answering.set()


@pytest.fixture
def refusing(openai: OpenAIServer) -> Iterator[OpenAIServer]:
    """A provider that takes another key than ours, until it is mended."""
    ours, openai.key = openai.key, "sk-another"
    yield openai
    openai.key = ours


class Photos:
    """Uploads photos that nobody has seen before."""

    def __init__(self, gateway: str, name: str) -> None:
        self.gateway = gateway
        self._name = name
        self._sent = 0

    async def send(self, priority: str = "normal") -> int:
        """Upload a photo; returns its ID."""
        self._sent += 1
        # Bytes after the end of a JPEG change nothing but its hash.
        photo = CAT.read_bytes() + f"{self._name} {self._sent}".encode()
        status, answer = await upload(self.gateway, photo, priority=priority)
        assert status == 202
        return int(answer["id"])

    async def until(self, photo_id: int, status: str) -> None:
        async def reached() -> bool:
            _, photo = await get(f"{self.gateway}/api/photos/{photo_id}")
            return bool(photo["status"] == status)

        await wait_until(reached, what=f"photo {photo_id} is {status}", timeout_s=20)

    async def queue(self) -> Mapping[str, Any]:
        _, queues = await get(f"{self.gateway}/api/queues")
        found: Mapping[str, Any] = queues["items"][0]
        return found


@pytest.fixture
def photos(stack: Stack, request: pytest.FixtureRequest) -> Photos:
    return Photos(stack.gateway.url, request.node.name)


async def opened(someone: Visitor, path: str) -> Page:
    await someone.page.goto(path)
    return someone.page


def row(page: Page, photo_id: int) -> Locator:
    """A job of the list."""
    return page.locator("[data-job]").filter(
        has=page.get_by_role("link", name=f"Photo {photo_id}", exact=True)
    )


def counted(page: Page, state: str) -> Locator:
    """How many there are in a state."""
    return page.get_by_role("navigation", name="État de la file").get_by_role(
        "link", name=re.compile(f"^{state}")
    )


def button(within: Page | Locator, name: str) -> Locator:
    return within.get_by_role("button", name=name, exact=True)


async def test_a_dead_job_is_shown_with_its_reason_and_retried(
    someone: Visitor, refusing: OpenAIServer, photos: Photos
) -> None:
    photo = await photos.send()
    await photos.until(photo, "error")
    page = await opened(someone, "/queue")
    # Nobody has chosen a list: it is the one that needs somebody.
    await expect(row(page, photo)).to_contain_text("provider_auth")
    await expect(row(page, photo)).to_contain_text("essai 1")
    await expect(counted(page, "En échec")).to_contain_text("1")
    await button(row(page, photo), f"Détails de la photo {photo}").click()
    attempts = row(page, photo).get_by_role("list", name="Essais")
    await expect(attempts.get_by_role("listitem")).to_contain_text("échoué")

    refusing.key = "sk-test"
    await button(row(page, photo), f"Réessayer la photo {photo}").click()
    await until_toast(page, "success", "remise en file")
    await expect(page.get_by_text("Aucun échec", exact=True)).to_be_visible()
    await expect(counted(page, "En échec")).to_contain_text("0")
    await photos.until(photo, "complete")


async def test_a_spent_budget_is_said_with_its_end_and_with_what_was_spent(
    someone: Visitor, stack: Stack
) -> None:
    # Given an endpoint whose budget is spent, as its tagger would have said
    async with closing(connect(stack.gateway.environment["REDIS_URL"])) as redis:
        now_s, _ = await redis.time()
        await redis.hset(keys.gate("dear"), "provider", "dear")
        await redis.hset(keys.gate("dear"), "budget_nanousd", 2_000_000_000)
        await redis.hset(keys.spent(now_s // DAY_S), "nanousd", 2_000_000_000)
        await redis.hset(keys.spent(now_s // DAY_S), "dear|m|nanousd", 1_990_000_000)
        await redis.zadd(keys.gates(), {"dear": now_s * 1000 + 3_600_000})

        page = await opened(someone, "/queue")
        await expect(page.get_by_text("Le budget du jour est épuisé.")).to_be_visible()
        await expect(page.get_by_text("ou que le budget soit relevé")).to_be_visible()
        cost = page.get_by_role("region", name="Coût", exact=True)
        await expect(cost).to_contain_text("sur 2,00 $ par jour")
        await expect(cost).to_contain_text("1,99 $")
        gate = page.get_by_role("listitem").filter(has_text="dear")
        await expect(gate).to_contain_text("Budget épuisé")
        assert await faults_of(page) == []

        # If it is no longer heard of
        await redis.zrem(keys.gates(), "dear")
        await redis.delete(keys.gate("dear"), keys.spent(now_s // DAY_S))
        await expect(page.get_by_text("Le budget du jour est épuisé.")).to_have_count(0)


async def test_nothing_starts_in_a_pause_and_what_waits_can_be_cancelled(
    someone: Visitor, openai: OpenAIServer, photos: Photos
) -> None:
    page = await opened(someone, WAITING)
    await button(page, "Mettre en pause").click()
    await expect(page.get_by_text("En pause.")).to_be_visible()
    asked = len(openai.calls)
    sent = [await photos.send(priority="low") for _ in range(13)]

    # It is seen as it comes, newest first, a page at a time.
    await expect(counted(page, "En attente")).to_contain_text("basse 13")
    await expect(page.locator("[data-job]")).to_have_count(12)
    await expect(row(page, sent[-1])).to_be_visible()
    await button(page, "Plus anciennes").click()
    await button(row(page, sent[0]), f"Annuler la photo {sent[0]}").click()
    # Its page is empty now, so it is the one before that is shown.
    await expect(page.locator("[data-job]")).to_have_count(12)
    await photos.until(sent[0], "cancelled")

    await button(page, "Tout annuler").click()
    await button(modal(page), "Tout annuler").click()
    await expect(modal(page)).to_contain_text("12 photos traitées")
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("Rien n\u2019attend")).to_be_visible()
    await photos.until(sent[1], "cancelled")

    last = await photos.send()
    await expect(row(page, last)).to_be_visible()
    queue = await photos.queue()
    assert (queue["active"], queue["workers"], len(openai.calls)) == (0, 1, asked)
    await button(page, "Reprendre").click()
    await photos.until(last, "complete")
    await expect(row(page, last)).to_have_count(0)
    await expect(button(page, "Mettre en pause")).to_be_enabled()


async def test_numbers_and_charts_move_by_themselves_and_can_be_read_without_seeing(
    someone: Visitor, held: OpenAIServer, photos: Photos
) -> None:
    page = await opened(someone, "/queue?state=active")
    chart = page.get_by_role("region", name="Débit")
    ready = chart.get_by_role("listitem").filter(has_text="prêtes").locator("b")
    before = int(await ready.inner_text())
    photo = await photos.send(priority="high")
    await expect(row(page, photo)).to_contain_text("haute")
    await expect(counted(page, "En cours")).to_contain_text("1")
    provider = page.get_by_role("region", name="Fournisseur d\u2019IA")
    await expect(provider).to_contain_text("1 appel en cours")
    await expect(provider).to_contain_text("Disponible")

    held.answering.set()
    await expect(ready).to_have_text(str(before + 1))
    await expect(page.get_by_text("Rien n\u2019est en cours")).to_be_visible()
    await expect(chart.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(f" {before + 1} photos prêtes")
    )
    scrub = chart.get_by_role("slider", name="Débit : Minute")
    await scrub.focus()
    await page.keyboard.press("Home")
    await expect(scrub).to_have_attribute("aria-valuetext", re.compile("prêtes 0, échouées 0"))
    await chart.get_by_text("En tableau").click()
    await expect(chart.get_by_role("row")).to_have_count(61)
    stages = page.get_by_role("region", name="Durée des étapes")
    await expect(stages.get_by_role("row", name="Sauvegarde")).to_contain_text(
        re.compile(r"\d\sms")
    )


async def test_dead_ones_are_dropped_and_axe_finds_no_serious_fault_on_the_way(
    stack: Stack, browser: Browser, refusing: OpenAIServer, photos: Photos
) -> None:
    dead = [await photos.send() for _ in range(3)]
    for photo in dead:
        await photos.until(photo, "error")
    async with visitor(browser, stack.gateway.url, size=PHONE, touch=True) as someone:
        page = await opened(someone, DEAD)
        await button(row(page, dead[1]), f"Détails de la photo {dead[1]}").click()
        await expect(row(page, dead[1]).get_by_role("list", name="Essais")).to_be_visible()
        await page.get_by_text("En tableau").first.click()
        assert await page.evaluate("document.scrollingElement.scrollWidth") == PHONE[0]
        assert await faults_of(page) == []

        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        assert await faults_of(page) == []
        await button(row(page, dead[0]), f"Retirer la photo {dead[0]} de la liste").click()
        await expect(page.locator("[data-job]")).to_have_count(2)
        await button(page, "Tout retirer").click()
        await expect(modal(page)).to_contain_text("2 photos")
        await button(modal(page), "Ne rien changer").click()
        assert (await photos.queue())["dead"] == 2

        await button(page, "Tout retirer").click()
        await button(modal(page), "Tout retirer").click()
        await expect(modal(page)).to_contain_text("2 photos traitées")
        await button(modal(page), "Fermer").click()
        await expect(page.get_by_text("Aucun échec", exact=True)).to_be_visible()
        assert (await photos.queue())["dead"] == 0
        assert someone.faults == []


async def test_old_figures_are_said_to_be_old_in_either_language(
    stack: Stack, browser: Browser
) -> None:
    async with visitor(browser, stack.gateway.url, locale="en-GB") as someone:
        page = await opened(someone, "/queue")
        await expect(page.get_by_role("heading", name="Queue", level=1)).to_be_visible()
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        await page.route("**/api/**", lambda route: route.abort())
        await expect(page.get_by_text("Figures from")).to_be_visible()
        await expect(page.get_by_role("status").filter(has_text="Trying again")).to_contain_text(
            "The server cannot be reached."
        )
        await page.unroute("**/api/**")
        await button(page, "Language : fr").click()
        await expect(page.get_by_text("En direct", exact=True)).to_be_visible()
        await expect(page.get_by_role("heading", level=1)).to_have_text("File d\u2019attente")
