"""The production overlay, changed only where a cluster to try it on is not one to run it on."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from tests.support.processes import ROOT

PRODUCTION: Final = ROOT / "deploy/kubernetes/overlays/production"
HERE: Final = Path(__file__).parent
SERVICES: Final = ("gateway", "tagger", "notifier")
KEY: Final = "try"


@dataclass(frozen=True)
class Outside:
    """What the cluster does not have: given by whoever tries it.

    `url`: where the front is reached. `node`: the node that stays, where Redis and the front
    run. `images`: of the services, with `{}` for the name. `provider`, `provider_key`: an
    OpenAI-compatible API; none, and the local model tags. `blobs`, `blobs_key`, `blobs_secret`:
    the bucket. `network`: in which both are, so that the policies let pods reach them.
    """

    url: str
    node: str
    images: str
    redis_image: str
    front_image: str
    provider: str
    provider_key: str
    blobs: str
    blobs_key: str
    blobs_secret: str
    network: str


def rendered(outside: Outside, kustomize: str) -> tuple[str, str]:
    """Return the manifests, and the secret of the API key in them. Raises `RuntimeError`."""
    secret = secrets.token_hex(32)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        for name in ("kustomization.yaml", "front.yaml"):
            text = Template((HERE / "overlay" / name).read_text())
            (at / name).write_text(text.substitute(_values(outside, secret, at)))
        done = subprocess.run(
            [*shlex.split(kustomize), folder], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{kustomize}: {done.stderr.strip()}")
    return done.stdout, secret


def _values(outside: Outside, secret: str, folder: Path) -> dict[str, str]:
    images = {}
    for service in SERVICES:
        name, _, tag = outside.images.format(service).rpartition(":")
        images[f"{service}_name"], images[f"{service}_tag"] = name, tag
    redis_name, _, redis_tag = outside.redis_image.rpartition(":")
    return {
        **vars(outside),
        **images,
        "redis_name": redis_name,
        "redis_tag": redis_tag,
        "production": os.path.relpath(PRODUCTION, folder.resolve()),
        "api_key": f"{KEY}:{secret}",
        **{f"{user}_secret": secrets.token_hex(16) for user in (*SERVICES, "admin", "scaler")},
    }
