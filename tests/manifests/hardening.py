"""What we ask of pods beyond the restricted profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.manifests.manifests import Manifests, Rule, selects

_LABEL: Final = "pod-security.kubernetes.io"


def namespaces_are_restricted(manifests: Manifests) -> Iterator[str]:
    inside = {each["metadata"].get("namespace") for each in manifests.objects} - {None}
    for name in inside:
        namespace = manifests.named("Namespace", name)
        labels = namespace["metadata"].get("labels", {}) if namespace else {}
        for mode in ("enforce", "audit", "warn"):
            if labels.get(f"{_LABEL}/{mode}") != "restricted":
                yield f"Namespace/{name}: {mode} is not restricted"


def read_only_root(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for container in pod.containers:
            if not container.get("securityContext", {}).get("readOnlyRootFilesystem"):
                yield f"{pod.owner}/{container['name']}: its root may be written to"


def numeric_user(manifests: Manifests) -> Iterator[str]:
    """A name is not proof to the kubelet that a user is not root."""
    for pod in manifests.pods():
        if not isinstance(pod.spec.get("securityContext", {}).get("runAsUser"), int):
            yield f"{pod.owner}: no numeric runAsUser"


def no_token(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.owner}: is given a token for the cluster's API"


def no_service_links(manifests: Manifests) -> Iterator[str]:
    """The links of a Service `tagline-gateway` are variables such as TAGLINE_GATEWAY_PORT."""
    for pod in manifests.pods():
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.owner}: Services are told of by variables that are settings of ours"


def resources(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for container in pod.containers:
            said = container.get("resources", {})
            for kind, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
                if name not in said.get(kind, {}):
                    yield f"{pod.owner}/{container['name']}: no {kind} of {name}"


def all_is_denied_by_default(manifests: Manifests) -> Iterator[str]:
    policies = manifests.of("NetworkPolicy")
    whole = [
        each["spec"]
        for each in policies
        if each["spec"]["podSelector"] == {}
        and set(each["spec"].get("policyTypes", [])) == {"Ingress", "Egress"}
        and not each["spec"].get("ingress")
        and not each["spec"].get("egress")
    ]
    # Redis has a policy of its own, with which it comes.
    if len(policies) > 1 and not whole:
        yield "NetworkPolicy: none denies everything to every pod"


def spread(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        if pod.service is None:
            continue
        said = pod.spec.get("topologySpreadConstraints") or []
        if not all(selects(each["labelSelector"], pod.labels) for each in said):
            yield f"{pod.owner}: is spread among pods that are not its own"
        if "kubernetes.io/hostname" not in {each["topologyKey"] for each in said}:
            yield f"{pod.owner}: all its pods may be on one node"


def budgets(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        over = [
            each
            for each in manifests.of("PodDisruptionBudget")
            if selects(each["spec"]["selector"], pod.labels)
        ]
        if pod.service is not None and len(over) != 1:
            yield f"{pod.owner}: {len(over)} PodDisruptionBudgets"


def no_secret_values(manifests: Manifests) -> Iterator[str]:
    if manifests.name.startswith("dev"):
        return
    for each in manifests.of("Secret"):
        yield f"Secret/{each['metadata']['name']}: its values are in the manifests"


RULES: Final[tuple[Rule, ...]] = (
    namespaces_are_restricted,
    read_only_root,
    numeric_user,
    no_token,
    no_service_links,
    resources,
    all_is_denied_by_default,
    spread,
    budgets,
    no_secret_values,
)
