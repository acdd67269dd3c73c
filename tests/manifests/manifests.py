"""What a render is made of, and how it is asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Object = dict[str, Any]

NAME: Final = "app.kubernetes.io/name"
SERVICES: Final = ("gateway", "tagger", "notifier")

_TEMPLATED: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")


@dataclass(frozen=True, slots=True)
class Pod:
    """The pods of one owner: what is said once of all of them."""

    owner: str
    labels: dict[str, str]
    spec: Object

    @property
    def containers(self) -> list[Object]:
        kinds = ("initContainers", "containers", "ephemeralContainers")
        return [each for kind in kinds for each in self.spec.get(kind) or []]

    @property
    def service(self) -> str | None:
        """Which of our services it runs, if one."""
        name = self.labels.get(NAME, "").removeprefix("tagline-")
        return name if name in SERVICES else None

    def ports(self) -> dict[str, int]:
        """Return the ports of its containers by name."""
        return {
            port["name"]: port["containerPort"]
            for container in self.containers
            for port in container.get("ports", [])
        }


class Manifests:
    """The objects of one render."""

    def __init__(self, name: str, objects: list[Object]) -> None:
        self.name = name
        self.objects = objects

    def copied(self) -> Manifests:
        return Manifests(self.name, copy.deepcopy(self.objects))

    def of(self, *kinds: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] in kinds]

    def named(self, kind: str, name: str) -> Object | None:
        found = (each for each in self.of(kind) if each["metadata"]["name"] == name)
        return next(found, None)

    def pods(self) -> Iterator[Pod]:
        for each in self.of(*_TEMPLATED):
            template = each["spec"]["template"]
            yield Pod(
                f"{each['kind']}/{each['metadata']['name']}",
                template["metadata"].get("labels", {}),
                template["spec"],
            )

    def pod(self, name: str) -> Pod:
        """Return the pods of the service `name`, or of `redis`."""
        return next(each for each in self.pods() if each.labels[NAME] == f"tagline-{name}")


Rule = Callable[[Manifests], Iterator[str]]
"""Yields what is wrong with a render, a line each."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change by which the render `of` breaks `rule`, which is to say so."""

    rule: Rule
    what: str
    change: Callable[[Manifests], object]
    of: str = "production"


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Say whether a label selector selects `labels`. An empty one selects everything."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions", []))


def _holds(expression: Object, labels: dict[str, str]) -> bool:
    value, operator = labels.get(expression["key"]), expression["operator"]
    if operator in {"In", "NotIn"}:
        return bool((value in expression["values"]) == (operator == "In"))
    return bool((value is not None) == (operator == "Exists"))
