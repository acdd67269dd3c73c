"""`docs/realtime.md` tells events and close codes as the code does."""

from __future__ import annotations

import re
from pathlib import Path

from cli.follow import ANEW, PAUSE_S, STAY_AWAY
from services.notifier.closing import Close
from shared import events

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "realtime.md"


def test_the_table_of_close_codes_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| (\d{4}) \|[^|]*\| (yes|no|anew)\b", DOCS.read_text(), re.MULTILINE)

    assert {int(code) for code, _ in rows} == set(Close)
    assert {int(code) for code, back in rows if back == "yes"} == {
        code for code in Close if code.comes_back
    }


def test_the_table_of_events_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(photo:\w+)` \| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    told = {
        event: set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", data))) for event, data in rows
    }

    of_all = {"batchId", "traceparent"}
    assert told == {
        each.name: {str(field.alias) for field in each.model_fields.values()} - of_all
        for each in events.Event.__subclasses__()
    }


def test_the_client_stays_away_where_it_is_told_to() -> None:
    assert {ANEW, *STAY_AWAY} == {code for code in Close if not code.comes_back}


def test_the_client_for_browsers_does_after_each_close_what_the_other_one_does() -> None:
    source = (ROOT / "web" / "src" / "progress.ts").read_text()

    def codes(table: str) -> set[int]:
        found = re.search(rf"^const {table}\b[^=]*=(.*?);$", source, re.MULTILINE | re.DOTALL)
        assert found
        return {int(code) for code in re.findall(r"(?<!: )\b(\d{4})\b", found[1])}

    assert codes("STOPS") == set(STAY_AWAY)
    assert codes("PAUSES_MS") == set(PAUSE_S)
    assert codes("ANEW") == {ANEW}
