"""The stage that the README shows, word for word, before the real services and the real page."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser, expect

from tests.e2e.page import CAT, WATCH_STAGES, modal, page_settings, pick, stage
from tests.e2e.stack import Stack
from tests.support.browser import visitor
from tests.support.clients import get, upload, websocket
from tests.support.processes import ROOT, ServiceProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

PIPELINE = "analyzing,watermark,ai,saving"
BROKEN = """
from services.tagger.stages.stage import Stage

STAGE = Stage(id="broken", share=1, icon="zap", labels={"fr": "Cassé", "en": "Broken"},
              run=lambda work: 1 / 0)
"""


def readme_stage() -> tuple[str, str]:
    """Return the name of the file that the README shows, and its text."""
    section = (ROOT / "README.md").read_text().partition("\n## A stage of your own\n")[2]
    found = re.search(r"`stages/(\w+)\.py`:\n\n```python\n(.*?)```\n", section, re.DOTALL)
    assert found
    assert f"TAGLINE_PIPELINE={PIPELINE} make run" in section
    return found[1], found[2]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    name, text = readme_stage()
    assert text.count("\n") < 20
    (folder / f"{name}.py").write_text(text)
    (folder / "broken.py").write_text(BROKEN)
    return folder


@pytest.fixture(scope="module")
def settings(stages: Path) -> Mapping[str, str]:
    return {
        **page_settings(),
        "TAGLINE_PIPELINE": PIPELINE,
        "TAGLINE_STAGES_DIR": str(stages),
        "TAGLINE_MAX_ATTEMPTS": "1",
    }


def marked() -> bytes:
    """A cat with something white in the corner."""
    with Image.open(CAT) as cat:
        cat.paste("white", (cat.width - 60, cat.height - 20, cat.width - 10, cat.height - 10))
        jpeg = io.BytesIO()
        cat.save(jpeg, "JPEG", quality=95)
    return jpeg.getvalue()


async def tagged(stack: Stack, photo: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return what is told of a photo until it ends: its progress, and its end."""
    async with websocket(stack.notifier.url) as heard:
        headers = {"X-Socket-Id": heard.socket_id}
        status, _ = await upload(stack.gateway.url, photo, headers=headers, locale="en")
        assert status == 202
        async with asyncio.timeout(60):
            while heard.events[-1][0] not in {"photo:complete", "photo:error"}:
                heard.changed.clear()
                await heard.changed.wait()
    told = [data for name, data in heard.events if name == "photo:progress"]
    return [data for data in told if data["stage"] != "queued"], heard.events[-1][1]


async def test_its_events_come_in_their_order_with_its_label_and_what_it_found_is_kept(
    stack: Stack,
) -> None:
    told, end = await tagged(stack, marked())

    assert [(data["stage"], data["progress"]) for data in told] == [
        ("analyzing", 10),
        ("watermark", 23),
        ("ai", 30),
        ("saving", 70),
        ("done", 100),
    ]
    assert (told[1]["message"], told[1]["label"], told[1]["icon"]) == (
        "Watermark...",
        "Watermark",
        "stamp",
    )
    # What clients know needs no words of its own
    assert all("label" not in data and "icon" not in data for data in (told[0], *told[2:]))

    photo = (await get(f"{stack.gateway.url}/api/photos/{end['photoId']}"))[1]
    assert photo == end["photo"]
    assert 0.02 < photo["extra"]["watermark"]["white"] < 0.5
    names = {tag["name"]: tag["confidence"] for tag in photo["tags"]}
    assert names["watermark"] == 0.5
    assert "cat" in names


async def test_the_api_lists_it_and_its_times_are_kept(stack: Stack) -> None:
    _, end = await tagged(stack, CAT.read_bytes())
    listed = (await get(f"{stack.gateway.url}/api/stages"))[1]
    job = (await get(f"{stack.gateway.url}/api/jobs/{end['photo']['jobId']}"))[1]
    statistics = (await get(f"{stack.gateway.url}/api/stats"))[1]

    assert [each["id"] for each in listed] == ["analyzing", "watermark", "ai", "saving", "done"]
    assert listed[1] == {"id": "watermark", "progress": 23, "label": "Filigrane", "icon": "stamp"}
    assert end["photo"]["extra"] == {"watermark": {"white": 0.0}}
    assert "watermark" not in [tag["name"] for tag in end["photo"]["tags"]]
    assert list(job["attempts"][0]["stageMs"]) == ["analyzing", "watermark", "ai", "saving"]
    assert statistics["stages"]["watermark"]["count"] >= 1


async def test_the_page_shows_it_with_its_label_and_icon(
    stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    photo = tmp_path / "marked.jpg"
    photo.write_bytes(marked())
    async with visitor(browser, stack.gateway.url, script=WATCH_STAGES) as someone:
        page = someone.page
        await pick(page, photo)
        await expect(stage(page, "watermark")).to_have_attribute("data-state", "done")
        await expect(stage(page, "watermark")).to_contain_text("Filigrane")
        await expect(stage(page, "watermark").locator("svg.lucide-stamp")).to_be_visible()
        await expect(modal(page).get_by_text("filigrane", exact=True)).to_be_visible()
        steps = (
            await modal(page)
            .locator("[data-stage]")
            .evaluate_all("(steps) => steps.map((step) => step.dataset.stage)")
        )
        assert steps == ["upload", "analyzing", "watermark", "ai", "saving", "done"]
        assert "watermark active" in await page.evaluate("seenStages")

        await modal(page).get_by_role("link", name="Voir la photo").click()
        notes = page.locator("[data-notes=watermark]")
        await expect(notes).to_contain_text("Filigrane")
        await expect(notes.get_by_role("term")).to_have_text("white")
        await expect(page.locator("[data-part=watermark]")).to_contain_text("Filigrane")
        assert someone.faults == []


async def test_a_stage_that_breaks_ends_its_photo_and_the_page_shows_what_its_list_does_not_have(
    stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    # Given, for a while, a tagger with another stage
    assert stack.tagger.terminate() == 0
    settings = {**stack.tagger.environment, "TAGLINE_PIPELINE": "analyzing,broken,ai,saving"}
    with ServiceProcess("tagger", settings) as other:
        other.wait_ready(timeout_s=60)
        for photo in (CAT.read_bytes() + b"one", CAT.read_bytes() + b"another"):
            told, end = await tagged(stack, photo)
            assert [data["stage"] for data in told] == ["analyzing", "broken"]
            assert (end["code"], end["error"]) == ("stage_failed", "The stage broken failed")

        # If a page has read its list, and cannot read the next one
        async with visitor(browser, stack.gateway.url, locale="en-GB") as someone:
            page = someone.page
            await page.wait_for_load_state("networkidle")
            listed = await (await page.request.get("/api/stages")).json()
            await page.route("**/api/stages", lambda route: route.abort())
            assert other.terminate() == 0
            assert "ZeroDivisionError" in other.output
            stack.tagger.start().wait_ready(timeout_s=60)
            file = tmp_path / "rollout.jpg"
            file.write_bytes(CAT.read_bytes() + b"rollout")
            await pick(page, file)

            # I expect the stage to stand where its event has said
            await expect(modal(page)).to_contain_text("Photo analysed successfully")
            await expect(stage(page, "broken")).to_have_attribute("data-state", "done")
            await expect(stage(page, "watermark")).to_have_attribute("data-state", "done")
            await expect(stage(page, "watermark")).to_contain_text("Watermark")
            await expect(stage(page, "watermark").locator("svg.lucide-stamp")).to_be_visible()
            assert someone.faults == []
    assert [each["id"] for each in listed] == ["analyzing", "broken", "ai", "saving", "done"]
