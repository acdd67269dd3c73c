"""Pods that are softer than we ask, and images that are not ours, and ends that come too soon."""

from __future__ import annotations

from typing import Final

from tests.manifests import hardening, images, times
from tests.manifests.manifests import NAME, Mutant

from .changes import GONE, of, of_container, of_pod, with_one, without

_ENFORCE: Final = "pod-security.kubernetes.io/enforce"

MUTANTS: Final = (
    Mutant(
        hardening.namespaces_are_restricted,
        "a namespace that lets everything in",
        of("Namespace", "tagline", "metadata", "labels", _ENFORCE, value="privileged"),
    ),
    Mutant(hardening.namespaces_are_restricted, "no namespace", without("Namespace", "tagline")),
    Mutant(
        hardening.read_only_root,
        "a root that may be written to",
        of_container("securityContext", "readOnlyRootFilesystem", value=GONE),
    ),
    Mutant(
        hardening.numeric_user,
        "the image's user",
        of_pod("securityContext", "runAsUser", value=GONE),
    ),
    Mutant(hardening.no_token, "a token", of_pod("automountServiceAccountToken", value=GONE)),
    Mutant(hardening.no_service_links, "links", of_pod("enableServiceLinks", value=GONE)),
    *(
        Mutant(
            hardening.resources,
            f"no {kind} of {name}",
            of_container("resources", kind, name, value=GONE),
        )
        for kind, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
    ),
    Mutant(
        hardening.all_is_denied_by_default,
        "nothing denied",
        without("NetworkPolicy", "default-deny"),
    ),
    Mutant(
        hardening.all_is_denied_by_default,
        "what is sent is not denied",
        of("NetworkPolicy", "default-deny", "spec", "policyTypes", value=["Ingress"]),
    ),
    Mutant(hardening.spread, "not spread", of_pod("topologySpreadConstraints", value=GONE)),
    Mutant(
        hardening.spread,
        "spread among others",
        of_pod("topologySpreadConstraints", 0, "labelSelector", "matchLabels", NAME, value="x"),
    ),
    Mutant(hardening.budgets, "no budget", without("PodDisruptionBudget", "tagline-tagger")),
    Mutant(
        hardening.no_secret_values,
        "a secret",
        with_one({"kind": "Secret", "metadata": {"name": "tagline-redis-users"}}),
    ),
    Mutant(
        images.known_images,
        "somebody's image",
        of_container("image", value="docker.io/somebody/gateway:1"),
    ),
    Mutant(
        images.known_images,
        "another service's image",
        of_container("image", value="registry.example/tagline-tagger:1"),
    ),
    Mutant(images.known_images, "no version", of_container("image", value="tagline-gateway")),
    Mutant(images.known_images, "any", of_container("image", value="tagline-gateway:latest")),
    Mutant(
        images.known_images,
        "another Valkey",
        of_container("image", value="valkey:8", of_service="redis"),
    ),
    *(
        Mutant(
            times.graces_fit,
            f"a {service} killed too soon",
            of_pod("terminationGracePeriodSeconds", value=value, of_service=service),
        )
        for service, value in (("gateway", 34), ("tagger", 39), ("notifier", 24))
    ),
    Mutant(
        times.graces_fit,
        "the time that is given where none is said",
        of_pod("terminationGracePeriodSeconds", value=GONE),
    ),
    Mutant(times.requests_end_first, "no pause", of_container("lifecycle", value=GONE)),
    Mutant(
        times.requests_end_first,
        "a pause that is too short",
        of_container("lifecycle", "preStop", value={"sleep": {"seconds": 1}}),
    ),
    Mutant(
        times.rolled_one_by_one,
        "pods that end before others are ready",
        of("Deployment", "tagline-gateway", "spec", "strategy", value={"type": "RollingUpdate"}),
    ),
)
