"""Whether what manifests name is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.manifests.manifests import NAME, Manifests, Object, Pod, Rule, selects

GUIDE: Final = Path("docs/kubernetes.md")

_HASHED: Final = re.compile(r"-[a-z0-9]{10}$")
_REFERENCES: Final = {
    "configMapRef": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
}


def workloads_select_their_pods(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("Deployment", "StatefulSet"):
        labels = each["spec"]["template"]["metadata"].get("labels", {})
        if not selects(each["spec"]["selector"], labels):
            yield f"{_named(each)}: does not select its own pods"


def services_select_pods(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("Service"):
        selector = {"matchLabels": each["spec"].get("selector", {})}
        pods = [pod for pod in manifests.pods() if selects(selector, pod.labels)]
        if len(pods) != 1:
            yield f"{_named(each)}: selects the pods of {len(pods)} owners"
        for pod in pods:
            for port in each["spec"]["ports"]:
                if port["targetPort"] not in pod.ports():
                    yield f"{_named(each)}: {pod.owner} has no port {port['targetPort']}"


def sets_have_their_service(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("StatefulSet"):
        if manifests.named("Service", each["spec"]["serviceName"]) is None:
            yield f"{_named(each)}: no Service {each['spec']['serviceName']}"


def budgets_select_pods(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("PodDisruptionBudget"):
        if not any(selects(each["spec"]["selector"], pod.labels) for pod in manifests.pods()):
            yield f"{_named(each)}: selects no pod"


def scalers_have_a_target(manifests: Manifests) -> Iterator[str]:
    targets: list[str] = []
    for each in manifests.of("HorizontalPodAutoscaler", "ScaledObject"):
        target = each["spec"]["scaleTargetRef"]
        targets.append(target["name"])
        deployment = manifests.named(target.get("kind", "Deployment"), target["name"])
        if deployment is None:
            yield f"{_named(each)}: there is no {target['name']}"
        elif "replicas" in deployment["spec"]:
            yield f"{_named(each)}: each apply would undo what it does: replicas is set"
    for name in {each for each in targets if targets.count(each) > 1}:
        yield f"{name} is scaled by two"


def scalers_know_who_they_are(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("ScaledObject"):
        for trigger in each["spec"]["triggers"]:
            name = trigger.get("authenticationRef", {}).get("name", "")
            if manifests.named("TriggerAuthentication", name) is None:
                yield f"{_named(each)}: no TriggerAuthentication {name!r}"


def scalers_ask_where_redis_is(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("ScaledObject"):
        inside = f"tagline-redis.{each['metadata'].get('namespace')}.svc:6379"
        for trigger in each["spec"]["triggers"]:
            address = trigger["metadata"]["address"]
            if manifests.named("Service", "tagline-redis") and address != inside:
                yield f"{_named(each)}: asks {address}, and Redis is {inside}"


def ingresses_lead_to_services(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("Ingress"):
        if not each["spec"].get("ingressClassName"):
            yield f"{_named(each)}: of no controller"
        for rule in each["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                to = path["backend"]["service"]
                service = manifests.named("Service", to["name"]) or {"spec": {"ports": []}}
                if to["port"]["name"] not in {port["name"] for port in service["spec"]["ports"]}:
                    yield f"{_named(each)}: {path['path']} leads to no {to['name']}"


def monitors_select_services(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("ServiceMonitor"):
        selected = [
            service
            for service in manifests.of("Service")
            if selects(each["spec"]["selector"], service["metadata"].get("labels", {}))
        ]
        names = {service["metadata"]["name"] for service in selected}
        wanted = {pod.labels[NAME] for pod in manifests.pods() if pod.service}
        if names != wanted:
            yield f"{_named(each)}: selects {sorted(names)}, not {sorted(wanted)}"
        ports = {endpoint["port"] for endpoint in each["spec"]["endpoints"]}
        for service in selected:
            if not ports <= {port["name"] for port in service["spec"]["ports"]}:
                yield f"{_named(each)}: {_named(service)} has no port {sorted(ports)}"


def volumes_are_there(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        owner = manifests.named(*pod.owner.split("/", 1))
        templates = (owner or {"spec": {}})["spec"].get("volumeClaimTemplates", [])
        names = {each["name"] for each in pod.spec.get("volumes", [])}
        names |= {each["metadata"]["name"] for each in templates}
        for container in pod.containers:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in names:
                    yield f"{pod.owner}: no volume {mount['name']}"
        for volume in pod.spec.get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and manifests.named("PersistentVolumeClaim", claim) is None:
                yield f"{pod.owner}: no claim {claim}"


def settings_are_there(manifests: Manifests) -> Iterator[str]:
    """ConfigMaps are ours; Secrets too, or the guide says that they have to be made."""
    told = told_secrets()
    for pod in manifests.pods():
        for kind, name, key in _references(pod):
            found = manifests.named(kind, name)
            if found is not None:
                keys: set[str] | None = set(found.get("data", {}))
            else:
                keys = told.get(name) if kind == "Secret" else None
            if keys is None or (key is not None and key not in keys):
                yield f"{pod.owner}: no {kind} {name}, or no {key} in it"
    for each in manifests.of("TriggerAuthentication"):
        for ref in each["spec"]["secretTargetRef"]:
            if ref["key"] not in told.get(ref["name"], set()):
                yield f"{_named(each)}: no Secret {ref['name']}, or no {ref['key']} in it"


def settings_roll_the_pods(manifests: Manifests) -> Iterator[str]:
    """Another setting is another name of its ConfigMap, by which pods are rolled."""
    for pod in manifests.pods():
        for kind, name, _ in _references(pod):
            if kind == "ConfigMap" and not _HASHED.search(name):
                yield f"{pod.owner}: goes on as it was when {name} changes"


def told_secrets() -> dict[str, set[str]]:
    """Return the Secrets that the guide has a line for in its table, and their keys."""
    rows = re.findall(r"^\| `(tagline-[\w-]+)` \| ([^|]+) \|", GUIDE.read_text(), re.MULTILINE)
    return {name: set(re.findall(r"`([^`]+)`", keys)) for name, keys in rows}


def _references(pod: Pod) -> Iterator[tuple[str, str, str | None]]:
    """Yield kind, name and key (None: all) of each ConfigMap and Secret that a pod refers to."""
    for container in pod.containers:
        for each in (*container.get("envFrom", []), *container.get("env", [])):
            for way, ref in {**each, **each.get("valueFrom", {})}.items():
                if way in _REFERENCES:
                    yield _REFERENCES[way], ref["name"], ref.get("key")
    for volume in pod.spec.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"], None
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"], None


def _named(each: Object) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


RULES: Final[tuple[Rule, ...]] = (
    workloads_select_their_pods,
    services_select_pods,
    sets_have_their_service,
    budgets_select_pods,
    scalers_have_a_target,
    scalers_know_who_they_are,
    scalers_ask_where_redis_is,
    ingresses_lead_to_services,
    monitors_select_services,
    volumes_are_there,
    settings_are_there,
    settings_roll_the_pods,
)
