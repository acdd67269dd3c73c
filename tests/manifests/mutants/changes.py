"""Changes of a render, as functions that make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.manifests.manifests import Manifests, Object

Change = Callable[[Manifests], object]

GONE: Final = object()
"""Instead of a value: what is there is taken away."""


def set_at(found: Any, path: tuple[str | int, ...], value: object) -> None:
    """Put `value` at `path` of `found`, or take away what is there."""
    for part in path[:-1]:
        found = found.setdefault(part, {}) if isinstance(found, dict) else found[part]
    if value is GONE:
        del found[path[-1]]
    else:
        found[path[-1]] = value


def of(kind: str, name: str, *path: str | int, value: object) -> Change:
    """Return the change of one object."""

    def change(manifests: Manifests) -> None:
        found = manifests.named(kind, name)
        if found is None:
            raise LookupError(f"there is no {kind} {name} to change")
        set_at(found, path, value)

    return change


def of_pod(*path: str | int, value: object, of_service: str = "gateway") -> Change:
    """Return the change of a service's pods."""
    return lambda manifests: set_at(manifests.pod(of_service).spec, path, value)


def of_container(*path: str | int, value: object, of_service: str = "gateway") -> Change:
    return of_pod("containers", 0, *path, value=value, of_service=of_service)


def more_volumes(**kind: object) -> Change:
    return lambda manifests: (
        manifests.pod("gateway").spec["volumes"].append({"name": "more", **kind})
    )


def more_containers(kind: str, **said: object) -> Change:
    """Return the change by which a pod has one more container, safe but for what is said."""
    safe: Object = {
        "name": "more",
        "image": "tagline-gateway:1",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            **said,
        },
    }
    return lambda manifests: manifests.pod("gateway").spec.setdefault(kind, []).append(safe)


def without(kind: str, name: str) -> Change:
    """Return the change by which an object is not there."""

    def change(manifests: Manifests) -> None:
        found = manifests.named(kind, name)
        if found is None:
            raise LookupError(f"there is no {kind} {name} to leave out")
        manifests.objects.remove(found)

    return change


def with_one(one: Object) -> Change:
    return lambda manifests: manifests.objects.append(one)
