"""`docs/operations.md` has the headings that alerts link to."""

from __future__ import annotations

import re

import pytest

from tests.support.processes import ROOT

ANCHORS = (
    "bar-does-not-move",
    "budget-spent",
    "dead-letters",
    "disk-full",
    "provider-fails",
    "queue-stuck",
    "redis-does-not-start",
    "service-does-not-answer",
    "socket-does-not-connect",
    "tags-do-not-come",
    "uploads-are-refused",
)


@pytest.mark.parametrize("anchor", ANCHORS)
def test_a_runbook_link_has_its_heading(anchor: str) -> None:
    headings = re.findall(r"^### (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)

    assert anchor in [heading.lower().replace(" ", "-") for heading in headings]
