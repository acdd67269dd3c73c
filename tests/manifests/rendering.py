"""Renders folders of manifests, and components put together in ways no overlay has."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tests.manifests.manifests import Manifests

FOLDER: Final = Path("deploy/kubernetes").resolve()
ENVIRONMENT: Final = Path(".venv/manifests/bin").resolve()
"""The programs of requirements/manifests.txt."""


class NotRenderedError(Exception):
    """Kustomize does not make anything of a folder; says why."""


def render(folder: Path, name: str) -> Manifests:
    """Return what `kubectl apply -k folder` would apply. Raises `NotRenderedError`."""
    done = subprocess.run(
        [ENVIRONMENT / "kubectl", "kustomize", folder], capture_output=True, text=True, check=False
    )
    # It says nothing on stderr of what it is sure of.
    if done.returncode or done.stderr:
        raise NotRenderedError(f"{name}: {done.stderr.strip()}")
    return Manifests(name, list(yaml.load_all(done.stdout, yaml.CSafeLoader)))


def combine(
    name: str, components: Sequence[str], settings: Mapping[str, Sequence[str]], namespace: str
) -> Manifests:
    """Render the base with `components`, and `settings` added to its ConfigMaps."""
    with tempfile.TemporaryDirectory() as folder:
        back = Path(os.path.relpath(FOLDER, Path(folder).resolve()))
        kustomization: dict[str, Any] = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": namespace,
            "resources": [str(back / "base")],
            "components": [str(back / "components" / each) for each in components],
            "images": [
                {"name": f"tagline-{each}", "newTag": "0.1.0"}
                for each in ("gateway", "tagger", "notifier")
            ],
            "configMapGenerator": [
                {"name": each, "behavior": "merge", "literals": list(literals)}
                for each, literals in settings.items()
            ],
        }
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return render(Path(folder), name)
