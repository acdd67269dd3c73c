"""Manifests that name what is not there."""

from __future__ import annotations

from typing import Final

from tests.manifests import references
from tests.manifests.manifests import NAME, Mutant

from .changes import of, of_container, of_pod, without

_KEDA: Final = "network-policies+redis+s3+api-keys+ingress-nginx+autoscaling-keda+monitoring"
_VOLUMES: Final = "network-policies+redis+blobs-volume+api-keys+monitoring"
_PATH: Final = ("spec", "rules", 0, "http", "paths", 0, "backend", "service")

MUTANTS: Final = (
    Mutant(
        references.workloads_select_their_pods,
        "a Deployment of other pods",
        of("Deployment", "tagline-gateway", "spec", "selector", "matchLabels", NAME, value="x"),
    ),
    Mutant(
        references.services_select_pods,
        "a Service of nobody",
        of("Service", "tagline-gateway", "spec", "selector", NAME, value="gateway"),
    ),
    Mutant(
        references.services_select_pods,
        "a Service of everybody",
        of("Service", "tagline-gateway", "spec", "selector", value={}),
    ),
    Mutant(
        references.services_select_pods,
        "a port that no pod has",
        of("Service", "tagline-gateway", "spec", "ports", 0, "targetPort", value="web"),
    ),
    Mutant(
        references.sets_have_their_service,
        "a StatefulSet without a Service",
        of("StatefulSet", "tagline-redis", "spec", "serviceName", value="redis"),
    ),
    Mutant(
        references.budgets_select_pods,
        "a budget of nobody",
        of(
            "PodDisruptionBudget",
            "tagline-tagger",
            "spec",
            "selector",
            value={"matchLabels": {NAME: "x"}},
        ),
    ),
    Mutant(
        references.scalers_have_a_target,
        "nothing to scale",
        of(
            "HorizontalPodAutoscaler", "tagline-tagger", "spec", "scaleTargetRef", "name", value="x"
        ),
    ),
    Mutant(
        references.scalers_have_a_target,
        "nothing to scale by the queue",
        of("ScaledObject", "tagline-tagger", "spec", "scaleTargetRef", "name", value="x"),
        of=_KEDA,
    ),
    Mutant(
        references.scalers_have_a_target,
        "two that scale one",
        of(
            "HorizontalPodAutoscaler",
            "tagline-gateway",
            "spec",
            "scaleTargetRef",
            "name",
            value="tagline-tagger",
        ),
    ),
    Mutant(
        references.scalers_have_a_target,
        "a number of replicas besides",
        of("Deployment", "tagline-tagger", "spec", "replicas", value=2),
    ),
    Mutant(
        references.scalers_know_who_they_are,
        "no authentication",
        without("TriggerAuthentication", "tagline-scaler"),
        of=_KEDA,
    ),
    Mutant(
        references.scalers_ask_where_redis_is,
        "another address",
        of(
            "ScaledObject",
            "tagline-tagger",
            "spec",
            "triggers",
            0,
            "metadata",
            "address",
            value="tagline-redis:6379",
        ),
        of=_KEDA,
    ),
    Mutant(
        references.ingresses_lead_to_services,
        "a way to nowhere",
        of("Ingress", "tagline", *_PATH, "name", value="gateway"),
    ),
    Mutant(
        references.ingresses_lead_to_services,
        "a port that is not there",
        of("Ingress", "tagline", *_PATH, "port", value={"name": "web"}),
    ),
    Mutant(
        references.ingresses_lead_to_services,
        "no controller",
        of("Ingress", "tagline", "spec", "ingressClassName", value=""),
    ),
    Mutant(
        references.monitors_select_services,
        "one that is not watched",
        of(
            "ServiceMonitor",
            "tagline",
            "spec",
            "selector",
            "matchExpressions",
            0,
            "values",
            value=["tagline-gateway"],
        ),
        of=_KEDA,
    ),
    Mutant(
        references.monitors_select_services,
        "a port that is not there",
        of("ServiceMonitor", "tagline", "spec", "endpoints", 0, "port", value="metrics"),
        of=_KEDA,
    ),
    Mutant(
        references.volumes_are_there,
        "no such volume",
        of_container("volumeMounts", 0, "name", value="x"),
    ),
    Mutant(
        references.volumes_are_there,
        "no such claim",
        without("PersistentVolumeClaim", "tagline-blobs"),
        of=_VOLUMES,
    ),
    Mutant(
        references.settings_are_there,
        "no such ConfigMap",
        of_container("envFrom", 1, "configMapRef", "name", value="tagline-gateway"),
    ),
    Mutant(
        references.settings_are_there,
        "no such Secret",
        of_container("env", 0, "valueFrom", "secretKeyRef", "name", value="redis"),
    ),
    Mutant(
        references.settings_are_there,
        "no such key in it",
        of_container("env", 0, "valueFrom", "secretKeyRef", "key", value="password"),
    ),
    Mutant(
        references.settings_are_there,
        "no such Secret to mount",
        of_pod(
            "volumes",
            1,
            value={"name": "api-keys", "secret": {"secretName": "keys"}},
            of_service="redis",
        ),
    ),
    Mutant(
        references.settings_are_there,
        "an authentication by what is not there",
        of(
            "TriggerAuthentication",
            "tagline-scaler",
            "spec",
            "secretTargetRef",
            0,
            "key",
            value="x",
        ),
        of=_KEDA,
    ),
    Mutant(
        references.settings_roll_the_pods,
        "settings that are read at some time",
        of_container("envFrom", 1, "configMapRef", "name", value="tagline-gateway"),
    ),
)
