"""Whether the times of a pod's end fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from services.tagger.worker import LAST_WORDS_S
from tests.manifests.manifests import Manifests, Pod, Rule
from tests.manifests.settings import CLASSES, environment

ENDPOINTS_S: Final = 5
"""For how long a pod that is to end goes on to be sent requests, until every node knows."""

_SLEEP: Final = re.compile(r"time\.sleep\((\d+)\)")


def pre_stop_s(pod: Pod) -> int:
    hook = (pod.containers[0].get("lifecycle") or {}).get("preStop") or {}
    found = _SLEEP.search(" ".join(hook.get("exec", {}).get("command", [])))
    return int(found[1]) if found else hook.get("sleep", {}).get("seconds", 0)


def graces_fit(manifests: Manifests) -> Iterator[str]:
    """Before the kubelet kills it, a service has waited, drained and said its last words."""
    for pod in manifests.pods():
        if not pod.service:
            continue
        default = CLASSES[pod.service].model_fields["grace_s"].default
        grace_s = float(environment(manifests, pod).get("TAGLINE_GRACE_S", default))
        needed_s = pre_stop_s(pod) + grace_s + LAST_WORDS_S
        if (given_s := pod.spec.get("terminationGracePeriodSeconds", 30)) < needed_s:
            yield f"{pod.owner}: is killed after {given_s} s and may need {needed_s:g}"


def requests_end_first(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        if pod.service in {"gateway", "notifier"} and pre_stop_s(pod) < ENDPOINTS_S:
            yield f"{pod.owner}: closes its port while requests are still sent to it"


def rolled_one_by_one(manifests: Manifests) -> Iterator[str]:
    for each in manifests.of("Deployment"):
        said = each["spec"].get("strategy", {}).get("rollingUpdate", {})
        if said.get("maxUnavailable") != 0:
            yield f"Deployment/{each['metadata']['name']}: ends pods before others are ready"


RULES: Final[tuple[Rule, ...]] = (graces_fit, requests_end_first, rolled_one_by_one)
