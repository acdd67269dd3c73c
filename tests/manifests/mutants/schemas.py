"""Objects that no cluster would take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.manifests.manifests import Manifests, Object

from .changes import GONE, set_at


@dataclass(frozen=True, slots=True)
class BadObject:
    """One of `kind`, of the first render that has one, with `value` at `path`."""

    kind: str
    path: tuple[str | int, ...]
    value: object

    def made(self, renders: list[Manifests]) -> Object:
        one = next(each for manifests in renders for each in manifests.copied().of(self.kind))
        set_at(one, self.path, self.value)
        return one


_CONTAINER: Final = ("spec", "template", "spec", "containers", 0)

BAD_OBJECTS: Final = (
    BadObject("Deployment", ("spec", "replica"), 2),
    BadObject("Deployment", (*_CONTAINER, "livenessProbe", "httpGet", "uri"), "/healthz"),
    BadObject("Deployment", (*_CONTAINER, "resources", "request"), {}),
    BadObject("Deployment", ("spec", "selector"), GONE),
    BadObject("StatefulSet", ("spec", "serviceName"), 1),
    BadObject("Service", ("spec", "ports", 0, "port"), "http"),
    BadObject("Ingress", ("spec", "rules", 0, "http", "paths", 0, "pathType"), GONE),
    BadObject("NetworkPolicy", ("spec", "egres"), []),
    BadObject("PodDisruptionBudget", ("spec", "maxUnavailables"), 1),
    BadObject("PodDisruptionBudget", ("apiVersion",), "policy/v1beta1"),
    BadObject("HorizontalPodAutoscaler", ("apiVersion",), "autoscaling/v2beta2"),
    BadObject("HorizontalPodAutoscaler", ("kind",), "PodAutoscaler"),
    BadObject("ConfigMap", ("data", "TAGLINE_GRACE_S"), 10),
    BadObject("ScaledObject", ("spec", "maxReplicas"), 10),
    BadObject("ScaledObject", ("spec", "triggers", 0, "type"), GONE),
    BadObject("TriggerAuthentication", ("spec", "secretTargetRefs"), []),
    BadObject("ServiceMonitor", ("spec", "endpoints", 0, "every"), "15s"),
    BadObject("ServiceMonitor", ("spec", "selector"), GONE),
)
