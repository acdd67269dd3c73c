"""Whether services are told what they know, and what they can work with."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from unittest import mock

from pydantic import ValidationError

from services.gateway.settings import GatewaySettings
from services.notifier.settings import NotifierSettings
from services.tagger.settings import TaggerSettings
from shared.settings import Settings
from tests.manifests.manifests import Manifests, Object, Pod, Rule

CLASSES: Final[dict[str, type[Settings]]] = {
    "gateway": GatewaySettings,
    "tagger": TaggerSettings,
    "notifier": NotifierSettings,
}
S3: Final = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
"""What the store of a bucket reads by itself."""

_USED: Final = re.compile(r"\$\(([A-Z0-9_]+)\)")
_SECRET: Final = "secret"


def environment(manifests: Manifests, pod: Pod) -> dict[str, str]:
    """Return the variables of a pod's first container; what a Secret says is `secret`."""
    found: dict[str, str] = {}
    for each in pod.containers[0].get("envFrom", []):
        config = manifests.named("ConfigMap", each.get("configMapRef", {}).get("name", ""))
        found |= (config or {}).get("data", {})
    for each in pod.containers[0].get("env", []):
        value = each.get("value", _SECRET)
        found[each["name"]] = _USED.sub(lambda used: found.get(used[1], used[0]), value)
    return found


def known_settings(manifests: Manifests) -> Iterator[str]:
    for pod, cls in _services(manifests):
        aliases = {str(field.validation_alias) for field in cls.model_fields.values()}
        for name in environment(manifests, pod):
            if name not in aliases | S3 | _built_from(pod):
                yield f"{pod.owner}: {name} is no setting of it"


def used_variables_come_before(manifests: Manifests) -> Iterator[str]:
    """The kubelet leaves `$(NAME)` as it stands where NAME comes later, or not at all."""
    for pod in manifests.pods():
        for container in pod.containers:
            known: set[str] = set()
            for each in container.get("env", []):
                for name in _used(each):
                    if name not in known:
                        yield f"{pod.owner}: {each['name']} uses {name}, which is not before it"
                known.add(each["name"])


def good_settings(manifests: Manifests) -> Iterator[str]:
    """Each service reads the very environment that its pod would have."""
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as keys:
        keys.write("somebody:0123456789abcdef0123456789abcdef\n")
        keys.flush()
        for pod, cls in _services(manifests):
            told = environment(manifests, pod)
            if told.get("REDIS_URL") == _SECRET:
                del told["REDIS_URL"]
            if "TAGLINE_API_KEYS_FILE" in told:
                told["TAGLINE_API_KEYS_FILE"] = keys.name
            with mock.patch.dict(os.environ, told, clear=True):
                try:
                    cls()
                except ValidationError as error:
                    yield f"{pod.owner}: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}"


def listening_to_all(manifests: Manifests) -> Iterator[str]:
    for pod, cls in _services(manifests):
        told = environment(manifests, pod)
        if told.get("TAGLINE_BIND") != "0.0.0.0":
            yield f"{pod.owner}: listens to nobody outside its pod"
        port = cls.model_fields["port"]
        if pod.ports().get("http") != int(told.get(str(port.validation_alias), port.default)):
            yield f"{pod.owner}: its port http is not the one it listens at"


def the_same_photos(manifests: Manifests) -> Iterator[str]:
    """The tagger finds a photo where the gateway has put it, on what is no pod's own disk."""
    pods = [manifests.pod(name) for name in ("gateway", "tagger")]
    told = [environment(manifests, pod) for pod in pods]
    url, other = (each.get("TAGLINE_BLOB_URL", "") for each in told)
    if url != other:
        yield f"TAGLINE_BLOB_URL: {url} and {other}"
    elif url.startswith("s3:"):
        for pod, each in zip(pods, told, strict=True):
            if not set(each) >= S3:
                yield f"{pod.owner}: has no key to {url}"
    else:
        claims = {_claim(pod, Path(f"/{url.removeprefix('file:///')}")) for pod in pods}
        if len(claims) != 1 or None in claims:
            yield f"TAGLINE_BLOB_URL: {url} is on no volume of both"


def _claim(pod: Pod, path: Path) -> str | None:
    """Return the claim whose volume a pod has `path` on."""
    claims = {
        each["name"]: each["persistentVolumeClaim"]["claimName"]
        for each in pod.spec.get("volumes", [])
        if "persistentVolumeClaim" in each
    }
    mounts = {
        Path(each["mountPath"]): claims.get(each["name"])
        for each in pod.containers[0].get("volumeMounts", [])
    }
    return next((mounts[each] for each in (path, *path.parents) if each in mounts), None)


def _services(manifests: Manifests) -> Iterator[tuple[Pod, type[Settings]]]:
    for pod in manifests.pods():
        if pod.service:
            yield pod, CLASSES[pod.service]


def _used(each: Object) -> list[str]:
    return _USED.findall(each.get("value", ""))


def _built_from(pod: Pod) -> set[str]:
    """Return the variables that are there for others to be made of."""
    return {name for each in pod.containers[0].get("env", []) for name in _used(each)}


RULES: Final[tuple[Rule, ...]] = (
    known_settings,
    used_variables_come_before,
    good_settings,
    listening_to_all,
    the_same_photos,
)
