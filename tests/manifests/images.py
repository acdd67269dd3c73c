"""Whether images are ours, by the names that they are built by, or known ones of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from tests.manifests.manifests import SERVICES, Manifests, Rule

OURS: Final = {f"tagline-{service}" for service in SERVICES}
OTHERS: Final = {"docker.io/valkey/valkey:8.1.4"}


def known_images(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for container in pod.containers:
            image = container["image"]
            name, _, tag = image.rpartition("/")[2].partition(":")
            if image in OTHERS or (name == f"tagline-{pod.service}" and tag not in {"", "latest"}):
                continue
            yield f"{pod.owner}: {image} is no image of it, or has no version"


def mistyped(folder: Path) -> Iterator[str]:
    """Yield the entries of `images:` that change no image: kustomize says nothing of them."""
    known = OURS | {each.partition(":")[0] for each in OTHERS}
    for path in sorted(folder.rglob("kustomization.yaml")):
        for each in yaml.safe_load(path.read_text()).get("images") or []:
            if each["name"] not in known:
                yield f"{path}: images: there is none called {each['name']}"


RULES: Final[tuple[Rule, ...]] = (known_images,)
