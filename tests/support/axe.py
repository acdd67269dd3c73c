"""What axe-core finds wrong with a page, for those who cannot see it well or use a mouse."""

from __future__ import annotations

from playwright.async_api import Page

from tests.support.processes import ROOT

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"

_RUN = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((n) => n.html).join(' | ')}`);
}"""


async def serious_faults(page: Page) -> list[str]:
    """Return the serious faults of what `page` shows now, in words."""
    # Evaluated, not added as an element: the page's policy has no word in that.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found: list[str] = await page.evaluate(_RUN)
    return found
