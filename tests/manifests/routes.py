"""Whether probes and ingresses lead to routes that there are, and to no others."""

from __future__ import annotations

import asyncio
import functools
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry

from services.gateway import app as gateway
from services.gateway.settings import GatewaySettings
from services.notifier import app as notifier
from services.notifier.settings import NotifierSettings
from shared.health import Health
from tests.manifests.manifests import Manifests, Object, Rule

LIVENESS: Final = "/healthz"


@functools.cache
def inside() -> frozenset[str]:
    """Return what every service has, and nobody outside is to see."""
    routes = Health({}, CollectorRegistry()).routes()
    return frozenset(route.path for route in routes)


@functools.cache
def of_clients() -> dict[str, str]:
    """Return each path that is for browsers and clients, something made up where it varies, and
    the service that knows it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "index.html").touch()
        apps = asyncio.run(_built(Path(folder)))
    return {
        re.sub(r"\{\w+\}", "1", resource.canonical): service
        for service, app in apps.items()
        for resource in app.router.resources()
        if resource.canonical not in inside()
    }


async def _built(folder: Path) -> dict[str, web.Application]:
    nowhere = f"unix://{folder}/no-redis"
    photos, page = folder.as_uri(), folder
    taking = GatewaySettings(REDIS_URL=nowhere, TAGLINE_BLOB_URL=photos, TAGLINE_PAGE_DIR=page)
    telling = NotifierSettings(REDIS_URL=nowhere)
    return {
        "gateway": (await gateway.build(taking))[0],
        "notifier": (await notifier.build(telling))[0],
    }


def probes_ask_routes(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        if not pod.service:
            continue
        container = pod.containers[0]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container.get(kind, {}).get("httpGet", {})
            if asked.get("path") not in inside() or asked.get("port") not in pod.ports():
                yield f"{pod.owner}: its {kind} asks {asked.get('path')} of {asked.get('port')}"


def liveness_asks_the_process_alone(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        asked = pod.containers[0].get("livenessProbe", {}).get("httpGet", {}).get("path")
        if pod.service and asked != LIVENESS:
            yield f"{pod.owner}: is killed when {asked} says no"


def starting_waits_for_readiness(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        asked = pod.containers[0].get("startupProbe", {}).get("httpGet", {}).get("path")
        if pod.service and asked != "/readyz":
            yield f"{pod.owner}: takes another's place before it is ready"


def everything_for_clients_is_reached(manifests: Manifests) -> Iterator[str]:
    if not manifests.of("Ingress"):
        return
    for path, service in of_clients().items():
        if (to := _leads_to(manifests, path)) != f"tagline-{service}":
            yield f"Ingress: {path} leads to {to}"


def nothing_else_is_reached(manifests: Manifests) -> Iterator[str]:
    for path in (*sorted(inside()), "/unheard-of"):
        if to := _leads_to(manifests, path):
            yield f"Ingress: {path} leads to {to}"


def one_origin(manifests: Manifests) -> Iterator[str]:
    """The page finds the notifier at the host that it came from, with TLS."""
    config = next(
        each for each in manifests.of("ConfigMap") if "tagline-gateway" in each["metadata"]["name"]
    )
    url = config["data"].get("TAGLINE_PUBLIC_NOTIFIER_URL", "")
    for each in manifests.of("Ingress"):
        spec = each["spec"]
        hosts = {rule.get("host") for rule in spec["rules"]}
        secured = {host for tls in spec.get("tls", []) for host in tls["hosts"]}
        if not hosts == secured == {url.removeprefix("https://")}:
            yield f"Ingress/{each['metadata']['name']}: {hosts}, TLS for {secured}, not {url}"


def polling_is_sticky(manifests: Manifests) -> Iterator[str]:
    """A Socket.IO client that polls has to find its notifier again."""
    service = manifests.named("Service", "tagline-notifier") or {"metadata": {}}
    said = service["metadata"].get("annotations", {})
    for each in manifests.of("Ingress"):
        if "/socket.io" not in {path["path"] for path in _paths(each)}:
            continue
        said = {**each["metadata"].get("annotations", {}), **said}
        ways = {
            "nginx": said.get("nginx.ingress.kubernetes.io/affinity") == "cookie",
            "traefik": said.get("traefik.ingress.kubernetes.io/service.sticky.cookie") == "true",
            "haproxy": bool(said.get("haproxy.org/cookie-persistence")),
        }
        if not ways.get(each["spec"].get("ingressClassName", "")):
            yield f"Ingress/{each['metadata']['name']}: /socket.io leads to any notifier"


def bodies_are_let_through(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("Ingress"):
        said = each["metadata"].get("annotations", {})
        limit = said.get("nginx.ingress.kubernetes.io/proxy-body-size")
        if each["spec"].get("ingressClassName") == "nginx" and limit != "0":
            yield f"Ingress/{each['metadata']['name']}: bodies of {limit or '1m'} at most"


def _paths(ingress: Object) -> list[Object]:
    return [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]


def _leads_to(manifests: Manifests, path: str) -> str | None:
    """Return the Service that requests for `path` come to: exact paths first, then the longest."""
    found = [
        (each["pathType"] == "Exact", len(each["path"]), each["backend"]["service"]["name"])
        for ingress in manifests.of("Ingress")
        for each in _paths(ingress)
        if path == each["path"]
        or (each["pathType"] == "Prefix" and path.startswith(each["path"].rstrip("/") + "/"))
    ]
    return max(found)[2] if found else None


RULES: Final[tuple[Rule, ...]] = (
    probes_ask_routes,
    liveness_asks_the_process_alone,
    starting_waits_for_readiness,
    everything_for_clients_is_reached,
    nothing_else_is_reached,
    one_origin,
    polling_is_sticky,
    bodies_are_let_through,
)
