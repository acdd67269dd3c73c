"""Which files are photos, by their first bytes; the page judges so before it sends them."""

from __future__ import annotations

import json

import pytest

from services.gateway.images import FORMATS, SIGNATURE_BYTES, format_of
from tests.support.processes import ROOT

HEADS = json.loads((ROOT / "web/tests/heads.json").read_text())


@pytest.mark.parametrize("each", HEADS, ids=[each["name"] for each in HEADS])
def test_a_format_is_told_by_the_first_bytes(each: dict[str, str | None]) -> None:
    found = format_of(bytes.fromhex(each["head"] or "")[:SIGNATURE_BYTES])

    assert (found and found.content_type) == each["type"]


def test_every_format_that_is_taken_is_tried() -> None:
    assert {each["type"] for each in HEADS} == {None, *(each.content_type for each in FORMATS)}
