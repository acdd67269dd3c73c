"""Networks that let through too much, or too little."""

from __future__ import annotations

from typing import Final

from tests.manifests import reach
from tests.manifests.manifests import Mutant

from .changes import GONE, of, without

_KEDA: Final = "network-policies+redis+s3+api-keys+ingress-nginx+autoscaling-keda+monitoring"
_VOLUMES: Final = "network-policies+redis+blobs-volume+api-keys+monitoring"
_ALL: Final = "0.0.0.0/0"
_RULE: Final = reach.only_what_has_to_be

MUTANTS: Final = (
    *(
        Mutant(_RULE, f"not {name}", without("NetworkPolicy", name))
        for name in (
            "services-to-dns",
            "services-to-redis",
            "redis-from-services",
            "blobs-to-s3",
            "web-from-ingress",
        )
    ),
    Mutant(_RULE, "not the provider", without("NetworkPolicy", "tagger-to-provider"), of=_VOLUMES),
    *(
        Mutant(_RULE, f"not {name}", without("NetworkPolicy", name), of=_KEDA)
        for name in ("metrics-from-monitoring", "redis-from-services")
    ),
    Mutant(
        _RULE,
        "Redis for everybody inside",
        of(
            "NetworkPolicy",
            "redis-from-services",
            "spec",
            "ingress",
            0,
            "from",
            value=[{"podSelector": {}}],
        ),
    ),
    Mutant(
        _RULE,
        "Redis for all the world",
        of("NetworkPolicy", "redis-from-services", "spec", "ingress", 0, "from", value=GONE),
    ),
    Mutant(
        _RULE,
        "the notifier for pods of any namespace",
        of(
            "NetworkPolicy",
            "web-from-ingress",
            "spec",
            "ingress",
            0,
            "from",
            value=[{"namespaceSelector": {}}],
        ),
    ),
    Mutant(
        _RULE,
        "the credentials of the machine",
        of(
            "NetworkPolicy",
            "tagger-to-provider",
            "spec",
            "egress",
            0,
            "to",
            value=[{"ipBlock": {"cidr": _ALL}}],
        ),
    ),
    Mutant(
        _RULE,
        "any port",
        of("NetworkPolicy", "tagger-to-provider", "spec", "egress", 0, "ports", value=GONE),
    ),
    Mutant(
        _RULE,
        "names at another port",
        of(
            "NetworkPolicy", "services-to-dns", "spec", "egress", 0, "ports", value=[{"port": 5353}]
        ),
    ),
    Mutant(
        _RULE,
        "everything that a pod may send",
        of("NetworkPolicy", "services-to-redis", "spec", "egress", value=[{}]),
    ),
)
