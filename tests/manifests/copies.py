"""Copies that kustomize needs inside its folder, held against what they are copies of.

`make manifests ARGS=--write` makes them anew.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DEPLOY: Final = Path("deploy").resolve()

_RULE: Final = """\
# Made of deploy/prometheus/rules.yml by `make manifests ARGS=--write`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: tagline
spec:
"""


def copies() -> dict[Path, str]:
    """Return what each of the files has to say."""
    components = DEPLOY / "kubernetes" / "components"
    redis, monitoring = components / "redis", components / "monitoring"
    dashboards = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
    rules = (DEPLOY / "prometheus" / "rules.yml").read_text()
    return {
        **{redis / name: (DEPLOY / name).read_text() for name in ("redis.conf", "users.acl")},
        **{monitoring / "dashboards" / each.name: each.read_text() for each in dashboards},
        monitoring / "rules.yaml": _RULE + textwrap.indent(rules, "  "),
    }


def drifted() -> Iterator[str]:
    for path, text in copies().items():
        if not path.exists() or path.read_text() != text:
            yield f"{path.relative_to(DEPLOY)}: has drifted; make manifests ARGS=--write"


def write() -> None:
    for path, text in copies().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
