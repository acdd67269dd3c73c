"""The overlays, and the combinations of components that make sense."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.manifests.manifests import Manifests
from tests.manifests.rendering import FOLDER, combine, render

INGRESSES: Final = ("ingress-nginx", "ingress-traefik", "ingress-haproxy")
SCALERS: Final = ("autoscaling-hpa", "autoscaling-keda")
STORES: Final = ("s3", "blobs-volume")
SHARED: Final = {"ingress", "autoscaling-web"}
"""What only other components list."""

Combination = tuple[str, ...]


def all_renders() -> list[Manifests]:
    """Render every overlay and every combination. Raises `NotRenderedError`."""
    overlays = sorted(each for each in (FOLDER / "overlays").iterdir() if each.is_dir())
    with ThreadPoolExecutor(2) as pool:
        rendered = [pool.submit(render, each, each.name) for each in overlays]
        rendered += [pool.submit(_combined, each) for each in sorted(set(combinations()))]
        return [each.result() for each in rendered]


def combinations() -> Iterator[Combination]:
    """Yield components by name, in the order in which they are listed.

    Each pair of an ingress and a scaler, and each of a store and Redis of one's own or a managed
    one, with everything else and with nothing else.
    """
    for ingress, scaler in itertools.product(INGRESSES, SCALERS):
        yield ("network-policies", "redis", "s3", "api-keys", ingress, scaler, "monitoring")
    for redis, store in itertools.product(((), ("redis",)), STORES):
        yield (*redis, store)
        yield ("network-policies", *redis, store, "api-keys", "monitoring")
        yield (*redis, store, "ingress-nginx", "autoscaling-hpa")


def unused() -> set[str]:
    """Return the components that no combination has."""
    there = {each.name for each in (FOLDER / "components").iterdir() if each.is_dir()}
    return there - SHARED - {each for combination in combinations() for each in combination}


def _combined(components: Combination) -> Manifests:
    settings: dict[str, list[str]] = {"tagline-gateway": [], "tagline-tagger": []}
    if "s3" in components:
        for literals in settings.values():
            literals.append("TAGLINE_BLOB_URL=s3://photos/here")
    settings["tagline-gateway"].append("TAGLINE_PUBLIC_NOTIFIER_URL=https://tagline.example")
    told = {name: literals for name, literals in settings.items() if literals}
    return combine("+".join(components), components, told, "tagline")
