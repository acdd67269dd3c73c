"""The dashboard as Grafana reads it; `make docs` writes it from the panels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from deploy.grafana.panels import ROWS, Panel

FILE: Final = Path(__file__).parent / "dashboards" / "tagline.json"

WIDTH: Final = 24
STAT_SIZE: Final = (4, 4)
GRAPH_SIZE: Final = (8, 7)
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """Return the dashboard's JSON."""
    panels = list(_laid_out())
    return {
        "uid": "tagline",
        "title": "Tagline",
        "tags": ["tagline"],
        "timezone": "browser",
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_sources()]},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }


def text() -> str:
    """Return the dashboard's file."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def _sources() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _laid_out() -> Iterator[dict[str, Any]]:
    """Yield rows and their panels, from left to right and down."""
    y = 0
    for title, panels in ROWS.items():
        yield {"type": "row", "title": title, "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}}  # fmt: skip
        y += 1
        for kind, (width, height) in (("stat", STAT_SIZE), ("timeseries", GRAPH_SIZE)):
            those = [panel for panel in panels if panel.kind == kind]
            each_row = WIDTH // width
            for place, panel in enumerate(those):
                x, down = place % each_row * width, place // each_row * height
                yield _panel(panel, {"x": x, "y": y + down, "w": width, "h": height})
            y += -(-len(those) // each_row) * height


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "mappings": _mappings(panel.words)}
    options: dict[str, Any] = {"legend": {"displayMode": "list", "placement": "bottom"}}
    if panel.kind == "stat":
        options = {
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "textMode": "value_and_name",
            "graphMode": "none",
        }
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + number), "expr": query.expr, "legendFormat": query.legend,
             "datasource": SOURCE}
            for number, query in enumerate(panel.queries)
        ],
    }  # fmt: skip


def _mappings(words: Mapping[str, str]) -> list[dict[str, Any]]:
    if not words:
        return []
    return [{"type": "value", "options": {value: {"text": word} for value, word in words.items()}}]


if __name__ == "__main__":
    FILE.write_text(text())
