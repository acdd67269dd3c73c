"""`docs/operations.md` names every setting of the services."""

from __future__ import annotations

import re
from pathlib import Path

from services.gateway.settings import GatewaySettings
from services.notifier.settings import NotifierSettings
from services.tagger.settings import TaggerSettings

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_table_of_settings_is_that_of_the_code() -> None:
    settings = (GatewaySettings, NotifierSettings, TaggerSettings)
    known = {
        str(field.validation_alias) for each in settings for field in each.model_fields.values()
    }
    text = DOCS.read_text()
    cells = re.findall(r"^\| ((?:`[A-Z_]+`(?: · )?)+) \|", text, re.MULTILINE)
    told = {name for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)}

    assert told == known
