"""Services that are told what they do not know, or cannot work with."""

from __future__ import annotations

from typing import Final

from tests.manifests import settings
from tests.manifests.manifests import Manifests, Mutant

from .changes import Change, of_container, of_pod

_VOLUMES: Final = "network-policies+redis+blobs-volume+api-keys+monitoring"


def told(name: str, value: str, of_service: str = "gateway") -> Change:
    """Return the change by which a service is told one thing more."""

    def change(manifests: Manifests) -> None:
        container = manifests.pod(of_service).containers[0]
        container["env"].append({"name": name, "value": value})

    return change


def swapped(manifests: Manifests) -> None:
    variables = manifests.pod("gateway").containers[0]["env"]
    variables[0], variables[1] = variables[1], variables[0]


MUTANTS: Final = (
    Mutant(settings.known_settings, "a misspelt one", told("TAGLINE_MAX_UPLOAD_BYTE", "1")),
    Mutant(settings.known_settings, "a tagger's", told("TAGLINE_THREADS", "8")),
    Mutant(settings.known_settings, "a notifier's", told("TAGLINE_MAX_SOCKETS", "8", "tagger")),
    Mutant(settings.used_variables_come_before, "one that comes later", swapped),
    Mutant(settings.used_variables_come_before, "none", told("REDIS_URL", "redis://$(X)@y:1")),
    Mutant(settings.good_settings, "no number", told("TAGLINE_GRACE_S", "10s", "notifier")),
    Mutant(settings.good_settings, "two wishes", told("TAGLINE_API_KEYS", "a:" + "x" * 32)),
    Mutant(settings.good_settings, "no server", told("REDIS_URL", "tagline-redis:6379")),
    Mutant(settings.listening_to_all, "this pod alone", told("TAGLINE_BIND", "127.0.0.1")),
    Mutant(settings.listening_to_all, "another port", told("TAGLINE_GATEWAY_PORT", "80")),
    Mutant(
        settings.listening_to_all,
        "another port of the pod",
        of_container("ports", 0, "containerPort", value=80),
    ),
    Mutant(settings.the_same_photos, "another bucket", told("TAGLINE_BLOB_URL", "s3://x/y")),
    Mutant(
        settings.the_same_photos,
        "no key to it",
        of_container("env", 2, "name", value="AWS_ACCESS_KEY"),
    ),
    Mutant(
        settings.the_same_photos,
        "a folder in each pod",
        of_pod("volumes", 1, value={"name": "blobs", "emptyDir": {}}),
        of=_VOLUMES,
    ),
    Mutant(
        settings.the_same_photos,
        "a volume that is not mounted",
        of_container("volumeMounts", 1, "mountPath", value="/photos"),
        of=_VOLUMES,
    ),
)
