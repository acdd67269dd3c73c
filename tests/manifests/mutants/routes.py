"""Probes and ingresses that ask for what is not there, or show what is not for all."""

from __future__ import annotations

from typing import Any, Final

from tests.manifests import routes
from tests.manifests.manifests import Manifests, Mutant

from .changes import GONE, Change, of, of_container

_NGINX: Final = "nginx.ingress.kubernetes.io"
_BY: Final = "network-policies+redis+s3+api-keys+{}+autoscaling-hpa+monitoring"


def paths(ingress: str, first: int, **said: Any) -> Change:
    """Return the change of one path of an ingress."""
    return of("Ingress", ingress, "spec", "rules", 0, "http", "paths", first, value=said)


def without_path(path: str) -> Change:
    def change(manifests: Manifests) -> None:
        for each in manifests.of("Ingress"):
            rule = each["spec"]["rules"][0]["http"]
            rule["paths"] = [one for one in rule["paths"] if one["path"] != path]

    return change


def _to(service: str) -> dict[str, Any]:
    return {"service": {"name": f"tagline-{service}", "port": {"name": "http"}}}


MUTANTS: Final = (
    *(
        Mutant(
            routes.probes_ask_routes,
            f"a {kind} of no route",
            of_container(kind, "httpGet", "path", value="/health"),
        )
        for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    ),
    Mutant(
        routes.probes_ask_routes,
        "a port that is not there",
        of_container("livenessProbe", "httpGet", "port", value="web"),
    ),
    Mutant(routes.probes_ask_routes, "no probe", of_container("readinessProbe", value=GONE)),
    Mutant(
        routes.liveness_asks_the_process_alone,
        "killed while Redis is away",
        of_container("livenessProbe", "httpGet", "path", value="/readyz"),
    ),
    Mutant(
        routes.starting_waits_for_readiness,
        "in its place before it can work",
        of_container("startupProbe", "httpGet", "path", value="/healthz"),
    ),
    *(
        Mutant(routes.everything_for_clients_is_reached, f"no {path}", without_path(path))
        for path in ("/", "/api", "/photos", "/queue", "/assets", "/ws", "/sse", "/socket.io")
    ),
    Mutant(
        routes.everything_for_clients_is_reached,
        "sockets at the gateway",
        paths("tagline-polling", 0, path="/socket.io", pathType="Prefix", backend=_to("gateway")),
    ),
    Mutant(
        routes.nothing_else_is_reached,
        "everything",
        paths("tagline", 0, path="/", pathType="Prefix", backend=_to("gateway")),
    ),
    Mutant(
        routes.nothing_else_is_reached,
        "metrics for all",
        paths("tagline-polling", 0, path="/metrics", pathType="Exact", backend=_to("notifier")),
    ),
    Mutant(
        routes.one_origin,
        "another host",
        of("Ingress", "tagline", "spec", "rules", 0, "host", value="events.example"),
    ),
    Mutant(
        routes.one_origin,
        "no certificate",
        of("Ingress", "tagline", "spec", "tls", value=[]),
    ),
    Mutant(
        routes.polling_is_sticky,
        "any notifier, of ingress-nginx",
        of(
            "Ingress",
            "tagline-polling",
            "metadata",
            "annotations",
            f"{_NGINX}/affinity",
            value=GONE,
        ),
    ),
    Mutant(
        routes.polling_is_sticky,
        "any notifier, of Traefik",
        of("Service", "tagline-notifier", "metadata", "annotations", value={}),
        of=_BY.format("ingress-traefik"),
    ),
    Mutant(
        routes.polling_is_sticky,
        "any notifier, of HAProxy",
        of("Ingress", "tagline-polling", "metadata", "annotations", value={}),
        of=_BY.format("ingress-haproxy"),
    ),
    Mutant(
        routes.bodies_are_let_through,
        "a megabyte",
        of(
            "Ingress", "tagline", "metadata", "annotations", f"{_NGINX}/proxy-body-size", value=GONE
        ),
    ),
)
