"""Who can reach whom, by the network policies: what has to be, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from tests.manifests.manifests import NAME, SERVICES, Manifests, Object, Pod, Rule, selects
from tests.manifests.settings import environment

DNS: Final = 53


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: a pod, ours or somebody's in another namespace, or an address."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    namespace: str | None = None
    address: str | None = None


INTERNET: Final = End("internet", address="203.0.113.7")
DNS_SERVER: Final = End("dns", (("k8s-app", "kube-dns"),), "kube-system")
PROMETHEUS: Final = End("prometheus", ((NAME, "prometheus"),), "monitoring")
KEDA: Final = End("keda", (("app", "keda-operator"),), "keda")
CONTROLLERS: Final = {
    "nginx": End("ingress-nginx", ((NAME, "ingress-nginx"),), "ingress-nginx"),
    "traefik": End("traefik", ((NAME, "traefik"),), "traefik"),
    "haproxy": End("haproxy", ((NAME, "kubernetes-ingress"),), "haproxy-controller"),
}
STRANGERS: Final = (
    End("stranger", ((NAME, "stranger"),), None),
    End("elsewhere", ((NAME, "tagline-gateway"),), "default"),
    End("metadata", address="169.254.169.254"),
    End("intranet", address="10.1.2.3"),
)
PORTS: Final = (DNS, 80, 443, 6379, 8888, 8889, 9191)

Way = tuple[str, str, int]
"""From, to, port."""


def only_what_has_to_be(manifests: Manifests) -> Iterator[str]:
    if manifests.named("NetworkPolicy", "default-deny") is None:
        return
    wanted, there = set(_wanted(manifests)), set(_ways(manifests))
    for start, end, port in sorted(wanted - there):
        yield f"NetworkPolicy: {start} cannot reach {end}:{port}"
    for start, end, port in sorted(there - wanted):
        yield f"NetworkPolicy: {start} can reach {end}:{port}"


def _wanted(manifests: Manifests) -> Iterator[Way]:
    ports = {pod.service: pod.ports()["http"] for pod in manifests.pods() if pod.service}
    buckets = "AWS_ACCESS_KEY_ID" in environment(manifests, manifests.pod("gateway"))
    for service in SERVICES:
        yield service, "dns", DNS
        if manifests.named("Service", "tagline-redis"):
            yield service, "redis", 6379
        if service == "tagger" or (service == "gateway" and buckets):
            yield service, "internet", 443
        if manifests.of("ServiceMonitor"):
            yield "prometheus", service, ports[service]
    if manifests.of("ScaledObject") and manifests.named("Service", "tagline-redis"):
        yield "keda", "redis", 6379
    for name in {each["spec"].get("ingressClassName") for each in manifests.of("Ingress")}:
        for service in ("gateway", "notifier"):
            yield CONTROLLERS[name].name, service, ports[service]


def _ways(manifests: Manifests) -> Iterator[Way]:
    ours = {_end(pod): pod for pod in manifests.pods()}
    others = (INTERNET, DNS_SERVER, PROMETHEUS, KEDA, *CONTROLLERS.values(), *STRANGERS)
    for start in (*ours, *others):
        for end in (*ours, *others):
            if start == end or (start not in ours and end not in ours):
                continue
            for port in PORTS:
                if end in ours and port not in ours[end].ports().values():
                    continue
                if (start not in ours or _allows(manifests, "egress", start, end, port, ours)) and (
                    end not in ours or _allows(manifests, "ingress", end, start, port, ours)
                ):
                    yield start.name, end.name, port


def _end(pod: Pod) -> End:
    return End(pod.labels[NAME].removeprefix("tagline-"), tuple(pod.labels.items()))


def _allows(
    manifests: Manifests, way: str, one: End, other: End, port: int, ours: dict[End, Pod]
) -> bool:
    """Say whether the policies about `one` let `other` be at the far end. `port`: of the end."""
    policies = [
        each["spec"]
        for each in manifests.of("NetworkPolicy")
        if way.capitalize() in each["spec"].get("policyTypes", [])
        and selects(each["spec"]["podSelector"], dict(one.labels))
    ]
    named = ours[one].ports() if way == "ingress" else {}
    return not policies or any(
        _ports(rule, port, named) and _peers(rule.get("from" if way == "ingress" else "to"), other)
        for spec in policies
        for rule in spec.get(way) or []
    )


def _ports(rule: Object, port: int, named: dict[str, int]) -> bool:
    said = rule.get("ports")
    return not said or any(named.get(each["port"], each["port"]) == port for each in said)


def _peers(peers: list[Object] | None, other: End) -> bool:
    return not peers or any(_is(peer, other) for peer in peers)


def _is(peer: Object, other: End) -> bool:
    if block := peer.get("ipBlock"):
        return other.address is not None and _in(other.address, block)
    if other.address is not None:
        return False
    if "namespaceSelector" in peer:
        labels = {"kubernetes.io/metadata.name": other.namespace or "tagline"}
        if not selects(peer["namespaceSelector"], labels):
            return False
    elif other.namespace is not None:
        return False
    return selects(peer.get("podSelector", {}), dict(other.labels))


def _in(address: str, block: Object) -> bool:
    at = ip_address(address)
    return at in ip_network(block["cidr"]) and not any(
        at in ip_network(each) for each in block.get("except", [])
    )


RULES: Final[tuple[Rule, ...]] = (only_what_has_to_be,)
