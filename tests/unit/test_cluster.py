"""What `make try-manifests` applies is the production overlay, with what a trial has."""

from __future__ import annotations

import yaml

from tests.cluster.overlay import Outside, rendered
from tests.manifests.rendering import ENVIRONMENT
from tests.support.needs import missing

OUTSIDE = Outside(
    url="http://10.0.0.1:30080",
    node="one",
    images="registry.test/tagline-{}:1.2",
    redis_image="registry.test/valkey:8",
    front_image="registry.test/nginx:1",
    provider="http://10.0.0.9/v1",
    provider_key="sk-test",
    blobs="s3://photos/tagline",
    blobs_key="key",
    blobs_secret="secret",
    network="10.0.0.0/16",
)


def test_the_trial_runs_its_own_images_with_its_own_secrets() -> None:
    kubectl = ENVIRONMENT / "kubectl"
    if not kubectl.exists():
        missing("there is no kubectl: make manifests installs one")
    manifests, secret = rendered(OUTSIDE, f"{kubectl} kustomize")

    found = {
        (each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(manifests)
    }
    images = {
        container["image"]
        for each in found.values()
        if each["kind"] in {"Deployment", "StatefulSet"}
        for container in each["spec"]["template"]["spec"]["containers"]
    }
    assert images == {
        *(f"registry.test/tagline-{name}:1.2" for name in ("gateway", "tagger", "notifier")),
        "registry.test/valkey:8",
        "registry.test/nginx:1",
    }
    assert {"tagline-redis-users", "tagline-api-keys", "tagline-s3", "tagline-openai"} <= {
        name for kind, name in found if kind == "Secret"
    }
    assert len(secret) == 64
    assert {name for kind, name in found if kind == "PodDisruptionBudget"} == {
        "tagline-gateway", "tagline-tagger", "tagline-notifier",
    }  # fmt: skip
