"""`docs/metrics.md` and the dashboard are what the code makes of them; the rules hold together."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.grafana import dashboard
from tests.support.metrics_page import MODULES, PAGE, alerts, metrics_of, name_of, page
from tests.support.processes import ROOT
from tests.support.prometheus import FOLDER, promtool, quickened

OPERATIONS: Final = ROOT / "docs" / "operations.md"
OF_OTHERS: Final = {"up", "ALERTS", "process_cpu_seconds_total", "process_resident_memory_bytes"}


def test_the_page_of_metrics_is_made_from_the_code() -> None:
    assert PAGE.read_text() == page()  # or else: make docs


def test_the_dashboard_is_made_from_its_panels() -> None:
    assert dashboard.FILE.read_text() == dashboard.text()  # or else: make docs


def test_every_metric_has_a_name_of_its_own() -> None:
    names = [name_of(metric) for module in MODULES.values() for metric in metrics_of(module)]
    assert len(names) == len(set(names))


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    known = {metric for module in MODULES.values() for metric in metrics_of(module)}
    names = {name_of(metric) for metric in known}
    for metric in known:
        if metric._type == "histogram":
            names |= {f"{name_of(metric)}_{part}" for part in ("bucket", "count", "sum")}
    panels: list[dict[str, Any]] = json.loads(dashboard.FILE.read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    asked += [alert["expr"] for alert in alerts()]
    # What stands before a selector, a range, a bracket or an operator, and is no function.
    found = {name for expr in asked for name in re.findall(r"\b(?:tagline|process)_\w+", expr)}

    assert found - names - OF_OTHERS == set()


def test_panels_lie_side_by_side_and_never_on_each_other() -> None:
    panels: list[dict[str, Any]] = json.loads(dashboard.FILE.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        assert place["x"] + place["w"] <= dashboard.WIDTH
        fields = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not fields & taken
        taken |= fields
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_alert_leads_to_what_the_operations_guide_says_of_it() -> None:
    headings = re.findall(r"^#+ (.+)$", OPERATIONS.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings}
    for alert in alerts():
        file, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert file == "docs/operations.md"
        assert anchor in anchors, alert["alert"]


def test_every_alert_is_tried_firing_and_not_firing() -> None:
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
    tried: dict[bool, set[str]] = {True: set(), False: set()}
    for each in (each for test in tests for each in test["alert_rule_test"]):
        tried[bool(each.get("exp_alerts"))].add(each["alertname"])
    names = {alert["alert"] for alert in alerts()}

    assert tried == {True: names, False: names}


def test_prometheus_takes_the_configuration_and_the_rules_do_as_their_tests_say() -> None:
    promtool("check", "config", "prometheus.yml")
    promtool("test", "rules", "rules_test.yml")


def test_quickened_rules_are_still_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(quickened((FOLDER / "rules.yml").read_text()))

    promtool("check", "rules", rules)
    assert quickened("rate(a[5m]) for: 10m [1h]") == "rate(a[5s]) for: 10s [1m]"
