"""`docs/metrics.md`, made from the code and the alert rules: `make docs` writes it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client.metrics import MetricWrapperBase

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "metrics.md"
RULES: Final = ROOT / "deploy" / "prometheus" / "rules.yml"

MODULES: Final = {
    "All three": "shared.metrics",
    "Gateway": "services.gateway.metrics",
    "Tagger": "services.tagger.metrics",
    "Tagger of several processes": "services.tagger.crew_metrics",
    "Notifier": "services.notifier.metrics",
}

_INTRO: Final = """\
# Metrics

<!-- `make docs` makes this page from the code and deploy/prometheus/rules.yml. -->

Each service tells its own at `/metrics`, to whoever asks: no key is wanted. Together with what
`prometheus_client` tells of the process (`process_*`, `python_*`), these are all. A label's values
are words of the code: no photo, caller or socket is named. A tagger of several
processes tells those of each by the label `process`: its number, or `parent`.

Queues, Redis and the photo store are told by every gateway alike, who looks when asked, at most
once a second: take `max`, never `sum`, over gateways. What cannot be known is not there, or NaN.
Percentiles are of the sum over replicas, as in
`histogram_quantile(0.95, sum by (le) (rate(tagline_pickup_seconds_bucket[5m])))`.

[deploy/prometheus](../deploy/prometheus) has a configuration, the alerts below and their tests
(`promtool test rules deploy/prometheus/rules_test.yml`); [deploy/grafana](../deploy/grafana) a
dashboard and how it is provisioned.
`tests/e2e/test_monitoring.py` tries them with a real Prometheus on the running services.
"""


def metrics_of(module: str) -> Iterator[MetricWrapperBase]:
    """Yield the metrics of a module, in their order there."""
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, MetricWrapperBase):
            yield value


def name_of(metric: MetricWrapperBase) -> str:
    """Return the name it is told by: of a histogram, without `_bucket`, `_sum` and `_count`."""
    return f"{metric._name}_total" if metric._type == "counter" else metric._name


def alerts() -> list[dict[str, Any]]:
    """Return the alerts of rules.yml."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


def page() -> str:
    """Return the text of the page."""
    parts = [_INTRO]
    for title, module in MODULES.items():
        parts += [f"\n## {title}\n\n| metric | type | labels | what |\n|---|---|---|---|\n"]
        parts += [_row(metric) for metric in metrics_of(module)]
    parts += ["\n## Alerts\n\n| alert | severity | after | says |\n|---|---|---|---|\n"]
    parts += [_alert(alert) for alert in alerts()]
    return "".join(parts)


def _row(metric: MetricWrapperBase) -> str:
    labels = ", ".join(f"`{label}`" for label in metric._labelnames) or ""
    return f"| `{name_of(metric)}` | {metric._type} | {labels} | {metric._documentation} |\n"


def _alert(alert: dict[str, Any]) -> str:
    says = re.sub(r"\{\{ \$labels\.(\w+) }}", r"`\1`", alert["annotations"]["summary"])
    says = re.sub(r"\{\{ \$value.*? }}", "…", says)
    link = alert["annotations"]["runbook_url"].removeprefix("docs/")
    after = alert.get("for", "at once")
    return f"| [{alert['alert']}]({link}) | {alert['labels']['severity']} | {after} | {says} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
